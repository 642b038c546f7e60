/** Writes docs/CONFIG.md: `node scripts/config-doc.ts`. */
import { writeFileSync } from 'node:fs';
import { configDocument } from '../src/config/document.ts';

writeFileSync(new URL('../docs/CONFIG.md', import.meta.url), configDocument());
