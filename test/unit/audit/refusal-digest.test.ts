import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { lineMaxBytes } from '../../../src/audit/line.ts';
import {
  defaultRefusalDigestOptions,
  linesMaxCount,
  RefusalDigest,
  type RefusalDigestOptions,
} from '../../../src/audit/refusal-digest.ts';
import type { AuditEntry } from '../../../src/runtime/ports.ts';
import { ban, read, refusal } from './temporary-log.ts';

const options = { atOnceCount: 2, groupsMaxCount: 3, addressesMaxCount: 4 };

class Bench {
  readonly digest: RefusalDigest;
  readonly lines: AuditEntry[] = [];

  constructor(given: Partial<RefusalDigestOptions> = {}) {
    this.digest = new RefusalDigest({ ...options, ...given });
  }

  /** @returns Which of these became lines of their own. */
  take(...entries: readonly AuditEntry[]): readonly boolean[] {
    return entries.map((entry, i) => this.digest.isLine(entry, 1_000 + i));
  }
}

const times = (count: number, entry: AuditEntry = refusal) => Array.from({ length: count }, () => entry);

describe('audit/refusal-digest', () => {
  it('lets the first of a kind through, and counts those that follow until an interval had none', () => {
    const bench = new Bench();

    const first = bench.take(...times(4));
    const told = bench.digest.close();
    const second = bench.take(...times(1));
    const toldAgain = bench.digest.close();
    const silence = bench.digest.close();
    const isOpen = bench.digest.isOpen;
    const third = bench.take(refusal);

    assert.deepEqual(first, [true, true, false, false]);
    assert.deepEqual(
      told.map(({ counted }) => counted),
      [{ count: 2, firstMs: 1_002, lastMs: 1_003, addressesCount: 1 }],
    );
    assert.deepEqual(second, [false]);
    assert.deepEqual(
      toldAgain.map(({ counted }) => counted?.count),
      [1],
    );
    assert.deepEqual(silence, []);
    assert.isFalse(isOpen);
    assert.deepEqual(third, [true]);
  });

  it('counts neither what is allowed nor what operators and the log itself decide', () => {
    const bench = new Bench();

    assert.notInclude(
      bench.take(...times(10, read), ...times(10, ban), ...times(10, { ...ban, outcome: 'refused' })),
      false,
    );
    assert.isFalse(bench.digest.isOpen);
  });

  it('tells apart why outsiders are refused, and which caller may not', () => {
    const bench = new Bench({ groupsMaxCount: 10 });
    const forbidden = { ...refusal, kind: 'authorisation', who: 'jwt:ada' } as const;

    const taken = bench.take(
      ...times(3),
      ...times(2, { ...refusal, why: 'it is not the secret' }),
      ...times(2, { ...refusal, kind: 'admission' }),
      ...times(2, forbidden),
      { ...forbidden, why: 'another id' },
      { ...forbidden, who: 'jwt:bob' },
    );

    assert.deepEqual(taken, [true, true, false, true, true, true, true, true, true, false, true]);
  });

  it('names what all of them have in common, and the first few addresses', () => {
    const bench = new Bench({ atOnceCount: 0 });
    for (let i = 0; i < 9; i++) bench.take({ ...refusal, who: `peer ${i}`, from: `10.0.0.${i}` });

    assert.deepEqual(bench.digest.close(), [
      {
        kind: 'authentication',
        outcome: 'refused',
        who: 'several',
        what: 'register',
        why: 'no credentials',
        from: '10.0.0.0, 10.0.0.1, 10.0.0.2, …',
        counted: { count: 9, firstMs: 1_000, lastMs: 1_000, addressesCount: 4 },
      },
    ]);
  });

  it('takes reasons beyond what it tells apart for one, and says so', () => {
    const bench = new Bench();
    const reasons = Array.from({ length: 50 }, (_, i) => ({ ...refusal, why: `reason ${i}` }));

    const own = bench.take(...reasons, ...reasons, ...reasons).filter(isLine => isLine).length;
    const lines = bench.digest.close();

    assert.equal(own, 8);
    assert.deepEqual(
      lines.map(({ why, counted }) => [why, counted?.count]),
      [
        ['reason 0', 1],
        ['reason 1', 1],
        ['reason 2', 1],
        ['several', 139],
      ],
    );
  });

  it('loses none, and lets no more lines through than it promises, whatever comes', () => {
    const entry: fc.Arbitrary<AuditEntry> = fc.record({
      kind: fc.constantFrom('authentication', 'authorisation', 'admission', 'certificate'),
      outcome: fc.constantFrom('refused', 'failed'),
      who: fc.string(),
      what: fc.string(),
      why: fc.constantFrom(...Array.from({ length: 50 }, (_, i) => `reason ${i}`)),
      from: fc.ipV6(),
    });
    const intervals = fc.array(fc.array(entry, { maxLength: 400 }), { minLength: 1, maxLength: 4 });

    fc.assert(
      fc.property(intervals, all => {
        const digest = new RefusalDigest(options);
        let told = 0;
        for (const entries of all) {
          const own = entries.filter(each => digest.isLine(each, 0)).length;
          const lines = digest.close();
          told += own + lines.reduce((sum, { counted }) => sum + (counted?.count ?? 0), 0);

          assert.isAtMost(own + lines.length, linesMaxCount(options));
          for (const { counted } of lines) assert.isAtMost(counted?.addressesCount ?? 0, 4);
        }
        assert.equal(told, all.flat().length);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves the lines of a day in a log of the default size, however long the lines of outsiders are', () => {
    const intervalsADay = 96;

    const bytes = intervalsADay * linesMaxCount(defaultRefusalDigestOptions) * lineMaxBytes;

    assert.isBelow(bytes, 19 * 10_485_760);
  });
});
