/** What comes into the product from elsewhere, and what must not go out with it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, describe, it } from 'vitest';
import { type Lockfile, lockfileProblems, type Manifest } from '../../scripts/supply-chain/lockfile.ts';
import { secretsIn } from '../../scripts/supply-chain/secrets.ts';

const root = join(import.meta.dirname, '../..');
const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));

const manifest: Manifest = {
  dependencies: { libp2p: '3.3.11' },
  devDependencies: {},
  allowScripts: { level: true },
};
const well = { version: '3.3.11', integrity: 'sha512-x' };

function problemsOf(packages: Lockfile['packages'], changes: Partial<Manifest> = {}): readonly string[] {
  return lockfileProblems({ packages: { '': {}, ...packages } }, { ...manifest, ...changes });
}

describe('tidy/supply-chain', () => {
  it('the lockfile is in order', () => {
    assert.deepEqual(
      lockfileProblems(read('package-lock.json') as Lockfile, read('package.json') as Manifest),
      [],
    );
  });

  it('no secret is committed', () => {
    const main = join(root, 'scripts/supply-chain/main.ts');

    const told = execFileSync(process.execPath, [main, 'check'], { encoding: 'utf8', stdio: 'pipe' });

    assert.include(told, 'no secret is committed');
  });

  it.each([
    ['nothing', { 'node_modules/libp2p': well }, []],
    [
      'an old gossipsub',
      { 'node_modules/@libp2p/gossipsub': { ...well, version: '17.1.0' } },
      ['is below 17.1.1'],
    ],
    [
      'two libp2p',
      { 'node_modules/libp2p': well, 'node_modules/x/node_modules/libp2p': { ...well, version: '3.0.0' } },
      ['is there in 2 versions'],
    ],
    ['the same twice', { 'node_modules/libp2p': well, 'node_modules/x/node_modules/libp2p': well }, []],
    ['an abandoned package', { 'node_modules/@chainsafe/libp2p-gossipsub': well }, ['no longer maintained']],
    ['no checksum', { 'node_modules/libp2p': { version: '3.3.11' } }, ['has no checksum']],
    ['an install script', { 'node_modules/x': { ...well, hasInstallScript: true } }, ['wants to run code']],
    ['one that is allowed', { 'node_modules/level': { ...well, hasInstallScript: true } }, []],
  ])('finds in a lockfile with %s what is wrong', (_, packages, expected) => {
    const problems = problemsOf(packages);

    assert.lengthOf(problems, expected.length);
    for (const [index, part] of expected.entries()) assert.include(problems[index] ?? '', part);
  });

  it.each(['^3.3.11', '~3.3.11', '3.x', 'latest', '>=3.0.0', 'github:a/b'])(
    'wants exact versions, and %s is none',
    version => {
      const problems = problemsOf({ 'node_modules/libp2p': well }, { dependencies: { libp2p: version } });

      assert.lengthOf(problems, 1);
      assert.include(problems[0] ?? '', 'no exact version');
    },
  );

  it.each([
    ['private key', `x\n-----BEGIN ${'PRIVATE'} KEY-----\n${'A'.repeat(60)}\n`, 2],
    ['access key of a cloud', `key = ${'AKIA'}${'A1'.repeat(8)}`, 1],
    ['token of a code host', `ghp${'_'}${'a'.repeat(36)}`, 1],
    ['token of Vault', `hvs${'.'}${'a'.repeat(30)}`, 1],
    ['signed token', `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`, 1],
    ['password in an address', `\n\nhttp://me:${'hunter22'}${'hunter22'}@example`, 3],
  ])('finds a %s, and says where without showing it', (kind, text, line) => {
    assert.deepEqual(secretsIn(text), [{ line, kind }]);
  });

  it('takes neither names of secrets nor public keys for one', () => {
    const text =
      'FIRSTHAND_SECRET=$SECRET\n-----BEGIN PUBLIC KEY-----\nAAAA\nhttp://host:7980/peers?a=b@c\n12D3KooWabc';

    assert.deepEqual(secretsIn(text), []);
  });
});
