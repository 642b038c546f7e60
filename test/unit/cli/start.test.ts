import { assert, describe, it, vi } from 'vitest';
import type { AgentModule, RunningAgent } from '../../../src/cli/commands/start.ts';
import type { Settings } from '../../../src/config/settings.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { writeInvite } from '../../../src/wire/grant.ts';
import { grantFrom } from '../../authority-builder.ts';
import { keyNumber, testCluster } from '../../record-builder.ts';
import { FakeIo, run } from './fake-io.ts';

const ready = {
  id: 'web-1',
  peer_id: '12D3KooWtest',
  multiaddrs: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWtest'],
  probe: '127.0.0.1:4001',
  http: 'http://127.0.0.1:7980',
};

/** An agent that ends when it is told to. */
class FakeAgent implements RunningAgent {
  readonly ready = ready;
  readonly #closed = Promise.withResolvers<'left' | 'stopped'>();
  readonly closed = this.#closed.promise;
  stopsCount = 0;
  settings: Settings | undefined;

  readonly parts = {
    loadAgent: (): Promise<AgentModule> =>
      Promise.resolve({
        startAgent: ({ settings }) => {
          this.settings = settings;
          return Promise.resolve(this);
        },
      }),
  };

  leave(): void {
    this.#closed.resolve('left');
  }

  fail(error: Error): void {
    this.#closed.reject(error);
  }

  stop(): Promise<void> {
    this.stopsCount += 1;
    this.#closed.resolve('stopped');
    return Promise.resolve();
  }
}

const deadline = { timeout: 10_000 };
const start = ['start', '--log-level', 'silent'];
const readyLine = `${JSON.stringify({ event: 'ready', ...ready })}\n`;

describe('cli/start', () => {
  it('prints one line when the agent is ready, stops it on a signal, and ends well', async () => {
    const agent = new FakeAgent();
    const io = new FakeIo();

    const ended = run(start, io, agent.parts);
    await vi.waitUntil(() => io.stdout !== '', deadline);
    io.signal();
    const { code, stdout, stderr } = await ended;

    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: readyLine, stderr: '' });
    assert.equal(agent.stopsCount, 1);
    assert.isFalse(io.listensToSignals);
  });

  it('ends well when the agent has left', async () => {
    const agent = new FakeAgent();
    agent.leave();

    const { code } = await run(start, new FakeIo(), agent.parts);

    assert.equal(code, 0);
  });

  it('hands flags, variables and defaults to the agent as settings', async () => {
    const agent = new FakeAgent();
    agent.leave();
    const io = new FakeIo({ env: { FIRSTHAND_TYPE: 'proxy', FIRSTHAND_CLUSTER: 'variable' } });
    const flags =
      '--cluster flag --seed /ip4/10.0.0.1/tcp/1 --seed /dns4/b/tcp/2 --capability a --no-mdns --no-load-balancer';

    await run([...start, ...flags.split(' ')], io, agent.parts);

    assert.equal(agent.settings?.identity.cluster, 'flag');
    assert.equal(agent.settings?.node.type, 'proxy');
    assert.equal(agent.settings?.node.loadBalancer, false);
    assert.deepEqual(agent.settings?.node.capabilities, ['a']);
    assert.deepEqual(agent.settings?.net.seeds, ['/ip4/10.0.0.1/tcp/1', '/dns4/b/tcp/2']);
    assert.equal(agent.settings?.net.mdns, false);
    assert.equal(agent.settings?.net.dht, true);
  });

  it('exits at once on a second signal', async () => {
    const agent = new FakeAgent();
    const stopped = Promise.withResolvers<void>();
    agent.stop = () => stopped.promise;
    const io = new FakeIo();

    const ended = run(start, io, agent.parts);
    await vi.waitUntil(() => io.stdout !== '', deadline);
    io.signal();
    assert.deepEqual(io.exits, []);
    io.signal();

    assert.deepEqual(io.exits, [1]);
    stopped.resolve();
    await ended;
  });

  it('does not announce an agent that was told to stop while it was starting', async () => {
    const agent = new FakeAgent();
    const io = new FakeIo();
    const loadAgent = () => {
      io.signal();
      return agent.parts.loadAgent();
    };

    const { code, stdout } = await run(start, io, { loadAgent });

    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
    assert.equal(agent.stopsCount, 1);
  });

  it('keeps the agent when nobody reads the ready line', async () => {
    const agent = new FakeAgent();
    const io = new FakeIo();
    io.readableCount = 0;

    const ended = run(start, io, agent.parts);
    await vi.waitUntil(() => agent.settings !== undefined, deadline);
    assert.equal(agent.stopsCount, 0);
    agent.leave();

    assert.equal((await ended).code, 0);
  });

  it.each([
    ['STORE_LOCKED', 1, 'firsthand: another process holds the data directory\n'],
    ['ADDRESS_IN_USE', 1, 'firsthand: the address is taken by another process\n'],
  ] as const)('ends with one sentence when the agent cannot start: %s', async (errorCode, code, stderr) => {
    const loadAgent = () =>
      Promise.resolve({ startAgent: () => Promise.reject(new FirsthandError(errorCode)) });

    assert.deepEqual(await run(start, new FakeIo(), { loadAgent }), { code, stdout: '', stderr });
  });

  it('ends with one sentence and a failure when the agent cannot go on', async () => {
    const agent = new FakeAgent();
    agent.fail(new FirsthandError('STORE_FAILED'));

    const { code, stderr } = await run(start, new FakeIo(), agent.parts);

    assert.deepEqual({ code, stderr }, { code: 1, stderr: 'firsthand: the database refused a write\n' });
  });

  describe('with an invite', () => {
    const line = writeInvite(grantFrom(keyNumber(1).peerId).wire);

    it.each([
      ['the flag', ['--join', line], {}],
      ['the variable', [], { FIRSTHAND_JOIN: line }],
    ])('takes the cluster from it: by %s', async (_, flags, env) => {
      const agent = new FakeAgent();
      agent.leave();

      const { code } = await run([...start, ...flags], new FakeIo({ env }), agent.parts);

      assert.equal(code, 0);
      assert.equal(agent.settings?.identity.cluster, testCluster);
      assert.equal(agent.settings?.authority.join, line);
    });

    it('leaves a cluster that was named as it is, for the agent to compare', async () => {
      const agent = new FakeAgent();
      agent.leave();

      await run([...start, '--join', line, '--cluster', 'mine'], new FakeIo(), agent.parts);

      assert.equal(agent.settings?.identity.cluster, 'mine');
    });

    it.each([
      ['truncated', line.slice(0, -9), 'truncated or mistyped'],
      ['forged', writeInvite(forged(grantFrom(keyNumber(1).peerId).wire)), 'forged'],
      ['of a later version', line.replace('firsthand1', 'firsthand7'), 'version 7'],
    ])('that is %s starts nothing, and does not repeat it', async (_, bad, said) => {
      const agent = new FakeAgent();

      const { code, stderr } = await run([...start, '--join', bad], new FakeIo(), agent.parts);

      assert.equal(code, 6);
      assert.include(stderr, said);
      assert.notInclude(stderr, bad);
      assert.isUndefined(agent.settings);
    });

    it('is not repeated when it is none at all', async () => {
      const { code, stderr } = await run(
        [...start, '--join', line.slice(5)],
        new FakeIo(),
        new FakeAgent().parts,
      );

      assert.equal(code, 2);
      assert.equal(stderr, "firsthand: --join: is not one line from 'firsthand invite' (firsthand1…)\n");
    });
  });
});

/** The last byte of the signature is another one. */
function forged(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}
