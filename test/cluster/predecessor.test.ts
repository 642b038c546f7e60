import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { PredecessorServer } from './predecessor.ts';

const env = { FIRSTHAND_HTTP_PEER_REFRESH_MS: '1000' };

interface HttpPeer {
  readonly url: string;
  readonly state: string;
  readonly is_configured: boolean;
}

describe('nodes of the predecessor', { timeout: 120_000 }, () => {
  let playground: Playground;
  let first: PredecessorServer;
  let second: PredecessorServer;
  beforeEach(async () => {
    playground = await Playground.open();
    first = new PredecessorServer('old-1');
    second = new PredecessorServer('old-2');
    await first.start();
    await second.start();
    first.knows(second.node);
  });
  afterEach(async () => {
    await playground.close();
    await first.stop();
    await second.stop();
  });

  function lists(agent: AgentProcess, ...ids: readonly string[]): Promise<unknown> {
    return eventually(
      `${agent.ready.id} lists ${ids.join()}`,
      () => agent.peers(),
      peers => ids.every(id => aliveIds(peers).includes(id)),
    );
  }

  function hears(node: PredecessorServer, line: string): Promise<unknown> {
    return eventually(
      `${node.id} hears: ${line}`,
      () => node.heard,
      heard => heard.includes(line),
    );
  }

  function knows(node: PredecessorServer, id: string, address: string): Promise<unknown> {
    return eventually(
      `${node.id} knows ${id}`,
      () => node.addressOf(id),
      known => known === address,
    );
  }

  it('are listed by the agent that joined through one of them, and by every other agent', async () => {
    const bridge = await playground.start('bridge', ['--register-with', first.url], { env });
    const other = await playground.start('other', ['--seed', bridge.seed], { env });

    for (const agent of [bridge, other]) {
      await lists(agent, 'old-1', 'old-2');
      const backends = await agent.get<readonly string[]>('/backends');
      assert.includeMembers([...backends], [first.node.address, second.node.address]);
    }

    const { records } = await other.get<{
      records: { authority: string; author: string; learnt_from: string }[];
    }>('/records/old-2');
    assert.deepEqual(
      records.map(({ authority, author, learnt_from }) => [authority, author, learnt_from]),
      [['hint', bridge.ready.peer_id, first.url]],
    );
  });

  it('hear of the agent and of what is registered with it, also those that it has learnt of', async () => {
    const flags = ['--address', '127.0.0.1:7000'];
    const bridge = await playground.start('bridge', [...flags, '--register-with', first.url], { env });
    const { http_peers: peers } = await eventually(
      'both are peers',
      () => bridge.get<{ http_peers: HttpPeer[] }>('/mesh'),
      mesh => mesh.http_peers.filter(({ state }) => state === 'answering').length === 2,
    );
    assert.deepEqual(
      new Map(peers.map(peer => [peer.url, peer.is_configured])),
      new Map([
        [first.url, true],
        [second.url, false],
      ]),
    );

    await bridge.register('service', '127.0.0.1:8000');
    for (const node of [first, second]) await knows(node, 'service', '127.0.0.1:8000');
    await bridge.register('service', '127.0.0.1:8001');

    for (const node of [first, second]) {
      await hears(node, 'register bridge 127.0.0.1:7000');
      await hears(node, 'update service 127.0.0.1:8001');
    }
    const telemetry = await (await fetch(`${bridge.ready.http}/telemetry`)).text();
    for (const line of [
      'firsthand_hints 2',
      'firsthand_http_peers{state="answering"} 2',
      'firsthand_outbox_deliveries 0',
    ]) {
      assert.include(telemetry, line);
    }
  });

  it('are told everything again after a restart, and stay in the table meanwhile', async () => {
    const bridge = await playground.start('bridge', ['--register-with', first.url], { env });
    await lists(bridge, 'old-1', 'old-2');
    await bridge.register('service', '127.0.0.1:8000');
    await knows(first, 'service', '127.0.0.1:8000');

    await first.stop();
    await eventually(
      'it fails',
      () => bridge.get<{ http_peers: HttpPeer[] }>('/mesh'),
      mesh => mesh.http_peers.some(({ url, state }) => url === first.url && state === 'failing'),
    );
    await bridge.register('other', '127.0.0.1:8002');
    const listed = await bridge.peers();
    await first.start();

    await knows(first, 'service', '127.0.0.1:8000');
    await knows(first, 'other', '127.0.0.1:8002');
    assert.includeMembers(
      listed.map(({ id }) => id),
      ['old-1', 'old-2'],
    );
    await lists(bridge, 'old-1', 'old-2');
    assert.match(bridge.log, /http_peer_fails/);
    assert.match(bridge.log, /http_peer_answers/);
  });

  it('get what waited for them while the agent was killed', async () => {
    const waiting = async (agent: AgentProcess) =>
      (await agent.get<{ receivers: { receiver: string; depth: number }[] }>('/outbox')).receivers
        .filter(({ depth }) => depth > 0)
        .map(({ receiver }) => receiver);
    const bridge = await playground.start('bridge', ['--register-with', first.url], { env });
    await lists(bridge, 'old-1', 'old-2');
    await first.stop();
    await bridge.register('service', '127.0.0.1:8000');
    await eventually(
      'it waits',
      () => waiting(bridge),
      urls => urls.includes(`http:${first.url}`),
    );

    await bridge.kill();
    const again = await playground.start('bridge', ['--register-with', first.url], { env });

    assert.include(await waiting(again), `http:${first.url}`);
    await first.start();
    await knows(first, 'service', '127.0.0.1:8000');
    await eventually(
      'nothing waits',
      () => waiting(again),
      urls => !urls.includes(`http:${first.url}`),
    );
  });

  it('leave the table when they are gone for good', async () => {
    const bridge = await playground.start('bridge', ['--register-with', first.url], { env });
    const other = await playground.start('other', ['--seed', bridge.seed], { env });
    await lists(other, 'old-1', 'old-2');

    await first.stop();
    await second.stop();

    for (const agent of [bridge, other]) {
      await eventually(
        `${agent.ready.id} lists them no more`,
        () => agent.peers(),
        peers => peers.every(({ id }) => !id.startsWith('old-')),
      );
    }
  });

  it('are outranked by a registration with an agent', async () => {
    const bridge = await playground.start('bridge', ['--register-with', first.url], { env });
    const other = await playground.start('other', ['--seed', bridge.seed], { env });
    await lists(other, 'old-2');

    const answer = await other.register('old-2', '127.0.0.1:8008');

    assert.equal(answer.status, 200);
    for (const agent of [bridge, other]) {
      await eventually(
        `${agent.ready.id} goes by the registration`,
        () => agent.peers(),
        peers => peers.some(({ id, address }) => id === 'old-2' && address === '127.0.0.1:8008'),
      );
    }
  });
});
