/** Data directories that were brought back from a backup, or that are there twice. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { silentLog } from '../../src/telemetry/log.ts';

interface Status {
  readonly services: { readonly hosted: number };
  readonly findings: readonly string[];
}

describe('epochs, with real processes', { timeout: 180_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  const place = (name: string) => join(playground.directory, name);

  async function met(...agents: readonly AgentProcess[]): Promise<void> {
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length >= agents.length,
      );
  }

  async function address(agent: AgentProcess, id: string): Promise<string | undefined> {
    return (await agent.peers()).find(peer => peer.id === id)?.address;
  }

  /** The last life began when the clock was a day ahead: now it has been set back. */
  async function setAhead(directory: string): Promise<void> {
    const store = await LevelStore.open({ directory }, { log: silentLog });
    await store.write([{ type: 'put-meta', name: 'epoch', value: Date.now() + 86_400_000 }]);
    await store.close();
  }

  it.each([
    ['an old backup', false],
    ['an old backup, after the clock was set back by a day', true],
  ])('let nothing old win after %s, and bring newer services back', async (_, isSetBack) => {
    const keeper = await playground.start('keeper');
    const seed = ['--seed', keeper.seed];
    const first = await playground.start('a', seed);
    await met(first, keeper);
    await first.register('svc', '127.0.0.1:8000');
    await first.register('leaving', '127.0.0.1:8009');
    await first.stop();
    await cp(place('a'), place('backup'), { recursive: true });
    if (isSetBack) await setAhead(place('a'));
    const second = await playground.start('a', seed);
    await met(second, keeper);
    await second.register('svc', '127.0.0.1:9000');
    await second.register('newer', '127.0.0.1:9001');
    await fetch(`${second.ready.http}/registration/leaving`, { method: 'DELETE' });
    await eventually(
      'the keeper knows',
      async () => [
        await address(keeper, 'svc'),
        await address(keeper, 'newer'),
        await address(keeper, 'leaving'),
      ],
      known => known.join() === '127.0.0.1:9000,127.0.0.1:9001,',
    );
    await second.kill();
    await rm(place('a'), { recursive: true });
    await cp(place('backup'), place('a'), { recursive: true });

    const third = await playground.start('a', seed);

    for (const agent of [third, keeper]) {
      await eventually(
        `${agent.ready.id} shows what is newer`,
        async () => [
          await address(agent, 'svc'),
          await address(agent, 'newer'),
          await address(agent, 'leaving'),
        ],
        known => known.join() === '127.0.0.1:9000,127.0.0.1:9001,',
        20_000,
      );
      await eventually(
        `${agent.ready.id} sees both alive`,
        () => agent.peers(),
        peers => ['a', 'keeper'].every(id => aliveIds(peers).includes(id)),
        20_000,
      );
    }
    const { services, findings } = await third.get<Status>('/status');
    assert.equal(services.hosted, 2);
    assert.isFalse(
      findings.some(text => text.includes('another process')),
      findings.join('\n'),
    );
    assert.equal((await third.register('svc', '127.0.0.1:9500')).status, 200, 'it is the host again');
    await eventually(
      'and is believed',
      () => address(keeper, 'svc'),
      known => known === '127.0.0.1:9500',
    );
  });

  it('make two processes with one key notice each other, and not fight for ever', async () => {
    const env = { FIRSTHAND_SYNC_INTERVAL_MS: '1000' };
    const [keeper, other] = [
      await playground.start('keeper', [], { env }),
      await playground.start('other', [], { env }),
    ];
    const seeds = ['--seed', keeper.seed, '--seed', other.seed];
    const first = await playground.start('a', seeds, { env });
    await met(first, keeper);
    await met(first, other);
    await first.register('svc', '127.0.0.1:8000');
    await first.stop();
    await cp(place('a'), place('copy'), { recursive: true });

    const twins = [
      await playground.start('a', seeds, { env }),
      await playground.start('a', seeds, { env, dataDir: place('copy') }),
    ];

    for (const twin of twins) {
      await eventually(
        'a twin says so',
        () => twin.get<Status>('/status'),
        ({ findings }) =>
          findings.some(text => text.startsWith('another process speaks with this agent’s key')),
        60_000,
      );
      assert.include(twin.log, '"event":"key_in_use_twice"');
    }
    const lines = twins.map(({ log }) => log.split('key_in_use_twice').length - 1);
    for (const count of lines) assert.isAtMost(count, 2, 'a line a minute');
    assert.include(aliveIds(await keeper.peers()), 'svc', 'what both say stays');
  });
});
