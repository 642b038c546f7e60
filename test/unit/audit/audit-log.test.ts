import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { assert, describe, it } from 'vitest';
import { auditFiles } from '../../../src/audit/files.ts';
import { parseLine } from '../../../src/audit/line.ts';
import type { Clock } from '../../../src/runtime/ports.ts';
import { until } from '../../contract/http-client.ts';
import {
  auditLog,
  ban,
  linesOf,
  read,
  refusal,
  temporaryDirectory,
  verified,
  writtenLog,
} from './temporary-log.ts';

/** Time that goes only when it is told to. */
class SteeredClock implements Clock {
  monoMs = 0;
  readonly #waiting: (() => void)[] = [];

  now() {
    return { monoMs: this.monoMs, wallMs: 1_800_000_000_000 + this.monoMs };
  }

  after(_delayMs: number, callback: () => void): () => void {
    this.#waiting.push(callback);
    return () => {};
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  fire(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }
}

describe('audit/audit-log', () => {
  it('makes no file until there is something to write', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);

    await log.stop();

    assert.deepEqual(await auditFiles(directory), []);
  });

  it('writes one line a decision, readable by its owner only, chained to the one before', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);
    log.record(refusal);
    log.record(ban);
    await log.stop();

    const [file] = await auditFiles(directory);
    const lines = linesOf(file?.path ?? '').map(line => JSON.parse(line));
    assert.deepInclude(lines[0], {
      n: 1,
      who: 'anonymous',
      from: '10.0.0.7',
      what: 'register',
      request_id: 'r-1',
    });
    assert.deepInclude(lines[1], { n: 2, kind: 'ban', outcome: 'allowed' });
    assert.equal(lines.length, 2);
    assert.equal(statSync(file?.path ?? '').mode & 0o777, 0o600);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.deepInclude(await verified(directory), { lines: 2, first: 1, problemsCount: 0 });
  });

  it('goes on with the chain after a restart', async () => {
    const directory = temporaryDirectory();
    await writtenLog(directory, 3);

    await writtenLog(directory, 2);

    assert.deepInclude(await verified(directory), { files: 1, lines: 5, problemsCount: 0 });
  });

  it('carries the chain over from file to file, and names the head of each', async () => {
    const directory = temporaryDirectory();
    const { log, logged } = auditLog(directory, { fileMaxBytes: 1_000, filesMaxCount: 20 });
    for (let i = 0; i < 40; i++) log.record(read);
    await log.stop();

    const report = await verified(directory);
    assert.deepInclude(report, { lines: 40, first: 1, problemsCount: 0 });
    assert.isAbove(report.files, 5);
    assert.deepEqual(logged, Array(logged.length).fill('audit_file_closed'));
    assert.isAtLeast(logged.length, report.files - 1);
  });

  it('keeps no more files than it may, and the rest is still a chain', async () => {
    const directory = temporaryDirectory();
    await writtenLog(directory, 40, { fileMaxBytes: 1_000, filesMaxCount: 3 });

    const report = await verified(directory);

    assert.isAtMost(report.files, 3);
    assert.isAbove(report.first, 1);
    assert.deepInclude(report, { problemsCount: 0, head: report.head });
    assert.equal(report.head.n, 40);
  });

  it('keeps a line apart that a killed process has left half written, and goes on from the one before', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 3);
    const half = readFileSync(path, 'utf8').split('\n')[2]?.slice(0, 50) ?? '';
    appendFileSync(path, half);
    assert.equal((await verified(directory)).problemsCount, 1);

    const { log, logged } = auditLog(directory);
    log.record(ban);
    await log.stop();

    const report = await verified(directory);
    assert.deepInclude(report, { lines: 5, problemsCount: 0 });
    assert.include(linesOf(path)[3], 'was cut off (50 bytes) and is kept apart');
    assert.deepEqual(logged, ['audit_damaged']);
    const kept = readdirSync(directory).filter(name => name.includes('.torn-'));
    assert.deepEqual(
      kept.map(name => readFileSync(join(directory, name), 'utf8')),
      [half],
    );
  });

  it('leaves a file alone that somebody has changed, and goes on in the next', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 3);
    const changed = readFileSync(path, 'utf8').replace('"n":2', '"n":"2"');
    writeFileSync(path, changed);

    await writtenLog(directory, 1);

    assert.equal(readFileSync(path, 'utf8'), changed);
    const report = await verified(directory);
    assert.equal(report.files, 2);
    assert.deepEqual(
      report.problems.map(({ file, line }) => [file, line]),
      [
        ['audit-00000001.jsonl', 2],
        ['audit-00000001.jsonl', 3],
      ],
    );
  });

  it('leaves out what callers cause beyond its rate, never what operators do, and says how many', async () => {
    const directory = temporaryDirectory();
    const clock = new SteeredClock();
    const { log } = auditLog(directory, { clock });
    for (let i = 0; i < 2_500; i++) log.record(read);
    log.record(ban);
    await log.stop();

    const report = await verified(directory);

    assert.deepInclude(report, { lines: 2_001, leftOut: 500, problemsCount: 0 });
    assert.deepInclude(log.counts, { written: 2_001, leftOut: 500 });
  });

  it('writes the first refusals of a kind, and one line an interval for those that follow', async () => {
    const directory = temporaryDirectory();
    const clock = new SteeredClock();
    const { log } = auditLog(directory, { clock });
    const flood = () => {
      for (let i = 0; i < 10_000; i++) {
        clock.monoMs += 5;
        log.record({ ...refusal, from: `10.0.${i % 3}.7` });
      }
    };

    flood();
    clock.fire();
    flood();
    clock.fire();
    log.record(ban);
    await log.stop();

    const [file] = await auditFiles(directory);
    const lines = linesOf(file?.path ?? '').map(line => parseLine(Buffer.from(line)));
    assert.deepEqual(
      lines.map(line => [line?.kind, line?.count]),
      [
        ...Array(5).fill(['authentication', undefined]),
        ['authentication', 9_995],
        ['authentication', 10_000],
        ['ban', undefined],
      ],
    );
    const began = 1_800_000_000_000;
    assert.deepInclude(lines[5], {
      who: 'anonymous',
      why: 'no credentials',
      from: '10.0.2.7, 10.0.0.7, 10.0.1.7',
      addresses: 3,
      first_at: new Date(began + 30).toISOString(),
      last_at: new Date(began + 50_000).toISOString(),
    });
    assert.deepInclude(log.counts, { written: 8, leftOut: 0, counted: 19_995 });
    assert.deepInclude(await verified(directory), { problemsCount: 0, leftOut: 0 });
  });

  it('says when it is stopped what was counted by then', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory, { clock: new SteeredClock() });
    for (let i = 0; i < 9; i++) log.record(refusal);

    await log.stop();
    await log.stop();

    const [file] = await auditFiles(directory);
    assert.deepEqual(
      linesOf(file?.path ?? '').map(line => parseLine(Buffer.from(line))?.count),
      [...Array(5).fill(undefined), 4],
    );
  });

  it('keeps what the disk refuses and writes it once the disk takes it', async () => {
    const directory = temporaryDirectory();
    writeFileSync(directory, 'a file in the place of the directory');
    const clock = new SteeredClock();
    const { log, logged } = auditLog(directory, { clock });
    log.record(ban);
    log.record(refusal);
    await until(() => log.counts.failures === 1, 'refused');
    assert.deepEqual(log.counts, { written: 0, leftOut: 0, counted: 0, failures: 1, waiting: 2 });

    rmSync(directory);
    clock.fire();
    await until(() => log.counts.waiting === 0, 'written');

    assert.deepInclude(await verified(directory), { lines: 2, problemsCount: 0 });
    assert.deepEqual(logged, ['audit_failed']);
  });

  it('writes nothing twice that had been written when the disk refused the rest', async () => {
    const directory = temporaryDirectory();
    const clock = new SteeredClock();
    const { log } = auditLog(directory, { clock });
    log.record(ban);
    await until(() => log.counts.written === 1, 'written');
    const [file] = await auditFiles(directory);
    const path = file?.path ?? '';
    chmodSync(path, 0o400);
    // As root no mode refuses: then a directory in the place of the file does.
    const whole = readFileSync(path);
    rmSync(path);
    mkdirSync(path);
    log.record({ ...ban, what: 'second' });
    log.record({ ...ban, what: 'third' });
    await until(() => log.counts.failures === 1, 'refused');
    rmSync(path, { recursive: true });

    // What the failed write has left: the second line, and a part of the third.
    const copy = temporaryDirectory();
    mkdirSync(dirname(copy), { recursive: true });
    mkdirSync(copy);
    writeFileSync(join(copy, 'audit-00000001.jsonl'), whole);
    const other = auditLog(copy, { clock });
    other.log.record({ ...ban, what: 'second' });
    await other.log.stop();
    writeFileSync(
      path,
      Buffer.concat([readFileSync(join(copy, 'audit-00000001.jsonl')), Buffer.from('{"n":3')]),
    );
    clock.fire();
    await until(() => log.counts.waiting === 0, 'written');

    assert.deepInclude(await verified(directory), { problemsCount: 0 });
    assert.deepEqual(
      linesOf(path).map(line => JSON.parse(line).what),
      ['ban 12D3KooWx', 'second', 'recover the audit log', 'third'],
    );
  });

  it('cuts what callers send, so that no line is too long to be read back', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);
    const long = '\u0000'.repeat(100_000);
    log.record({
      kind: 'ban',
      who: long,
      what: long,
      outcome: 'refused',
      why: long,
      from: long,
      requestId: long,
    });
    await log.stop();

    const [file] = await auditFiles(directory);
    const [line = ''] = linesOf(file?.path ?? '');

    assert.isDefined(parseLine(Buffer.from(line)));
    assert.isBelow(line.length, 8_192);
  });

  it('takes nothing after its stop, and stops twice', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);
    log.record(ban);
    await log.stop();
    log.record(ban);
    await log.stop();

    assert.deepInclude(await verified(directory), { lines: 1 });
  });
});
