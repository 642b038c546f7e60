import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, assert, beforeAll, describe, it } from 'vitest';
import { run } from './fake-io.ts';

describe('cli/simulate', { timeout: 120_000 }, () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'firsthand-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function fileOf(text: string): string {
    const file = join(directory, 'scenario.yaml');
    writeFileSync(file, text);
    return file;
  }

  const eventful = `
minutes: 1.5
agents: { count: 6 }
faults:
  - { kind: crash, agent: 3, at: 10s, for: 30s }
  - { kind: partition, agents: [1, 2], at: 60s, for: 8s }
`;

  it('counts the crash, the healed partition and every update, the same each time', async () => {
    const file = fileOf(eventful);

    const [first, again] = [await run(`simulate ${file} --json`), await run(`simulate ${file} --json`)];

    const document = JSON.parse(first.stdout);
    assert.equal(first.code, 0, first.stderr);
    assert.deepInclude(document.crashes, { count: 1, unfinished: 0 });
    assert.deepInclude(document.heals, { count: 1, unfinished: 0 });
    assert.isAbove(document.updates.count, 10);
    assert.isAtMost(document.updates.p50_ms, document.updates.p99_ms);
    assert.isAbove(document.bytes_per_agent_second, 0);
    assert.equal(document.false_deaths_without_a_fault, 0);
    assert.equal(again.stdout, first.stdout);
  });

  it('tells another story from another seed', async () => {
    const one = await run(`simulate ${fileOf(`${eventful}seed: 1\n`)} --json`);
    const two = await run(`simulate ${fileOf(`${eventful}seed: 2\n`)} --json`);

    assert.notEqual(JSON.parse(one.stdout).datagrams, JSON.parse(two.stdout).datagrams);
  });

  it('goes by the settings: a detector that probes eight times as often sends more than twice as much', async () => {
    const scenario = 'minutes: 1\nagents: { count: 5 }\n';
    const datagrams = async (settings: string) => {
      const { stdout } = await run(`simulate ${fileOf(`${scenario}settings: ${settings}\n`)} --json`);
      return JSON.parse(stdout).datagrams as number;
    };

    const [quick, slow] = [
      await datagrams('{ probe_interval_ms: 500, ack_timeout_max_ms: 400 }'),
      await datagrams('{ probe_interval_ms: 4000 }'),
    ];

    assert.isAbove(quick, 2 * slow);
  });

  it('prints a table for people', async () => {
    const { code, stdout } = await run(`simulate ${fileOf('minutes: 0.5\nagents: { count: 3 }\n')}`);

    assert.equal(code, 0);
    assert.match(stdout, /^3 agents, 0\.5 minutes, seed 1/);
    assert.match(stdout, /^update listed by all +\d+ +\d+ ms/m);
    assert.match(stdout, /^in the end +everybody agrees$/m);
  });

  it('names line, place and what is allowed for each problem, and runs nothing', async () => {
    const file = fileOf('seed: 1\nminute: 3\nnetwork:\n  loss: 2\n');

    const { code, stdout, stderr } = await run(`simulate ${file}`);

    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /scenario\.yaml:2: minute: is not known here; did you mean minutes\?; allowed: seed,/,
    );
    assert.match(stderr, /scenario\.yaml:3: network\.loss: must be a number from 0 to 0\.9, not 2/);
  });

  it.each([
    ['seed: 1\nseed: 2\n', /scenario\.yaml:2: .*unique/],
    ['- seed\n', /scenario\.yaml: must be a map/],
    ['seed: [1\n', /scenario\.yaml:\d: /],
  ])('refuses %j', async (text, expected) => {
    const { code, stderr } = await run(`simulate ${fileOf(text)}`);

    assert.equal(code, 2);
    assert.match(stderr, expected);
  });

  it('says that there is no such file', async () => {
    const { code, stderr } = await run(`simulate ${join(directory, 'absent.yaml')}`);

    assert.equal(code, 2);
    assert.include(stderr, 'absent.yaml: cannot be read: there is no such file');
  });
});
