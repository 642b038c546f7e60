import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { openKeyFile } from '../../../src/identity/key-file.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-key-'));
  path = join(directory, 'identity.key');
});

afterEach(() => rm(directory, { recursive: true }));

async function refusal(
  act: () => Promise<unknown> = () => openKeyFile({ directory }),
): Promise<FirsthandError> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'KEY_UNUSABLE');
    assert.notInclude(error.message, '\n');
    return error;
  }
  assert.fail('the key was accepted');
}

async function writeKey(key: KeyObject): Promise<void> {
  await writeFile(path, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
}

describe('identity/key-file', () => {
  it('makes a key at the first start and finds the same one at the next', async () => {
    const first = await openKeyFile({ directory });
    const second = await openKeyFile({ directory });

    assert.equal(second.peerId, first.peerId);
    assert.deepEqual(await readdir(directory), ['identity.key']);
  });

  it('makes different keys in different directories', async () => {
    const other = join(directory, 'not', 'there', 'yet');

    assert.notEqual(
      (await openKeyFile({ directory: other })).peerId,
      (await openKeyFile({ directory })).peerId,
    );
  });

  it('writes PKCS#8 in PEM that only its owner can read', async () => {
    await openKeyFile({ directory });

    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.match(await readFile(path, 'utf8'), /^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('makes a key although a killed start left a draft', async () => {
    await writeFile(`${path}.tmp`, 'half');

    await openKeyFile({ directory });

    assert.deepEqual(await readdir(directory), ['identity.key']);
  });

  for (const mode of [0o640, 0o604, 0o660, 0o601]) {
    it(`refuses a key of mode ${mode.toString(8)} and says how to mend it`, async () => {
      await openKeyFile({ directory });
      await chmod(path, mode);

      assert.include((await refusal()).message, `chmod 600 '${path}'`);
    });
  }

  for (const [what, text, said] of [
    ['empty', '', 'PEM'],
    ['no PEM', 'hello', 'PEM'],
    ['cut off', '-----BEGIN PRIVATE KEY-----\nMC4CAQ', 'PEM'],
    ['far too large', 'x'.repeat(100_000), '100000 bytes'],
  ] as const) {
    it(`refuses a key file that is ${what}, and leaves it as it is`, async () => {
      await writeFile(path, text, { mode: 0o600 });

      const { message } = await refusal();

      assert.include(message, path);
      assert.include(message, said);
      assert.equal(await readFile(path, 'utf8'), text);
    });
  }

  describe('with something to encrypt it with', () => {
    const open = (...passphrases: readonly string[]) => openKeyFile({ directory, passphrases });
    const encrypted = /^-----BEGIN ENCRYPTED PRIVATE KEY-----/;

    it('encrypts a new key, and opens it again with that alone', async () => {
      const { peerId } = await open('first passphrase');

      assert.match(await readFile(path, 'utf8'), encrypted);
      assert.equal((await open('first passphrase')).peerId, peerId);
      assert.include((await refusal()).message, 'is encrypted, and no key is given');
      assert.include((await refusal(() => open('another one'))).message, 'is encrypted with another key');
    });

    it('encrypts one that was not, and keeps the identity', async () => {
      const { peerId } = await open();

      assert.equal((await open('first passphrase')).peerId, peerId);

      assert.match(await readFile(path, 'utf8'), encrypted);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    });

    it('encrypts it anew when there is another passphrase before the one it has', async () => {
      const { peerId } = await open('first passphrase');

      assert.equal((await open('second passphrase', 'first passphrase')).peerId, peerId);

      assert.equal((await open('second passphrase')).peerId, peerId);
      await refusal(() => open('first passphrase'));
    });
  });

  it('refuses a key of another type and names it', async () => {
    await writeKey(generateKeyPairSync('x25519').privateKey);

    assert.include((await refusal()).message, 'x25519');
  });

  it('refuses a public key', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    await writeFile(path, publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o600 });

    await refusal();
  });

  it('refuses a directory in the place of the key', async () => {
    await mkdir(path, { mode: 0o700 });

    assert.include((await refusal()).message, 'EISDIR');
  });

  it('refuses a place where nothing can be written', async () => {
    await writeFile(join(directory, 'file'), '');
    directory = join(directory, 'file');
    try {
      await refusal();
    } finally {
      directory = join(directory, '..');
    }
  });
});
