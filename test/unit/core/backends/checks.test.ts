import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  BackendChecks,
  type CheckSettings,
  metricsUrl,
  nextDueMs,
} from '../../../../src/core/backends/checks.ts';
import type { Effect } from '../../../../src/core/effects.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';
import { failed, passed } from './answers.ts';

const tickMs = 250;

function checksOf(effects: readonly Effect[]) {
  return effects.filter(effect => effect.type === 'check');
}

/** Checks on a table: time by hand, and answers as soon as a check is asked for. */
class Bench {
  readonly checks: BackendChecks;
  readonly asked: { readonly id: string; readonly key: string; readonly atMs: number }[] = [];
  monoMs = 0;

  constructor(settings: Partial<CheckSettings> = {}, seed = 1) {
    this.checks = new BackendChecks(settings, { random: seededRandom(seed) });
  }

  watch(...ids: readonly string[]): void {
    for (const id of ids)
      this.checks.watch({ id, subjectHash: id, host: `${id}.example`, port: 9_100 }, undefined, this.monoMs);
  }

  /** @param answers - Whether checks are answered at once. */
  pass(ms: number, answers = true): void {
    for (const endMs = this.monoMs + ms; this.monoMs < endMs; ) {
      this.monoMs += tickMs;
      this.#ask(this.checks.due(this.monoMs, 0), answers);
    }
  }

  answer(key: string, outcome = passed): ReturnType<BackendChecks['checked']> {
    const checked = this.checks.checked(key, outcome, this.monoMs);
    this.#ask(this.checks.launch(this.monoMs), false);
    return checked;
  }

  timesOf(id: string): readonly number[] {
    return this.asked.filter(each => each.id === id).map(({ atMs }) => atMs);
  }

  #ask(effects: readonly Effect[], answers: boolean): void {
    for (const { key, host } of checksOf(effects)) {
      this.asked.push({ id: host.replace('.example', ''), key, atMs: this.monoMs });
      if (answers) this.#ask([...this.#answered(key)], true);
    }
  }

  #answered(key: string): readonly Effect[] {
    this.checks.checked(key, passed, this.monoMs);
    return this.checks.launch(this.monoMs);
  }
}

function gaps(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, i) => time - (times[i] as number));
}

