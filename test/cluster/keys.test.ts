/** Keys that are changed and ended, and keys that are shut out, with real processes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';

interface Keys {
  readonly peer_id: string;
  readonly former?: { readonly peer_id: string };
}

const everybody = ['a', 'b', 'c', 'svc'];
const shortOverlap = { FIRSTHAND_KEY_OVERLAP_MS: '2000' };

describe('keys, with real processes', { timeout: 180_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  async function cluster(env: Readonly<Record<string, string>> = {}): Promise<readonly AgentProcess[]> {
    const a = await playground.start('a', [], { env });
    const others = [];
    for (const id of ['b', 'c']) others.push(await playground.start(id, ['--seed', a.seed], { env }));
    await others[0]?.register('svc', '127.0.0.1:8000');
    const agents = [a, ...others];
    await allList(agents, everybody);
    return agents;
  }

  async function allList(agents: readonly AgentProcess[], ids: readonly string[]): Promise<void> {
    for (const agent of agents)
      await eventually(
        `${agent.ready.id} lists ${ids.join()}`,
        () => agent.peers(),
        peers => aliveIds(peers).join() === ids.join(),
        20_000,
      );
  }

  function ask(agent: AgentProcess, method: string, path: string, body?: unknown): Promise<Response> {
    return fetch(agent.ready.http + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  it('are changed with every agent listing all as alive, and registrations taken, all the time', async () => {
    const agents = await cluster(shortOverlap);
    const host = agents[1] as AgentProcess;
    const gaps: string[] = [];
    let isOver = false;
    const watching = agents.map(async agent => {
      while (!isOver) {
        const ids = aliveIds(await agent.peers()).join();
        if (ids !== everybody.join()) gaps.push(`${agent.ready.id}: ${ids}`);
      }
    });
    const statuses: number[] = [];
    const registering = (async () => {
      while (!isOver) statuses.push((await host.register('svc', '127.0.0.1:8000')).status);
    })();

    const rotated = await ask(host, 'POST', '/admin/keys/rotate');
    const during = (await rotated.json()) as Keys;
    await eventually(
      'the former key has ended',
      () => host.get<Keys>('/admin/keys'),
      keys => keys.former === undefined,
      20_000,
    );
    isOver = true;
    await Promise.all([...watching, registering]);

    assert.equal(rotated.status, 200);
    assert.equal(during.former?.peer_id, host.ready.peer_id);
    assert.deepEqual(gaps, []);
    assert.deepEqual([...new Set(statuses)], [200]);
    for (const agent of agents) {
      const { records } = await agent.get<{ records: { author: string }[] }>('/records/svc');
      assert.deepEqual(
        records.map(({ author }) => author),
        [during.peer_id],
      );
    }
  });

  it.each([
    ['the next key is on the disk', '.next'],
    ['the former key is set aside', '.former'],
    ['the change was answered', undefined],
  ])('go on with one of the two after kill -9 when %s', async (_moment, ending) => {
    const agents = await cluster(shortOverlap);
    const [a, host, c] = agents as [AgentProcess, AgentProcess, AgentProcess];
    const path = join(playground.directory, 'b', `identity.key${ending}`);
    let isAnswered = false;
    const rotated = ask(host, 'POST', '/admin/keys/rotate')
      .catch(() => undefined)
      .finally(() => {
        isAnswered = true;
      });
    // A file may come and go between two looks: then it is as if the change had been answered.
    while (!isAnswered && !existsSync(path)) await new Promise(resolve => setImmediate(resolve));

    await host.kill();
    await rotated;
    const again = await playground.start('b', ['--seed', a.seed], { env: shortOverlap });

    await allList([a, again, c], everybody);
    const { peer_id: key } = await eventually(
      'it speaks with one key',
      () => again.get<Keys>('/admin/keys'),
      keys => keys.former === undefined,
      20_000,
    );
    for (const agent of [a, c]) {
      await eventually(
        `${agent.ready.id} knows which`,
        () => agent.get<{ agents: { id: string; peerId?: string; peer_id?: string }[] }>('/status'),
        ({ agents: known }) =>
          known.filter(({ id }) => id === 'b').every(each => (each.peer_id ?? each.peerId) === key),
        20_000,
      );
    }
  });

  it('that are ended free the name for the next one, which the same start makes', async () => {
    const agents = await cluster();
    const [a, host, c] = agents as [AgentProcess, AgentProcess, AgentProcess];

    const revoked = await ask(host, 'POST', '/admin/keys/revoke');
    await host.ended();
    await allList([a, c], ['a', 'c']);
    const again = await playground.start('b', ['--seed', a.seed]);

    assert.equal(revoked.status, 200);
    assert.notEqual(again.ready.peer_id, host.ready.peer_id);
    await allList([a, again, c], ['a', 'b', 'c']);
  });

  it('that an operator bans are gone at once where they were banned, and stay so over kill -9', async () => {
    const agents = await cluster();
    const [a, host, c] = agents as [AgentProcess, AgentProcess, AgentProcess];

    const banned = await ask(a, 'POST', '/admin/bans', { who: 'b', reason: 'a test' });
    const atOnce = aliveIds(await a.peers());
    await eventually(
      'c sees what a thinks, and does not follow',
      () => c.get<{ state: string }[]>('/admin/bans'),
      bans => bans.map(({ state }) => state).join() === 'advised',
    );
    const elsewhere = aliveIds(await c.peers());
    await a.kill();
    const again = await playground.start('a', ['--seed', c.seed]);
    const after = aliveIds(await again.peers());
    await ask(again, 'DELETE', '/admin/bans/b');

    assert.equal(banned.status, 200);
    assert.deepEqual(atOnce, ['a', 'c']);
    assert.deepEqual(elsewhere, everybody);
    assert.notInclude(after, 'b');
    await allList([again, host, c], everybody);
  });

  it('that are banned through an agent that others trust are gone everywhere', async () => {
    const a = await playground.start('a');
    const env = { FIRSTHAND_BAN_ISSUERS: a.ready.peer_id };
    const b = await playground.start('b', ['--seed', a.seed], { env });
    const c = await playground.start('c', ['--seed', a.seed], { env });
    await allList([a, b, c], ['a', 'b', 'c']);

    await ask(a, 'POST', '/admin/bans', { who: 'b' });

    await allList([a, c], ['a', 'c']);
    await ask(a, 'DELETE', '/admin/bans/b');
    await allList([a, b, c], ['a', 'b', 'c']);
  });
});
