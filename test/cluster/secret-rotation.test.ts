import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { type AgentOptions, createAgent, type RunningAgent } from '../../src/index.ts';

const oldSecret = 'the old secret of this cluster';
const newSecret = 'the new secret of this cluster';

describe('changing the secret of a cluster', { timeout: 240_000 }, () => {
  let directory: string;
  const agents: RunningAgent[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firsthand-rotation-'));
  });
  afterEach(async () => {
    await Promise.all(agents.splice(0).map(agent => agent.stop()));
    await rm(directory, { recursive: true, force: true });
  });

  async function start(name: string, secret = oldSecret, more: AgentOptions = {}): Promise<RunningAgent> {
    const agent = await createAgent({
      id: name,
      dataDir: join(directory, name),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      http: '127.0.0.1:0',
      mdns: false,
      dht: false,
      auth: 'shared_secret',
      secret,
      seeds: agents[0]?.ready.multiaddrs.slice(0, 1) ?? [],
      joinTimeoutMs: 5_000,
      healthCheckIntervalMs: 3_600_000, // What is registered here is not there.
      logLevel: 'silent',
      ...more,
    });
    agents.push(agent);
    return agent;
  }
  const register = (agent: RunningAgent, id: string, secret: string) =>
    fetch(`${agent.ready.http}/registration`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify({ id, address: '127.0.0.1:8000', metrics_port: 9_100 }),
    });
  const inUse = (agent: RunningAgent) => agent.secret?.secrets().map(({ id, use }) => `${id} ${use}`);
  const aliveAt = (agent: RunningAgent) =>
    agent.status().agents.filter(({ state }) => state === 'alive').length;
  const together = (count: number) =>
    eventually(
      `${count} agents see each other`,
      () => agents.map(aliveAt),
      alive => alive.every(each => each === count),
    );

  it('loses no registration and declares nobody dead among ten agents under load', async () => {
    for (let n = 0; n < 10; n += 1) await start(`agent-${n}`);
    await together(10);
    const deaths: string[] = [];
    for (const agent of agents) {
      agent.events.subscribe(({ event: { event, data } }) => {
        if (event === 'liveness' && data.to === 'dead') deaths.push(`${agent.identity.id}: ${data.id}`);
      });
    }
    const acknowledged: string[] = [];
    const refused: string[] = [];
    let isOver = false;
    const load = agents.map(async (agent, at) => {
      for (let n = 0; !isOver; n += 1) {
        const { status } = await register(agent, `svc-${at}-${n % 50}`, oldSecret);
        (status === 200 ? acknowledged : refused).push(`svc-${at}-${n % 50}`);
        await wait(5);
      }
    });

    await eventually(
      'the load is on',
      () => acknowledged.length,
      count => count > 50,
    );
    const view = await agents[3]?.secret?.rotate({ secret: newSecret, dropOld: false });
    const before = acknowledged.length;
    await eventually(
      'the load goes on',
      () => acknowledged.length,
      count => count > before + 200,
    );
    isOver = true;
    await Promise.all(load);

    assert.deepEqual([view?.status, view?.confirmed], ['done', 10]);
    assert.equal(new Set(agents.map(inUse).map(String)).size, 1);
    assert.deepEqual(refused, []);
    const wanted = [...new Set(acknowledged)];
    for (const agent of agents) {
      await eventually(
        `${agent.identity.id} lists all`,
        () => wanted.filter(id => agent.listing.get(id)?.status !== 'alive'),
        missing => missing.length === 0,
      );
    }
    await together(10);
    assert.deepEqual(deaths, []);
  });

  it('reaches members that it holds no connection to', async () => {
    const thin = { fullMeshMaxCount: 1, partialMeshCount: 4 };
    for (let n = 0; n < 9; n += 1) await start(`agent-${n}`, oldSecret, thin);
    await together(9);
    const unlinked = () =>
      agents.filter(agent => agent.mesh().peers.filter(({ link }) => link !== undefined).length < 8);
    const asked = await eventually(
      'one has no connection to some',
      () => unlinked()[0],
      agent => agent !== undefined,
    );

    const view = await asked?.secret?.rotate({ secret: newSecret, dropOld: false });

    assert.deepEqual([view?.status, view?.confirmed], ['done', 9]);
    assert.equal(new Set(agents.map(inUse).map(String)).size, 1);
  });

  it('shuts the old secret out once it is dropped, and keeps who has the new one', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    await together(3);

    const view = await agents[0]?.secret?.rotate({ secret: newSecret, dropOld: true });

    assert.equal(view?.status, 'done');
    const [a] = agents as [RunningAgent];
    assert.equal((await register(a, 'x', oldSecret)).status, 401);
    assert.equal((await register(a, 'x', newSecret)).status, 200);
    const late = await start('late', oldSecret);
    assert.equal(aliveAt(late), 1);
    assert.match(late.status().findings.join(), /the secret from secret \(id [0-9a-f]{8}\) is not the one/);
    await late.stop();
    agents.pop();
    await start('with-the-new-one', newSecret);
    await together(4);
  });

  it('gives the new secret to an agent that was away while it changed, over its restart', async () => {
    for (const name of ['a', 'b', 'c']) await start(name);
    await together(3);
    await agents.pop()?.stop();
    const [a] = agents as [RunningAgent];
    await eventually(
      'a sees that it has gone',
      () => aliveAt(a),
      count => count === 2,
    );
    await a.secret?.rotate({ secret: newSecret, dropOld: false });

    const back = await start('c');
    await eventually(
      'it uses the new one',
      () => inUse(back)?.[0],
      first => first === inUse(a)?.[0],
    );
    await back.stop();
    agents.pop();
    await a.secret?.rotate({ dropOld: true });

    // Its configuration has the old one still.
    const again = await start('c');
    await together(3);
    assert.match(again.status().findings.join(), /the secret from secret was replaced by the one with id/);
  });
});

