import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { ClusterKey } from '../../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../../src/identity/cluster-keyring.ts';
import { keyringFileName, openKeyring, saveKeyring } from '../../../src/identity/keyring-file.ts';
import { KeyringKeeper } from '../../../src/identity/keyring-keeper.ts';

const cluster = 'blue';
const hour = 3_600_000;

function keyOf(n: number): ClusterKey {
  return new ClusterKey({ cluster, secret: `secret number ${n} of this cluster`, source: `place ${n}` });
}
const [one, two, three] = [keyOf(1), keyOf(2), keyOf(3)];

describe('identity/keyring', () => {
  let directory: string;
  let nowMs: number;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firsthand-keyring-'));
    nowMs = 1_000_000;
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const place = () => ({ cluster, directory });
  const path = () => join(directory, keyringFileName);
  const open = (configured = one) => openKeyring(place(), configured, nowMs);
  async function keeper(configured = one) {
    const { held, retired } = await open(configured);
    const keyring = new ClusterKeyring(held);
    return new KeyringKeeper(
      { ...place(), source: path(), acceptOldMs: hour },
      { keyring, retired, wallMs: () => nowMs, onChanged: () => {}, onFailed: () => {} },
    );
  }
  const add = (key: ClusterKey) => ({ type: 'add', secret: key.reveal() }) as const;
  const use = (key: ClusterKey) => ({ type: 'use', id: key.id }) as const;
  const drop = (key: ClusterKey) => ({ type: 'drop', id: key.id }) as const;

  it('writes nothing before the secret is changed, whatever was configured', async () => {
    await keeper();
    await keeper(keyOf(9));

    assert.deepEqual(await readdir(directory), []);
  });

  it('goes from one secret to another in three steps, each of them safe to repeat', async () => {
    const { apply, ...rest } = bound(await keeper());

    for (const command of [add(two), add(two)]) {
      assert.deepEqual(await apply(command), { outcome: 'done', ids: [one.id, two.id], older: [] });
    }
    for (const command of [use(two), use(two), add(two)]) {
      assert.deepEqual(await apply(command), { outcome: 'done', ids: [two.id], older: [one.id] });
    }
    for (const command of [drop(one), drop(one)]) {
      assert.deepEqual(await apply(command), { outcome: 'done', ids: [two.id], older: [] });
    }
    assert.isFalse(rest.keyring.secrets.includes(one.reveal()));
    assert.isTrue(rest.keyring.secrets.includes(two.reveal()));
  });

  it('refuses to use what it has never been given, and to drop what it uses', async () => {
    const { apply } = bound(await keeper());

    assert.equal((await apply(use(two))).outcome, 'unknown');
    assert.equal((await apply(drop(one))).outcome, 'in-use');
  });

  it('takes no more than four', async () => {
    const { apply } = bound(await keeper());

    const outcomes = [];
    for (const n of [2, 3, 4, 5]) outcomes.push((await apply(add(keyOf(n)))).outcome);

    assert.deepEqual(outcomes, ['done', 'done', 'done', 'full']);
  });

  it('accepts the old one until its time is over', async () => {
    const kept = await keeper();
    await kept.apply(add(two));
    await kept.apply(use(two));

    nowMs += hour - 1;
    await kept.expire();
    assert.isTrue(kept.keyring.secrets.includes(one.reveal()));
    nowMs += 1;
    await kept.expire();

    assert.isFalse(kept.keyring.secrets.includes(one.reveal()));
    assert.isTrue(kept.hasReplaced(one.id));
  });

  it('comes back with the one in use when the operator still has the one that was replaced', async () => {
    const kept = await keeper();
    for (const command of [add(two), use(two), drop(one)]) await kept.apply(command);

    const opened = await open(one);

    assert.equal(opened.configured, 'replaced');
    assert.deepEqual(
      opened.held.map(({ key }) => key.id),
      [two.id],
    );
  });

  it('comes back in the middle of a change, and with what ran out meanwhile gone', async () => {
    const kept = await keeper();
    for (const command of [add(two), use(two), add(three)]) await kept.apply(command);

    const before = await open(one);
    nowMs += hour;
    const after = await open(one);

    assert.deepEqual(before.configured, 'accepted');
    assert.deepEqual(
      before.held.map(({ key }) => key.id),
      [two.id, one.id, three.id],
    );
    assert.deepEqual(after.configured, 'replaced');
    assert.deepEqual(
      after.held.map(({ key }) => key.id),
      [two.id, three.id],
    );
  });

  it('goes by what the operator configured anew, alone', async () => {
    const kept = await keeper();
    for (const command of [add(two), use(two)]) await kept.apply(command);

    const opened = await open(three);

    assert.equal(opened.configured, 'only');
    assert.deepEqual(opened.held, [{ key: three }]);
  });

  it('names the place that the operator knows where both have the secret', async () => {
    const kept = await keeper();
    for (const command of [add(two), use(two)]) await kept.apply(command);

    const opened = await open(two);

    assert.equal(opened.configured, 'in-use');
    assert.equal(opened.held[0]?.key.source, 'place 2');
  });

  it('promises nothing that it could not write, and says so in its answer', async () => {
    const kept = await keeper();
    await rm(directory, { recursive: true });
    await writeFile(directory, 'in its place');

    const answer = await kept.apply(add(two));

    assert.deepEqual(answer, { outcome: 'failed', ids: [one.id], older: [] });
    assert.isFalse(kept.keyring.secrets.includes(two.reveal()));
  });

  it('keeps its file from other users, and refuses one that they can read', async () => {
    await saveKeyring(place(), { held: [{ key: one }], retired: [] });
    assert.equal((await stat(path())).mode & 0o777, 0o600);

    await chmod(path(), 0o640);

    await refused(/open to other users .*run: chmod 600/);
  });

  it.each([
    ['no JSON', '{"format":1,"cl'],
    ['another format', '{"format":2,"cluster":"blue","keys":[{"secret":"x"}],"retired":[]}'],
    ['no secret', '{"format":1,"cluster":"blue","keys":[],"retired":[]}'],
    ['another cluster', '{"format":1,"cluster":"red","keys":[{"secret":"very secret"}],"retired":[]}'],
    [
      'a secret twice',
      '{"format":1,"cluster":"blue","keys":[{"secret":"very secret"},{"secret":"very secret"}],"retired":[]}',
    ],
    ['too much', ' '.repeat(20_000)],
  ])('refuses a file with %s, leaves it there, and quotes nothing of it', async (_what, text) => {
    await writeFile(path(), text, { mode: 0o600 });

    const error = await refused(/to start with the configured secret alone, move it away/);

    assert.notInclude(error.message, 'very secret');
    assert.equal(await readFile(path(), 'utf8'), text);
  });

  async function refused(message: RegExp): Promise<FirsthandError> {
    const error = await open().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.instanceOf(error, FirsthandError);
    assert.equal((error as FirsthandError).code, 'KEY_UNUSABLE');
    assert.match((error as FirsthandError).message, message);
    return error as FirsthandError;
  }
});

function bound(keeper: KeyringKeeper) {
  return { apply: keeper.apply.bind(keeper), keyring: keeper.keyring };
}
