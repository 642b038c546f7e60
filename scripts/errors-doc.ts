/** Writes docs/ERRORS.md from the catalogue; a test checks that it was. */
import { writeFile } from 'node:fs/promises';
import { errorsDocument } from './errors-document.ts';

await writeFile(new URL('../docs/ERRORS.md', import.meta.url), errorsDocument());
