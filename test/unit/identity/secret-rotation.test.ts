import { assert, describe, it } from 'vitest';
import { FirsthandError } from '../../../src/errors.ts';
import { ClusterKey } from '../../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../../src/identity/cluster-keyring.ts';
import { KeyringKeeper } from '../../../src/identity/keyring-keeper.ts';
import { SecretRotation } from '../../../src/identity/secret-rotation.ts';
import type { RotationMember } from '../../../src/runtime/cluster-secret.ts';
import type { KeyCommand } from '../../../src/wire/keys.ts';

const cluster = 'blue';
const first = 'the first secret of the cluster';
const second = 'the second secret of the cluster';
const idOf = (secret: string) => new ClusterKey({ cluster, secret, source: '' }).id;

/** Agents in one process, each with a keyring in memory. */
class Agents {
  readonly keepers = new Map<string, KeyringKeeper>();
  readonly unreachable = new Set<string>();
  /** Every command that was asked, in order. */
  readonly asked: string[] = [];
  onAsk: (member: string, command: KeyCommand) => void = () => {};

  constructor(names: readonly string[]) {
    for (const name of names) this.join(name);
  }

  join(name: string, secret = first): void {
    const keyring = new ClusterKeyring([{ key: new ClusterKey({ cluster, secret, source: name }) }]);
    const keeper = new KeyringKeeper(
      { cluster, directory: '', source: name, acceptOldMs: 1_000 },
      {
        keyring,
        retired: [],
        wallMs: () => 0,
        save: async () => {},
        onChanged: () => {},
        onFailed: () => {},
      },
    );
    this.keepers.set(name, keeper);
  }

  rotation(self: string, stepTimeoutMs = 0): SecretRotation {
    return new SecretRotation(
      { cluster, stepTimeoutMs },
      {
        keeper: this.keeper(self),
        members: () => this.#others(self),
        ask: async ({ id }, command) => {
          this.asked.push(`${command.type} ${id}`);
          this.onAsk(id, command);
          if (this.unreachable.has(id)) throw new Error('no route to it');
          return this.keeper(id).apply(command);
        },
      },
    );
  }

  keeper(name: string): KeyringKeeper {
    const found = this.keepers.get(name);
    if (found === undefined) throw new TypeError(`no agent ${name}`);
    return found;
  }

  #others(self: string): readonly RotationMember[] {
    return [...this.keepers.keys()]
      .filter(name => name !== self)
      .map(name => ({ id: name, peer: `peer of ${name}`, multiaddrs: [] }));
  }

  /** Whether any two have a secret in common, and each can open what any other seals now. */
  areTogether(): boolean {
    const all = [...this.keepers.values()].map(({ keyring }) => keyring);
    return all.every(one => all.every(other => other.key(one.primary.id) !== undefined));
  }
}

