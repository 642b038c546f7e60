import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterAll, afterEach, assert, beforeAll, describe, it } from 'vitest';
import type { Stage, StageOptions } from '../../src/chaos/stage.ts';
import { aliveIds, eventually, type Peer } from '../../src/chaos/stages/agent-process.ts';
import { packetsProblem } from '../../src/chaos/stages/container-faults.ts';
import { dockerStage } from '../../src/chaos/stages/docker-stage.ts';
import { docker, dockerMissing, run } from './docker.ts';
import { composeDirectory } from './image.ts';

const missing = dockerMissing();
if (missing !== undefined) console.warn(`drills in containers are not tested: ${missing}`);
const noPackets = packetsProblem();
if (noPackets !== undefined) console.warn(`drills in containers are not tested with cuts: ${noPackets}`);

const ids = ['agent-1', 'agent-2', 'agent-3'];
const image = `firsthand:test-stage-${process.pid}`;

describe.skipIf(missing !== undefined)('chaos/stages/docker-stage', { timeout: 120_000 }, () => {
  const kind = dockerStage(image);
  const stages: Stage[] = [];
  beforeAll(async () => {
    const file = `${composeDirectory}/Dockerfile`;
    const built = await run('docker', [
      'build',
      '--quiet',
      '-t',
      image,
      '-f',
      file,
      `${composeDirectory}/..`,
    ]);
    assert.equal(built.code, 0, built.errors);
  }, 300_000);
  afterEach(async () => {
    await Promise.all(stages.splice(0).map(stage => stage.close()));
  });
  afterAll(() => run('docker', ['image', 'rm', '--force', image]));

  async function open(options: Partial<StageOptions> = {}): Promise<Stage> {
    const stage = await kind.open({ agentsCount: 3, settings: {}, keep: false, seed: 1, ...options });
    stages.push(stage);
    return stage;
  }

  async function peersOf(stage: Stage, id: string): Promise<readonly string[]> {
    const url = stage.agents.find(agent => agent.id === id)?.url;
    return aliveIds((await (await fetch(`${url}/peers`)).json()) as readonly Peer[]);
  }

  async function sees(stage: Stage, asked: string, expected: readonly string[]): Promise<void> {
    await eventually(
      `${asked} sees ${expected.join(', ')}`,
      () => peersOf(stage, asked),
      found => found.join() === expected.join(),
    );
  }

  it('takes agents out by kill, pause and stop, and has them back with what they had', async () => {
    const stage = await open();
    const peerId = stage.agents[2]?.peerId;
    for (const id of ids) await sees(stage, id, ids);

    await stage.kill(['agent-3']);
    const ran = stage.isRunning('agent-3');
    await sees(stage, 'agent-1', ['agent-1', 'agent-2']);
    await stage.start(['agent-3']);
    await sees(stage, 'agent-1', ids);
    await stage.pause(['agent-3']);
    await eventually(
      'missed',
      () => peersOf(stage, 'agent-1'),
      found => found.length === 2,
    );
    await stage.resume(['agent-3']);
    await sees(stage, 'agent-1', ids);
    const codes = await stage.stop(['agent-3', 'agent-2']);
    await stage.start(['agent-2', 'agent-3']);

    assert.isFalse(ran);
    assert.deepEqual(codes, [0, 0]);
    await sees(stage, 'agent-3', ids);
    assert.equal(stage.agents[2]?.peerId, peerId);
    assert.deepEqual(stage.unexpectedEnds(), []);
    assert.equal(stage.log('agent-3').match(/"event":"agent_ready"/g)?.length, 3);
  });

  it.skipIf(noPackets !== undefined)('cuts agents off, over a restart too, until it heals them', async () => {
    const stage = await open();
    for (const id of ids) await sees(stage, id, ids);

    await stage.cut(['agent-1', 'agent-2'], ['agent-3']);
    await stage.cut(['agent-3'], ['agent-1', 'agent-2']);
    await sees(stage, 'agent-1', ['agent-1', 'agent-2']);
    await stage.kill(['agent-3']);
    await stage.start(['agent-3']);
    // Its network is there a moment before it can be cut, and whom it has met by then it has to miss first.
    await sees(stage, 'agent-3', ['agent-3']);
    await stage.heal();

    await sees(stage, 'agent-1', ids);
    await sees(stage, 'agent-3', ids);
  });

  it('gives an agent as much memory and time as it is told to', async () => {
    const stage = await open({ equipment: { memoryMaxMib: { mib: 64, ids: ['agent-2'] } } });
    const containers = await docker(
      'ps',
      '--filter',
      `label=firsthand.chaos=${process.pid}`,
      '--format',
      '{{.Names}}',
    );
    const container = containers.split('\n').find(name => name.endsWith('agent-2')) ?? '';
    const limits = () =>
      docker('inspect', '--format', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}', container);

    await stage.starveCpu(0.25, ['agent-2']);
    const starved = await limits();

    assert.equal(starved, `${(64 + 128) * 1_048_576} 250000000`);
  });

  it('tells an end that nobody asked for', async () => {
    const stage = await open();
    const containers = await docker(
      'ps',
      '--filter',
      `label=firsthand.chaos=${process.pid}`,
      '--format',
      '{{.Names}}',
    );

    await docker('kill', containers.split('\n').find(name => name.endsWith('agent-2')) ?? '');

    await eventually(
      'told',
      () => stage.unexpectedEnds(),
      ends => ends.length === 1,
    );
    assert.match(stage.unexpectedEnds()[0] ?? '', /^agent-2: ended by a signal/);
  });

  it('leaves nothing, and takes away what a run that was killed has left', async () => {
    const gone = spawnSync('true').pid;
    await docker(
      'network',
      'create',
      '--internal',
      '--label',
      `firsthand.chaos=${gone}`,
      `firsthand-chaos-${gone}`,
    );
    const stage = await open();

    await stage.close();

    for (const pid of [gone, process.pid]) {
      const label = `label=firsthand.chaos=${pid}`;
      assert.equal(await docker('ps', '--all', '--quiet', '--filter', label), '');
      assert.equal(await docker('network', 'ls', '--quiet', '--filter', label), '');
    }
    assert.isFalse(existsSync(stage.directory));
  });
});

describe('chaos/stages/docker-stage', () => {
  it('says which image it misses', async context => {
    if (missing !== undefined) {
      console.warn(`not tested without the image: ${missing}`);
      context.skip();
    }

    assert.match((await dockerStage('firsthand:none').unusable()) ?? '', /there is no image firsthand:none/);
  });
});