describe('changing the secret while an agent is frozen', { timeout: 240_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  interface Secrets {
    readonly secrets: readonly { readonly id: string }[];
  }
  interface Status {
    readonly agents: readonly { readonly state: string }[];
  }
  /** The new secret is accepted by all in the end, and the old one by those that do not have it yet. */
  async function ask<Body>(agent: AgentProcess, path: string, init: RequestInit = {}): Promise<Body> {
    const headers = { authorization: `Bearer ${oldSecret}` };
    return (await (await fetch(agent.ready.http + path, { ...init, headers })).json()) as Body;
  }
  const inUse = async (agent: AgentProcess) =>
    (await ask<Secrets>(agent, '/admin/keys/secrets')).secrets[0]?.id;

  it('gives it the new one when it runs again, and all are alive then', async () => {
    const env = { FIRSTHAND_SECRET: oldSecret, FIRSTHAND_DETECTOR_PROFILE: 'fast' };
    const flags = ['--auth', 'shared_secret', '--no-dht'];
    const a = await playground.start('a', flags, { env });
    const others = ['--seed', a.seed, ...flags];
    const b = await playground.start('b', others, { env });
    const c = await playground.start('c', others, { env });
    const alive = async (agent: AgentProcess) =>
      (await ask<Status>(agent, '/status')).agents.filter(({ state }) => state === 'alive').length;
    for (const agent of [a, b, c])
      await eventually(
        'all three are alive',
        () => alive(agent),
        n => n === 3,
      );

    c.signal('SIGSTOP');
    const change = { method: 'POST', body: JSON.stringify({ secret: newSecret }) };
    await eventually(
      'the others use the new one',
      () => ask<{ readonly status: string }>(a, '/admin/keys/rotate-secret', change),
      ({ status }) => status === 'done',
    );
    c.signal('SIGCONT');
    const wanted = await inUse(a);
    await eventually(
      'it uses the new one',
      () => inUse(c),
      id => id === wanted,
    );

    for (const agent of [a, b, c])
      await eventually(
        'all three are alive',
        () => alive(agent),
        n => n === 3,
      );
    assert.equal(await inUse(b), wanted);
  });
});