describe('identity/secret-rotation', () => {
  it('has everybody use the new secret, and accept the old one for a while', async () => {
    const agents = new Agents(['a', 'b', 'c']);

    const view = await agents.rotation('a').rotate({ secret: second, dropOld: false });

    assert.deepEqual(view, {
      status: 'done',
      step: 'use',
      keyId: idOf(second),
      confirmed: 3,
      missing: [],
    });
    for (const keeper of agents.keepers.values()) {
      assert.equal(keeper.keyring.primary.id, idOf(second));
      assert.deepEqual(keeper.older, [idOf(first)]);
    }
  });

  it('drops the old one everywhere when it is told to', async () => {
    const agents = new Agents(['a', 'b', 'c']);

    await agents.rotation('a').rotate({ dropOld: true });

    for (const { keyring } of agents.keepers.values()) {
      assert.lengthOf(keyring.keys, 1);
      assert.isFalse(keyring.secrets.includes(first));
    }
    assert.isTrue(agents.areTogether());
  });

  it('keeps everybody together after every single command', async () => {
    const agents = new Agents(['a', 'b', 'c', 'd']);
    const apart: string[] = [];
    agents.onAsk = (member, { type }) => {
      if (!agents.areTogether()) apart.push(`${type} ${member}`);
    };

    await agents.rotation('a').rotate({ secret: second, dropOld: true });

    assert.isAbove(agents.asked.length, 9);
    assert.deepEqual(apart, []);
  });

  it('lets nobody use the new one while somebody has not accepted it, and says who', async () => {
    const agents = new Agents(['a', 'b', 'c']);
    agents.unreachable.add('c');

    const view = await agents.rotation('a').rotate({ secret: second, dropOld: false });

    assert.deepEqual(view, {
      status: 'waiting',
      step: 'add',
      keyId: idOf(second),
      confirmed: 2,
      missing: [{ id: 'c', peerId: 'peer of c', why: 'no route to it' }],
    });
    for (const { keyring } of agents.keepers.values()) assert.equal(keyring.primary.id, idOf(first));
  });

  it('goes on with what is not over when it is asked again, also for another agent', async () => {
    const agents = new Agents(['a', 'b', 'c']);
    agents.unreachable.add('c');
    await agents.rotation('a').rotate({ secret: second, dropOld: false });
    agents.unreachable.clear();

    const view = await agents.rotation('b').rotate({ dropOld: false });

    assert.equal(view.status, 'done');
    assert.equal(view.keyId, idOf(second));
    for (const { keyring } of agents.keepers.values()) assert.equal(keyring.primary.id, idOf(second));
  });

  it('goes on with the same secret when it stood still before the last had used it', async () => {
    const agents = new Agents(['a', 'b', 'c']);
    agents.onAsk = (member, { type }) => {
      if (type === 'use' && member === 'c') agents.unreachable.add('c');
    };
    const stopped = await agents.rotation('a').rotate({ secret: second, dropOld: false });
    agents.onAsk = () => {};
    agents.unreachable.clear();

    const view = await agents.rotation('a').rotate({ dropOld: false });

    assert.deepEqual([stopped.status, stopped.step], ['waiting', 'use']);
    assert.deepEqual([view.status, view.keyId], ['done', idOf(second)]);
    for (const { keyring } of agents.keepers.values()) assert.equal(keyring.primary.id, idOf(second));
  });

  it('waits for a member that is there a moment later', async () => {
    const agents = new Agents(['a', 'b']);
    agents.unreachable.add('b');
    let tries = 0;
    agents.onAsk = () => {
      tries += 1;
      if (tries === 2) agents.unreachable.clear();
    };

    const view = await agents.rotation('a', 20_000).rotate({ secret: second, dropOld: false });

    assert.equal(view.status, 'done');
  });

  it('takes along a member that joins between the steps', async () => {
    const agents = new Agents(['a', 'b']);
    agents.onAsk = (_member, { type }) => {
      if (type === 'use' && !agents.keepers.has('late')) agents.join('late');
    };

    const view = await agents.rotation('a', 20_000).rotate({ secret: second, dropOld: false });

    assert.equal(view.confirmed, 3);
    assert.equal(agents.keeper('late').keyring.primary.id, idOf(second));
  });

  it('begins no change beside one that was begun elsewhere', async () => {
    const agents = new Agents(['a', 'b', 'c']);
    await agents.keeper('b').apply({ type: 'add', secret: 'what somebody else has begun' });

    const error = await agents
      .rotation('a')
      .rotate({ secret: second, dropOld: false })
      .catch((thrown: unknown) => thrown);

    assert.instanceOf(error, FirsthandError);
    assert.equal((error as FirsthandError).code, 'ROTATION_CONFLICT');
    assert.match((error as FirsthandError).message, /b has been given another secret/);
  });

  it('begins no new change while somebody does not use the last one, though this agent does', async () => {
    const agents = new Agents(['a', 'b', 'c']);
    await agents.rotation('a').rotate({ secret: second, dropOld: false });
    agents.keepers.delete('c');
    agents.join('c');

    const view = await agents.rotation('a').rotate({ dropOld: false });

    assert.deepEqual([view.status, view.keyId], ['done', idOf(second)]);
    assert.equal(agents.keeper('c').keyring.primary.id, idOf(second));
  });

  it('begins a new change when all use the last one', async () => {
    const agents = new Agents(['a', 'b']);
    await agents.rotation('a').rotate({ secret: second, dropOld: false });

    const view = await agents.rotation('a').rotate({ dropOld: false });

    assert.equal(view.status, 'done');
    assert.notEqual(view.keyId, idOf(second));
  });

  it('finishes dropping the old one before it makes up another', async () => {
    const agents = new Agents(['a', 'b']);
    await agents.rotation('a').rotate({ secret: second, dropOld: false });

    const view = await agents.rotation('a').rotate({ dropOld: true });

    assert.equal(view.keyId, idOf(second));
    for (const { keyring } of agents.keepers.values()) assert.isFalse(keyring.secrets.includes(first));
  });

  it('takes one call at a time', async () => {
    const rotation = new Agents(['a', 'b']).rotation('a');

    const begun = rotation.rotate({ dropOld: false });

    assert.throws(() => rotation.rotate({ dropOld: false }), FirsthandError, /already/);
    assert.equal((await begun).status, 'done');
  });
});
