import { copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, describe, it, onTestFinished } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { KeyRotationFiles } from '../../../src/identity/key-rotation-files.ts';

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'firsthand-keys-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** What a process leaves behind that is killed after so many of its steps, in the order in which it takes them. */
const steps: readonly ((path: string) => void)[] = [
  path => writeFileSync(`${path}.next.tmp`, 'half a k', { mode: 0o600 }),
  path => renameSync(`${path}.made`, `${path}.next`),
  path => writeFileSync(`${path}.former.tmp`, 'half a k', { mode: 0o600 }),
  path => copyFileSync(path, `${path}.former`),
  path => renameSync(`${path}.next`, path),
];
const committed = steps.length;

describe('identity/key rotation files', () => {
  it('goes through a whole rotation, and leaves one file that only its owner reads', async () => {
    const directory = emptyDirectory();
    const files = new KeyRotationFiles({ directory });
    const { key, former } = await files.open();

    const next = await files.prepare();
    await files.commit();
    const between = await files.open();
    await files.finish();
    const after = await files.open();

    assert.equal(former, undefined);
    assert.equal(between.key.peerId, next.peerId);
    assert.equal(between.former?.peerId, key.peerId);
    assert.equal(after.key.peerId, next.peerId);
    assert.equal(after.former, undefined);
    assert.deepEqual(readdirSync(directory), ['identity.key']);
    assert.equal(statSync(join(directory, 'identity.key')).mode & 0o077, 0);
  });

  for (let count = 0; count <= steps.length; count++) {
    const outcome = count < committed ? 'the former key' : 'the next key, with the former beside it';
    it(`opens with ${outcome} when the process was killed after step ${count} of ${steps.length}`, async () => {
      const directory = emptyDirectory();
      const elsewhere = emptyDirectory();
      const path = join(directory, 'identity.key');
      const { key } = await new KeyRotationFiles({ directory }).open();
      const { key: next } = await new KeyRotationFiles({ directory: elsewhere }).open();
      copyFileSync(join(elsewhere, 'identity.key'), `${path}.made`);
      for (const step of steps.slice(0, count)) step(path);
      rmSync(`${path}.made`, { force: true });

      const opened = await new KeyRotationFiles({ directory }).open();

      assert.equal(opened.key.peerId, count < committed ? key.peerId : next.peerId);
      assert.equal(opened.former?.peerId, count < committed ? undefined : key.peerId);
      const again = new KeyRotationFiles({ directory });
      assert.equal((await again.open()).rolledBack, false);
      if (count < committed) {
        await again.prepare();
        await again.commit();
        assert.equal((await again.open()).former?.peerId, key.peerId);
      }
    });
  }

  it('makes another key after one was set aside, and keeps that one for whoever looks into it', async () => {
    const directory = emptyDirectory();
    const files = new KeyRotationFiles({ directory });
    const { key } = await files.open();

    await files.setAside();

    assert.notEqual((await files.open()).key.peerId, key.peerId);
    assert.deepEqual(readdirSync(directory).sort(), ['identity.key', 'identity.key.revoked']);
  });

  it('refuses a former key that is damaged, and says which file it is', async () => {
    const directory = emptyDirectory();
    const files = new KeyRotationFiles({ directory });
    await files.open();
    writeFileSync(join(directory, 'identity.key.former'), 'no key', { mode: 0o600 });

    const error = await files.open().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );

    assert.instanceOf(error, FirsthandError);
    assert.equal((error as FirsthandError).code, 'KEY_UNUSABLE');
    assert.include((error as FirsthandError).message, 'identity.key.former');
  });
});
