import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';

describe('a cluster of real processes', { timeout: 120_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  it('lists everybody everywhere, and a service registered at one agent at all of them', async () => {
    const agents = await playground.cluster(['a', 'b', 'c', 'd', 'e']);

    const answer = await agents[2]?.register('service', '127.0.0.1:8000');

    assert.equal(answer?.status, 200);
    for (const agent of agents) {
      const everybody = ['a', 'b', 'c', 'd', 'e', 'service'];
      await eventually(
        `${agent.ready.id} lists all`,
        () => agent.peers(),
        peers => aliveIds(peers).join() === everybody.join(),
      );
    }
  });

  it('keeps a registration that was answered 200 through kill -9', async () => {
    const lone = await playground.start('lone');
    const ids = Array.from({ length: 50 }, (_, i) => `service-${i}`);
    const answers = await Promise.all(ids.map(id => lone.register(id, '127.0.0.1:8000')));
    await lone.kill();

    const again = await playground.start('lone');

    assert.ok(answers.every(({ status }) => status === 200));
    const listed = aliveIds(await again.peers());
    assert.deepEqual(
      ids.filter(id => !listed.includes(id)),
      [],
    );
    assert.equal(again.ready.peer_id, lone.ready.peer_id);
  });

  it('tells a killed agent from one that left', async () => {
    const [a, b, c] = await playground.cluster(['a', 'b', 'c']);
    if (a === undefined || b === undefined || c === undefined) throw new Error('three agents');
    await eventually(
      'a lists all',
      () => a.peers(),
      peers => aliveIds(peers).length === 3,
    );

    const code = await b.stop();
    await c.kill();

    assert.equal(code, 0);
    await eventually(
      'a lists only itself and a suspect',
      () => a.peers(),
      peers => peers.length === 2,
    );
    const { agents } = await a.get<{ agents: { id: string; state: string }[] }>('/status');
    assert.deepEqual(
      agents.map(({ id, state }) => `${id} ${state}`),
      ['a alive', 'b left', 'c suspect'],
    );
  });

  it('reforms after all were killed, with no seed alive', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const ports = await freePorts(ids.length);
    const flagsOf = (index: number) => ['--listen', `/ip4/127.0.0.1/tcp/${ports[index]}`];
    const first = await playground.start('a', flagsOf(0));
    const others = ids
      .slice(1)
      .map((id, i) => playground.start(id, [...flagsOf(i + 1), '--seed', first.seed]));
    const agents = [first, ...(await Promise.all(others))];
    for (const agent of agents)
      await eventually(
        'all met',
        () => agent.peers(),
        peers => aliveIds(peers).length === 5,
      );
    await Promise.all(agents.map(agent => agent.kill()));

    const again = await Promise.all(ids.map((id, i) => playground.start(id, flagsOf(i))));

    for (const agent of again) {
      await eventually(
        `${agent.ready.id} met all`,
        () => agent.peers(),
        peers => aliveIds(peers).length === 5,
      );
    }
  });

  it('refuses a second process on one data directory with one sentence', async () => {
    const holder = await playground.start('holder');

    const { code, errors } = await AgentProcess.fail(playground.options('holder'));

    assert.equal(code, 1);
    const sentences = errors.split('\n').filter(line => line.startsWith('firsthand: '));
    assert.equal(sentences.length, 1, errors);
    assert.match(sentences[0] ?? '', /another process/);
    assert.ok(holder.pid > 0);
  });

  it('never mixes clusters, and counts the strangers', async () => {
    const red = await playground.start('red', ['--cluster', 'red']);
    const blue = await playground.start('blue', ['--cluster', 'blue', '--seed', red.seed]);

    await eventually(
      'blue counted a stranger',
      () => blue.get<{ foreign_refused: number }>('/mesh'),
      mesh => mesh.foreign_refused > 0,
    );
    await red.register('of-red', '127.0.0.1:8000');

    assert.deepEqual(aliveIds(await blue.peers()), ['blue']);
    assert.deepEqual(aliveIds(await red.peers()), ['of-red', 'red']);
  });

  it('ends at once on a second signal', async () => {
    const agent = await playground.start('hasty');

    agent.signal('SIGTERM');
    agent.signal('SIGINT');

    const code = await agent.ended();
    assert.include([0, 1], code);
  });
});

/** Ports that were free a moment ago; an agent has to come back at the same one after a restart. */
async function freePorts(count: number): Promise<readonly number[]> {
  const { createServer } = await import('node:net');
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>(resolve => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map(server => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  return ports;
}
