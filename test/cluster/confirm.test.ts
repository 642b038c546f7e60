import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';

interface Confirmed {
  readonly status: number;
  readonly body: {
    readonly confirmation: {
      readonly confirmed: readonly string[];
      readonly missing: readonly string[];
      readonly took_ms: number;
    };
    readonly rolled_back?: true;
  };
}

async function register(agent: AgentProcess, query: string, id: string, address: string): Promise<Confirmed> {
  const answer = await fetch(`${agent.ready.http}/registration?${query}`, {
    method: 'POST',
    body: JSON.stringify({ id, address, metrics_port: 9_100 }),
  });
  return { status: answer.status, body: (await answer.json()) as Confirmed['body'] };
}

describe('confirmed registrations, with real processes', { timeout: 120_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  async function three(): Promise<readonly [AgentProcess, AgentProcess, AgentProcess]> {
    const agents = await playground.cluster(['a', 'b', 'c']);
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length === 3,
      );
    return agents as unknown as [AgentProcess, AgentProcess, AgentProcess];
  }

  it('are answered 200 when everybody lists them', async () => {
    const [a, b, c] = await three();

    const { status, body } = await register(a, 'confirm=all', 'svc', '127.0.0.1:8000');

    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.confirmation.confirmed, ['a', 'b', 'c']);
    assert.isBelow(body.confirmation.took_ms, 2_000);
    for (const agent of [b, c]) assert.include(aliveIds(await agent.peers()), 'svc');
  });

  it('name who is frozen in 202, and a majority is content without it', async () => {
    const [a, b, c] = await three();
    c.signal('SIGSTOP');

    const [all, majority] = await Promise.all([
      register(a, 'confirm=all&timeout=1s', 'svc', '127.0.0.1:8000'),
      register(a, 'confirm=majority&timeout=1s', 'other', '127.0.0.1:8001'),
    ]);

    assert.deepEqual([all.status, all.body.confirmation.missing], [202, ['c']]);
    assert.equal(majority.status, 200);
    c.signal('SIGCONT');
    await eventually(
      'it went on spreading',
      () => c.peers(),
      peers => aliveIds(peers).includes('svc'),
    );
    assert.include(aliveIds(await b.peers()), 'svc');
  });

  it('that fail with rollback leave everywhere what was there before', async () => {
    const [a, b, c] = await three();
    await register(a, 'confirm=all', 'svc', '127.0.0.1:8000');
    c.signal('SIGSTOP');

    const failed = await Promise.all([
      register(a, 'confirm=all&timeout=1s&rollback=true', 'svc', '127.0.0.1:9999'),
      register(a, 'confirm=all&timeout=1s&rollback=true', 'new', '127.0.0.1:9998'),
    ]);

    assert.deepEqual(
      failed.map(({ status, body }) => [status, body.rolled_back]),
      [
        [202, true],
        [202, true],
      ],
    );
    c.signal('SIGCONT');
    for (const agent of [a, b, c]) {
      await eventually(
        `${agent.ready.id} lists the old content and nothing new`,
        () => agent.peers(),
        peers =>
          peers.find(({ id }) => id === 'svc')?.address === '127.0.0.1:8000' &&
          !peers.some(({ id }) => id === 'new'),
      );
    }
  });

  it('go on after kill -9 and a new start of the agent that was asked', async () => {
    const [a, b, c] = await three();
    c.signal('SIGSTOP');
    const lost = register(a, 'confirm=all&timeout=30s', 'svc', '127.0.0.1:8000').catch(() => 'no answer');
    await eventually(
      'the record is out',
      () => b.peers(),
      peers => aliveIds(peers).includes('svc'),
    );
    await a.kill();
    assert.equal(await lost, 'no answer');

    const again = await playground.start('a', ['--seed', b.seed]);
    const [waiting] =
      await again.get<{ subject: string; state: string; resumed: boolean }[]>('/confirmations');
    assert.deepInclude(waiting, { subject: 'svc', state: 'waiting', resumed: true });
    c.signal('SIGCONT');

    await eventually(
      'it is confirmed',
      () => again.get<{ state: string }[]>('/confirmations'),
      ([shown]) => shown?.state === 'met',
      30_000,
    );
  });
});
