import { afterAll, assert, beforeAll, describe, it } from 'vitest';
import { eventually } from '../../src/chaos/stages/agent-process.ts';
import { ContainerCluster, docker, dockerMissing, type Ended, run } from './docker.ts';
import { composeDirectory } from './image.ts';

const missing = dockerMissing();
if (missing !== undefined) console.warn(`not tested with containers: ${missing}`);

/** One cluster for all, each test leaves it as it found it: seven agents, all of them alive. */
describe.skipIf(missing !== undefined)('scripts/cluster', { timeout: 180_000 }, () => {
  const cluster = new ContainerCluster();
  let hasPrometheus = false;
  let up: Ended;

  beforeAll(async () => {
    // The only image that needs a Debian mirror.
    const file = `${composeDirectory}/prometheus/Dockerfile`;
    const image = `firsthand-prometheus:${cluster.tag}`;
    const built = await run('docker', ['build', '--quiet', '--tag', image, '--file', file, composeDirectory]);
    hasPrometheus = built.code === 0;
    if (!hasPrometheus)
      console.warn(`not tested with Prometheus, its image cannot be built: ${built.errors}`);
    up = await cluster.script('up', ...(hasPrometheus ? [] : ['--no-prometheus']));
  }, 300_000);
  afterAll(() => cluster.close(), 60_000);

  it('says when all seven agents are alive as every one of them sees it', async () => {
    assert.equal(up.code, 0, up.errors);
    assert.match(up.out, /^7 agents alive, as every one of them sees it, after \d+\.\d s\.$/m);
  });

  it('shows who sees whom, and the services behind them', async () => {
    const status = await eventually(
      'four services alive',
      () => cluster.script('status'),
      ({ out }) => out.includes('demo-1 alive, demo-2 alive, demo-3 alive, demo-4 alive'),
    );

    assert.equal(status.code, 0, status.errors);
    assert.equal(status.out.match(/^\S+ +running +ready +7 of 7 /gm)?.length, 7, status.out);
  });

  it('runs agents that may write nothing but their data, without root', async () => {
    const [user, data, root] = [
      await cluster.in('proxy-1', 'id', '-u'),
      await cluster.in('proxy-1', 'touch', '/data/probe'),
      await cluster.in('proxy-1', 'touch', '/firsthand/probe'),
    ];

    assert.equal(user.out, '1000\n');
    assert.equal(data.code, 0);
    assert.match(root.errors, /Read-only file system/);
  });

  it('has every container healthy', async () => {
    await eventually(
      'all healthy',
      () =>
        docker(
          'ps',
          '--filter',
          `label=com.docker.compose.project=${cluster.project}`,
          '--format',
          '{{.Status}}',
        ),
      list => list.split('\n').every(status => status.includes('(healthy)')),
    );
  });

  it('has Prometheus scrape every agent and every service', async context => {
    if (!hasPrometheus) context.skip();
    const scraped = await eventually(
      'eleven targets up',
      async () => {
        const script = `fetch('http://prometheus:9090/api/v1/query?query=up').then(a => a.text()).then(console.log)`;
        const { out } = await cluster.in('proxy-1', 'node', '-e', script);
        if (out === '') return []; // It does not answer yet.
        const { data } = JSON.parse(out) as {
          readonly data: {
            readonly result: readonly { metric: { instance: string }; value: [number, string] }[];
          };
        };
        return data.result.filter(({ value }) => value[1] === '1').map(({ metric }) => metric.instance);
      },
      instances => instances.length >= 11,
    );

    const numbered = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
    assert.sameMembers(scraped, [
      ...numbered('backend', 4),
      ...numbered('demo', 4),
      ...numbered('proxy', 2),
      'governator-1',
    ]);
  });

  it('ends an agent in order on SIGTERM: the others hear that it left, and it is back with its next start', async () => {
    await docker('stop', '--time', '10', cluster.container('backend-4'));

    // 137 is what docker leaves of a process that took longer.
    assert.equal(
      await docker('inspect', '--format', '{{.State.ExitCode}}', cluster.container('backend-4')),
      '0',
    );
    assert.equal((await cluster.states('proxy-2'))['backend-4'], 'left');
    await docker('start', cluster.container('backend-4'));
    await everybodyAlive();
  });

  it('ends an isolated agent within 10 s too, although no name is answered any more', async () => {
    const container = cluster.container('backend-2');
    await docker('network', 'disconnect', `${cluster.project}_cluster`, container);
    await eventually(
      'isolated',
      () => cluster.in('backend-2', 'firsthand', 'status'),
      ({ out }) => out.includes('isolated'),
    );
    await docker('stop', '--time', '10', container);

    assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', container), '0');
    await docker(
      'network',
      'connect',
      '--alias',
      'agents',
      '--alias',
      'backend-2',
      `${cluster.project}_cluster`,
      container,
    );
    await docker('start', container);
    await everybodyAlive();
  });

  it('finds out that an agent was killed, and takes it back', async () => {
    await docker('kill', '--signal', 'KILL', cluster.container('backend-3'));
    await eventually(
      'backend-3 dead',
      () => cluster.states('proxy-1'),
      states => states['backend-3'] === 'dead',
    );
    const status = await cluster.script('status');
    await docker('start', cluster.container('backend-3'));

    assert.equal(status.code, 5);
    assert.match(status.out, /^backend-3 +exited /m);
    assert.match(status.out, /^proxy-1 +running +ready +6 of 7 /m);
    await everybodyAlive();
  });

  it('adds backends and takes them away again, under the same names a second time', async () => {
    const outputs: string[] = [];
    for (const count of ['5', '3', '4', '3', '4']) outputs.push((await cluster.script('scale', count)).out);

    assert.deepEqual(
      outputs.map(output => /^\d+ agents alive/m.exec(output)?.[0]),
      ['8 agents alive', '6 agents alive', '7 agents alive', '6 agents alive', '7 agents alive'],
    );
  });

  it('takes everything away', async () => {
    const before = await cluster.things();
    const down = await cluster.script('down');

    assert.isAbove(before.length, 12);
    assert.equal(down.code, 0, down.errors);
    assert.deepEqual(await cluster.things(), []);
  });

  /** As `scripts/cluster up` finds it: it leaves what runs as it is. */
  async function everybodyAlive(): Promise<void> {
    await eventually(
      'seven agents that see each other',
      () => cluster.script('status'),
      ({ code }) => code === 0,
    );
  }
});