describe('core/backends/checks', () => {
  it('asks for host and port, with a key that is used once', () => {
    const bench = new Bench();
    bench.checks.watch({ id: 'svc', subjectHash: 'ab', host: '::1', port: 9_100 }, undefined, 0);

    const [check] = checksOf(bench.checks.due(1_000, 0));

    assert.deepEqual(check, { type: 'check', key: 'backend:svc:1', host: '::1', port: 9_100 });
    assert.equal(bench.checks.views(1_000)[0]?.url, 'http://[::1]:9100/metrics');
  });

  it('checks a new backend within a second, and from then on once an interval', () => {
    const bench = new Bench();
    bench.watch('svc');

    bench.pass(60_000);

    const times = bench.timesOf('svc');
    assert.isAtMost(times[0] as number, 1_000);
    const [first, ...others] = gaps(times) as [number, ...number[]];
    assert.isAtLeast(first, 2_500);
    assert.isAtMost(first, 7_500 + tickMs);
    assert.deepEqual(new Set(others), new Set([5_000]));
  });

  it('spreads what was registered together over the whole interval', () => {
    const bench = new Bench();
    bench.watch(...Array.from({ length: 200 }, (_, i) => `svc-${i}`));

    bench.pass(20_000);
    const before = bench.asked.length;
    bench.pass(5_000);

    const perTick = new Map<number, number>();
    for (const { atMs } of bench.asked.slice(before)) perTick.set(atMs, (perTick.get(atMs) ?? 0) + 1);
    assert.equal(bench.asked.length - before, 200);
    assert.equal(perTick.size, 20);
    assert.isBelow(Math.max(...perTick.values()), 25);
  });

  it('has no more under way than it may, and gives each place that is left to the longest waiting', () => {
    const bench = new Bench({ inFlightMaxCount: 2 });
    bench.watch('a', 'b', 'c', 'd');

    bench.pass(2_000, false);
    const [first] = bench.asked;
    assert.equal(bench.asked.length, 2);
    bench.answer(first?.key ?? '');

    assert.equal(bench.asked.length, 3);
    assert.equal(bench.checks.inFlightCount, 2);
    assert.equal(new Set(bench.asked.map(({ id }) => id)).size, 3);
  });

  it('does not check again what has not answered', () => {
    const bench = new Bench();
    bench.watch('svc');

    bench.pass(30_000, false);

    assert.equal(bench.asked.length, 1);
  });

  it('ignores the answer of an older target, and of one that is gone', () => {
    const bench = new Bench({ failureThreshold: 1 });
    bench.watch('moved', 'gone');
    bench.pass(1_000, false);
    const [moved, gone] = ['moved', 'gone'].map(id => bench.asked.find(each => each.id === id)?.key ?? '');
    bench.watch('moved');
    bench.checks.forget('gone');

    const heeded = [moved, gone].map(key => bench.answer(key as string, failed('refused')));

    assert.deepEqual(heeded, [undefined, undefined]);
    assert.deepInclude(bench.checks.views(bench.monoMs), {
      id: 'moved',
      url: 'http://moved.example:9100/metrics',
      state: 'healthy',
      sinceMs: 0,
      checks: 0,
      failures: 0,
      failuresInRow: 0,
    });
    bench.pass(1_000, false);
    assert.equal(bench.timesOf('moved').length, 2, 'the new target is checked');
    assert.equal(bench.timesOf('gone').length, 1);
  });

  it.each(['backend:svc:99', 'peer:agent:1', ''])('ignores an answer that nobody asked for: %o', key => {
    const bench = new Bench();
    bench.watch('svc');

    assert.isUndefined(bench.answer(key));
    assert.equal(bench.checks.inFlightCount, 0);
  });

  it('heeds one answer to a check', () => {
    const bench = new Bench({ failureThreshold: 2 });
    bench.watch('svc');
    bench.pass(1_000, false);
    const { key = '' } = bench.asked[0] ?? {};

    const twice = [bench.answer(key, failed('timeout')), bench.answer(key, failed('timeout'))];

    assert.deepEqual(
      twice.map(checked => checked?.backend.id),
      ['svc', undefined],
    );
    assert.equal(bench.checks.views(0)[0]?.failuresInRow, 1);
  });

  it('tells when an answer turns a backend, and why it is out', () => {
    const bench = new Bench({ recoveryThreshold: 1 });
    bench.watch('svc');
    bench.pass(1_000, false);

    const turned = bench.answer(bench.asked[0]?.key ?? '', failed('not-ready'));

    assert.equal(turned?.turned, 'unhealthy');
    assert.equal(bench.checks.ailmentOf('svc'), 'not-ready');
    assert.deepInclude(bench.checks.views(bench.monoMs)[0], {
      state: 'unhealthy',
      failures: 1,
      lastResult: 'found not-ready',
      lastCheckMs: 0,
    });
    bench.pass(7_750, false);
    assert.equal(bench.answer(bench.asked[1]?.key ?? '')?.turned, 'healthy');
    assert.isUndefined(bench.checks.ailmentOf('svc'));
  });

  it('takes over what was known before, until it has found out itself', () => {
    const bench = new Bench();
    bench.watch('known', 'checked');
    bench.pass(1_000, false);
    bench.answer(bench.asked.find(({ id }) => id === 'checked')?.key ?? '');

    bench.checks.recall('known', 'timeout');
    bench.checks.recall('checked', 'timeout');
    bench.checks.recall('unknown', 'timeout');

    assert.deepEqual(
      ['known', 'checked', 'unknown'].map(id => bench.checks.ailmentOf(id)),
      ['timeout', undefined, undefined],
    );
  });

  describe('nextDueMs', () => {
    it.each([
      { phaseMs: 0, monoMs: 0, expected: 5_000 },
      { phaseMs: 1_000, monoMs: 1_000, expected: 6_000 },
      { phaseMs: 1_000, monoMs: 1_240, expected: 6_000 },
      { phaseMs: 1_000, monoMs: 5_999, expected: 6_000 },
      { phaseMs: 1_000, monoMs: 6_000, expected: 11_000 },
      { phaseMs: 4_999, monoMs: 0, expected: 4_999 },
    ])('of phase $phaseMs at $monoMs is $expected', ({ phaseMs, monoMs, expected }) => {
      assert.equal(nextDueMs(phaseMs, 5_000, monoMs), expected);
    });

    it('lies on the phase, later than now and an interval away at most', () => {
      fc.assert(
        fc.property(
          fc.nat(9_999),
          fc.integer({ min: 100, max: 10_000 }),
          fc.nat(1e9),
          (raw, intervalMs, monoMs) => {
            const phaseMs = raw % intervalMs;

            const dueMs = nextDueMs(phaseMs, intervalMs, monoMs);

            assert.equal((dueMs - phaseMs) % intervalMs, 0);
            assert.isAbove(dueMs, monoMs);
            assert.isAtMost(dueMs - monoMs, intervalMs);
          },
        ),
      );
    });
  });

  it.each([
    ['10.0.0.1', 'http://10.0.0.1:9100/metrics'],
    ['a.example', 'http://a.example:9100/metrics'],
    ['fd00::1', 'http://[fd00::1]:9100/metrics'],
  ])('asks %s at %s', (host, url) => {
    assert.equal(metricsUrl({ host, port: 9_100 }), url);
  });
});
