/** The scripts for operators, in network namespaces: what they break, and that they mend it however they end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, assert, beforeAll, describe, it } from 'vitest';
import { eventually } from '../../src/chaos/stages/agent-process.ts';
import { available, type NamespaceHost, NamespaceNetwork } from '../../src/chaos/stages/namespaces.ts';
import { diskProblem, SmallDisk } from '../../src/chaos/stages/small-disk.ts';
import { Exchange } from './datagrams.ts';

const folder = fileURLToPath(new URL('../../scripts/chaos/', import.meta.url));
const scripts = readdirSync(folder).filter(name => name.endsWith('.sh'));
const { ok, reason } = available();
if (!ok) console.warn(`scripts/chaos is not tested on hosts: ${reason}`);
const noDisk = diskProblem();
if (noDisk !== undefined) console.warn(`scripts/chaos/disk.sh is not tested: ${noDisk}`);
const hasShellcheck = spawnSync('shellcheck', ['--version']).status === 0;
if (!hasShellcheck)
  console.warn('scripts/chaos is not checked: there is no shellcheck (apt-get install shellcheck)');

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** Resolves once it has done its work and says so. */
async function start(
  name: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<ChildProcess> {
  const [command = '', ...rest] = [...wrapper, join(folder, name), ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let errors = '';
  child.stderr?.on('data', chunk => {
    errors += String(chunk);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const said = await Promise.race([once(lines, 'line'), once(child, 'exit')]);
  if (typeof said[0] !== 'string') throw new Error(`${name} ended: ${errors}`);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit');
  child.kill(signal);
  return ((await ended) as [number | null])[0];
}

function refusal(name: string, args: readonly string[]) {
  const { status, stderr } = spawnSync(join(folder, name), args, { encoding: 'utf8' });
  return { status, lines: stderr.trim().split('\n') };
}

describe.skipIf(!hasShellcheck)('scripts/chaos', () => {
  it('has nothing that shellcheck would change', () => {
    const { stdout, status } = spawnSync('shellcheck', ['-x', ...scripts], { cwd: folder, encoding: 'utf8' });

    assert.equal(status, 0, stdout);
  });
});

describe('scripts/chaos on this machine', { timeout: 30_000 }, () => {
  it.each([
    ['partition.sh', [], /needs --for SECONDS/],
    ['partition.sh', ['--for'], /--for needs a value/],
    ['one-way.sh', ['--fro', '3'], /there is no option --fro/],
    ['loss.sh', ['--for', '3'], /needs --percent/],
    ['loss.sh', ['--for', '3', '--percent', '101'], /more than all/],
    ['latency.sh', ['--for', '3'], /needs --ms/],
    ['pause.sh', ['--for', '3', '999999999'], /there is no process/],
    ['cpu.sh', ['--for', '3', '--workers', '0'], /needs --workers of 1 or more/],
    ['disk.sh', ['--for', '3', '/nowhere'], /needs the data directory/],
    ['disk.sh', ['--for', '3', '/'], /same file system as \//],
  ] as const)('%s %j is refused in one sentence with exit code 2', (name, args, sentence) => {
    const { status, lines } = refusal(name, args);

    assert.equal(status, 2);
    assert.lengthOf(lines, 1);
    assert.match(lines[0] ?? '', sentence);
  });

  it.each(scripts.filter(name => name !== 'drill.sh'))(
    '%s --help says what it does and how to call it',
    name => {
      const { stdout, status } = spawnSync(join(folder, name), ['--help'], { encoding: 'utf8' });

      assert.equal(status, 0);
      assert.match(stdout, new RegExp(`^  ${name} --for SECONDS`, 'm'));
    },
  );

  it('pause.sh stops a process, and has it go on when the script is ended', async () => {
    const sleeper = spawn('sleep', ['600']);
    running.push(sleeper);
    const state = () => /^State:\s+(\w)/m.exec(readFileSync(`/proc/${sleeper.pid}/status`, 'utf8'))?.[1];

    const script = await start('pause.sh', ['--for', '600', `${sleeper.pid}`]);
    await eventually('it stands still', state, now => now === 'T');
    await end(script, 'SIGTERM');

    await eventually('it goes on', state, now => now === 'S');
  });

  it('cpu.sh ends its loops when it is ended', async () => {
    const script = await start('cpu.sh', ['--for', '600', '--workers', '2']);
    const loops = () =>
      spawnSync('ps', ['-o', 'pid=', '--ppid', `${script.pid}`], { encoding: 'utf8' }).stdout.split('\n')
        .length - 1;
    const before = loops();

    await end(script, 'SIGINT');

    assert.isAtLeast(before, 2);
    assert.equal(loops(), 0);
  });

  it.skipIf(noDisk !== undefined)(
    'disk.sh fills a disk but for what is to stay free, and makes room again',
    async () => {
      const path = mkdtempSync(join(tmpdir(), 'firsthand-script-'));
      const disk = new SmallDisk(join(path, 'disk'), 16);
      const freeMib = () =>
        Number(spawnSync('stat', ['-f', '-c', '%a', disk.path], { encoding: 'utf8' }).stdout) / 256;
      try {
        const script = await start('disk.sh', ['--for', '600', '--leave', '2', disk.path]);
        const during = freeMib();
        await end(script, 'SIGTERM');

        assert.approximately(during, 2, 0.1);
        await eventually('room', freeMib, free => free > 15);
      } finally {
        disk.close();
        rmSync(path, { recursive: true });
      }
    },
  );
});

describe.skipIf(!ok)('scripts/chaos on hosts', { timeout: 60_000 }, () => {
  let network: NamespaceNetwork;
  let exchange: Exchange;
  let a: NamespaceHost;
  let b: NamespaceHost;
  beforeAll(async () => {
    network = await NamespaceNetwork.open(2);
    [a, b] = network.hosts as [NamespaceHost, NamespaceHost];
    exchange = new Exchange(7_946);
  });
  afterAll(() => network.close());

  /** Of 200 datagrams each way on the agents' port, how many arrive. */
  const arrivals = async () => [await exchange.send(a, b, 200), await exchange.send(b, a, 200)];

  it.each([
    ['partition.sh', [], [0, 0]],
    ['one-way.sh', [], [0, 200]],
    ['loss.sh', ['--percent', '100'], [0, 200]],
  ] as const)(
    '%s %j lets %j of 200 datagrams through, and all once it is ended',
    async (name, args, during) => {
      const script = await start(name, ['--for', '600', ...args, a.address], b.wrapper);

      const seen = await arrivals();
      await end(script, 'SIGTERM');
      const after = await arrivals();

      assert.deepEqual(seen, [...during]);
      assert.deepEqual(after, [200, 200]);
    },
  );

  it('loses about the share that it is told to, and only on the port of the agents', async () => {
    const other = new Exchange(9_000);

    await start('loss.sh', ['--for', '600', '--percent', '50'], b.wrapper);

    assert.approximately(await exchange.send(a, b, 400), 200, 60);
    assert.equal(await other.send(a, b, 200), 200);
  });

  it('mends first what a killed one has left', async () => {
    const killed = await start('partition.sh', ['--for', '600'], b.wrapper);
    await end(killed, 'SIGKILL');
    const left = await arrivals();

    const next = await start('one-way.sh', ['--for', '600', '198.18.255.254'], b.wrapper);
    const during = await arrivals();
    await end(next, 'SIGINT');

    assert.deepEqual(left, [0, 0]);
    assert.deepEqual(during, [200, 200]);
  });

  it('does not let a second one change the packet filter meanwhile', async () => {
    await start('partition.sh', ['--for', '600'], b.wrapper);
    const [command = '', ...wrapper] = b.wrapper;

    const { status, stderr } = spawnSync(
      command,
      [...wrapper, join(folder, 'loss.sh'), '--for', '1', '--percent', '1'],
      {
        encoding: 'utf8',
      },
    );

    assert.equal(status, 2);
    assert.match(stderr, /another script of these/);
  });

  it('latency.sh delays what arrives, and lets it go once it is ended', async () => {
    const before = await exchange.timeMs(a, b);
    const script = await start('latency.sh', ['--for', '600', '--ms', '300'], b.wrapper);
    const during = await exchange.timeMs(a, b);
    await end(script, 'SIGTERM');

    assert.isBelow(before, 250);
    assert.isAtLeast(during, 295);
    assert.deepEqual(await arrivals(), [200, 200]);
  });
});
