/** Drills as an operator runs them: the program, its exit code, its report, and what it leaves behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { eventually } from '../../src/chaos/stages/agent-process.ts';
import { removeLeftovers } from '../../src/chaos/stages/leftovers.ts';
import { available } from '../../src/chaos/stages/namespaces.ts';

const program = fileURLToPath(new URL('../../scripts/firsthand', import.meta.url));
const { ok, reason } = available();
if (!ok) console.warn(`no drill is tested in network namespaces: ${reason}`);
const hasProc = existsSync('/proc/self/cmdline');
if (!hasProc) console.warn('what a killed drill leaves behind is not tested: there is no /proc');

let out: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'firsthand-reports-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(out, { recursive: true, force: true });
});

function chaos(...args: readonly string[]) {
  const child = spawn(program, ['chaos', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', chunk => {
    said.stdout += String(chunk);
  });
  child.stderr.on('data', chunk => {
    said.stderr += String(chunk);
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, said, ended };
}

/** Processes of agents that this drill has started. */
function agentsOf({ pid }: ChildProcess): readonly { readonly pid: number; readonly id: string }[] {
  const place = new RegExp(`\\0--data-dir\\0[^\\0]*/firsthand-chaos-${pid}-[^/]*/(agent-\\d+)/`);
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        const id = place.exec(readFileSync(`/proc/${name}/cmdline`, 'utf8'))?.[1];
        return id === undefined ? [] : [{ pid: Number(name), id }];
      } catch {
        return []; // It ended meanwhile.
      }
    });
}

const foldersOf = ({ pid }: ChildProcess) =>
  readdirSync(tmpdir()).filter(name => name.startsWith(`firsthand-chaos-${pid}-`));

describe('firsthand chaos', { timeout: 120_000 }, () => {
  it('passes the storm, says so with exit code 0, and leaves a report and nothing else', async () => {
    const { child, said, ended } = chaos('run', 'storm', '--agents', '3', '--seed', '7', '--out', out);

    assert.equal(await ended, 0, said.stdout + said.stderr);

    assert.match(said.stdout, /^storm: passed$/m);
    assert.include(said.stdout, join(out, 'report.html'));
    assert.deepEqual(readdirSync(out).sort(), ['report.html', 'report.md']);
    assert.match(readFileSync(join(out, 'report.md'), 'utf8'), /^# Drill storm: passed\n/);
    assert.deepEqual(foldersOf(child), []);
  });

  it.skipIf(!hasProc)(
    'ends with 7 when an agent ends that nobody asked to, and names the condition',
    async () => {
      const { child, said, ended } = chaos('run', 'power-loss', '--agents', '3', '--out', out, '--json');
      await eventually(
        'all have met',
        () => said.stderr,
        text => text.includes('all 3 agents have met'),
      );

      const victim = agentsOf(child).find(({ id }) => id === 'agent-2');
      process.kill(victim?.pid ?? 0, 'SIGKILL');

      assert.equal(await ended, 7, said.stderr);
      const outcome = JSON.parse(said.stdout) as {
        readonly passed: boolean;
        readonly conditions: readonly {
          readonly name: string;
          readonly holds: boolean;
          readonly seen: string;
        }[];
      };
      assert.isFalse(outcome.passed);
      const failed = outcome.conditions.filter(({ holds }) => !holds);
      assert.include(
        failed.map(({ name, seen }) => `${name}: ${seen}`),
        'no agent ended by itself: agent-2: ended by SIGKILL',
      );
      assert.match(readFileSync(join(out, 'report.md'), 'utf8'), /^# Drill power-loss: FAILED\n/);
    },
  );

  it.skipIf(!ok)('cuts hosts in halves, and passes', async () => {
    const { said, ended } = chaos(
      'run',
      'partition-halves',
      '--agents',
      '3',
      '--stage',
      'namespace',
      '--out',
      out,
    );

    assert.equal(await ended, 0, said.stdout + said.stderr);
    assert.match(said.stdout, /^partition-halves: passed$/m);
  });

  it.skipIf(!hasProc)('ends the agents when it is interrupted, and says that it was', async () => {
    const { child, said, ended } = chaos('run', 'loss', '--agents', '3', '--out', out);
    await eventually(
      'the fault',
      () => said.stdout,
      text => text.includes('of what reaches'),
    );
    const before = agentsOf(child).length;

    child.kill('SIGINT');

    assert.equal(await ended, 1);
    assert.match(said.stderr, /ended by a signal; nothing is left running/);
    assert.equal(before, 3);
    assert.deepEqual(agentsOf(child), []);
    assert.deepEqual(foldersOf(child), []);
  });

  it.skipIf(!hasProc)('takes away first what a killed drill has left', async () => {
    const { child, said } = chaos('run', 'loss', '--agents', '3', '--out', out);
    await eventually(
      'the fault',
      () => said.stdout,
      text => text.includes('of what reaches'),
    );
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    const left = agentsOf(child).length;

    removeLeftovers();

    assert.equal(left, 3);
    await eventually(
      'no agents',
      () => agentsOf(child).length,
      count => count === 0,
    );
    assert.deepEqual(foldersOf(child), []);
  });

  it('refuses a drill that needs more agents before it starts any', async () => {
    const { child, said, ended } = chaos('run', 'loss', '--agents', '2', '--out', out);

    assert.equal(await ended, 2);

    assert.equal(said.stdout, '');
    assert.equal(
      said.stderr,
      'firsthand: loss cannot be run on stage process: loss needs at least 3 agents\n',
    );
    assert.deepEqual(foldersOf(child), []);
  });

  it('lists every drill with where it can be run and why not elsewhere', async () => {
    const { said, ended } = chaos('list', '--json');

    assert.equal(await ended, 0);

    const { drills, stages } = JSON.parse(said.stdout) as {
      readonly drills: readonly {
        readonly name: string;
        readonly stages: readonly { readonly stage: string; readonly refusals: readonly string[] }[];
      }[];
      readonly stages: readonly { readonly name: string }[];
    };
    assert.isAtLeast(drills.length, 17);
    for (const drill of drills)
      assert.deepEqual(
        drill.stages.map(({ stage }) => stage),
        stages.map(({ name }) => name),
      );
  });

  it('refuses a drill or a stage that is not there, and says which there are', async () => {
    const drill = chaos('run', 'partition-halfs');
    const stage = chaos('run', 'storm', '--stage', 'moon');

    assert.deepEqual([await drill.ended, await stage.ended], [2, 2]);

    assert.match(drill.said.stderr, /"partition-halfs" is not one of .*partition-halves/);
    assert.match(stage.said.stderr, /--stage: "moon" is not one of process, namespace/);
  });
});
