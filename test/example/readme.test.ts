/** The README's own example and demo, run as they are written there. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

describe('README', { timeout: 120_000 }, () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firsthand-example-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('embeds an agent as its example says', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const example = /<!-- example -->\n```ts\n([\s\S]*?)```/.exec(readme)?.[1];
    assert.isString(example);
    await mkdir(join(directory, 'node_modules'));
    await symlink(root, join(directory, 'node_modules', 'firsthand'));
    await writeFile(join(directory, 'example.ts'), example ?? '');

    const { stdout } = await run(process.execPath, ['example.ts'], { cwd: directory });

    const lines = stdout.trim().split('\n').sort();
    assert.equal(lines.length, 2, stdout);
    assert.match(lines[0] ?? '', /^embedded-1 .+ alive$/);
    assert.equal(lines[1], 'llama-70b 10.0.0.7:8000 alive');
  });

  it('shows a service at all three agents of its demo', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'scripts/demo.ts'), '--once']);

    assert.match(stdout, /answered "registered" after \d+ ms, listed by the other two after \d+ ms/);
  });
});
