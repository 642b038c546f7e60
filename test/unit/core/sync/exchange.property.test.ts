import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { departure, record, time } from '../../../record-builder.ts';
import { type Message, Side, talk } from './side.ts';

const minuteMs = 60_000;

/** A history of few subjects by few authors: records replace, contradict and end each other. */
const claim = fc.record({
  subject: fc.integer({ min: 0, max: 12 }),
  author: fc.constantFrom('x', 'y', 'z'),
  isDeparture: fc.boolean(),
  minutesAgo: fc.integer({ min: 0, max: 600 }),
});

interface Claim {
  readonly subject: number;
  readonly author: string;
  readonly isDeparture: boolean;
  readonly minutesAgo: number;
}

/** Each author counts its records, so no two share a dot. */
function recordsOf(claims: readonly Claim[]): readonly VerifiedRecord[] {
  return claims.map(({ subject, author, isDeparture, minutesAgo }, i) => ({
    ...record({
      subject: `service-${subject}`,
      author,
      sequence: i + 1,
      time: time(-minutesAgo * minuteMs),
      ...(isDeparture ? { body: departure('deregistered') } : {}),
    }),
    wire: new Uint8Array(100),
  }));
}

const who = fc.constantFrom('a', 'b', 'both');

describe('core/sync/exchange', () => {
  it('leaves any two tables equal, whoever begins', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(claim, who), { maxLength: 60 }), fc.boolean(), (history, isAFirst) => {
        const all = recordsOf(history.map(([each]) => each));
        const heldBy = (name: string) =>
          all.filter((_, i) => history[i]?.[1] === name || history[i]?.[1] === 'both');
        const [a, b] = [new Side('a', heldBy('a')), new Side('b', heldBy('b'))];

        if (isAFirst) talk(a, b);
        else talk(b, a);

        const expected = new Side('c', all);
        assert.equal(a.root, b.root);
        assert.equal(a.root, expected.root);
        assert.deepEqual([a.lies, b.lies], [[], []]);
      }),
      { numRuns: 200 },
    );
  });

  it('survives any loss of frames: the next exchange, or the one after that, brings the rest', () => {
    const lost = fc.array(fc.boolean(), { minLength: 200, maxLength: 200 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(claim, who), { minLength: 1, maxLength: 40 }),
        lost,
        (history, isLost) => {
          const all = recordsOf(history.map(([each]) => each));
          const heldBy = (name: string) => all.filter((_, i) => history[i]?.[1] === name);
          const [a, b] = [new Side('a', heldBy('a')), new Side('b', heldBy('b'))];
          let sent = 0;
          talk(a, b, a.begin('b'), (_from: string, message: Message) => {
            sent += 1;
            return isLost[sent] === true ? undefined : message;
          });

          for (const side of [a, b]) {
            side.monoMs += 10_000;
            side.exchange.tick(side.monoMs);
          }
          talk(a, b);

          assert.equal(a.root, b.root);
          assert.deepEqual([a.lies, b.lies], [[], []]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