describe('scripts/cluster', () => {
  const script = new ContainerCluster(1);
  for (const { args, says } of [
    { args: ['scale', '0'], says: /a number of backends from 1 to 40/ },
    { args: ['scale'], says: /a number of backends from 1 to 40/ },
    { args: ['up', '--fast'], says: /unknown option of up: --fast/ },
    { args: ['explode'], says: /unknown command: explode/ },
    { args: [], says: /Usage/ },
  ]) {
    it(`refuses "${args.join(' ')}" as bad usage`, async () => {
      const { code, errors } = await script.script(...args);

      assert.equal(code, 2);
      assert.match(errors, says);
    });
  }

  it('says what is missing where docker is not installed', async () => {
    const { code, errors } = await run('/bin/bash', [`${composeDirectory}/../scripts/cluster`, 'status'], {
      PATH: '/nowhere',
    });

    assert.equal(code, 3);
    assert.match(errors, /docker is not installed/);
  });

  it('says that the daemon cannot be reached where none answers', async context => {
    if (missing === 'docker is not installed') {
      console.warn('not tested without a daemon: there is no docker client to ask for it');
      context.skip();
    }
    const { code, errors } = await run(`${composeDirectory}/../scripts/cluster`, ['status'], {
      DOCKER_HOST: 'unix:///nowhere.sock',
    });

    assert.equal(code, 3);
    assert.match(errors, /its daemon cannot be reached/);
  });
});
