import { readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { configDocument } from '../../../src/config/document.ts';

describe('docs/CONFIG.md', () => {
  it('is what scripts/config-doc.ts writes', () => {
    const page = readFileSync(new URL('../../../docs/CONFIG.md', import.meta.url), 'utf8');

    assert.equal(page, configDocument(), 'run: node scripts/config-doc.ts');
  });
});
