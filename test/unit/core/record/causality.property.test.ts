/** What readers may rely on, in whatever order records arrive and however often. */
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { Effect } from '../../../../src/core/effects.ts';
import { isSameContent, type NodeFields } from '../../../../src/core/record/node.ts';
import { compareDots, type VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table } from '../../../../src/core/record/table.ts';
import { at, departure, nodeFields, record, Speaker, seen, time } from '../../../record-builder.ts';

function table(): Table {
  return new Table({}, { self: 'me', livenessOf: () => 'alive' });
}

function effectsOf(taken: ReturnType<Table['take']>): readonly Effect[] {
  return taken.type === 'admitted' ? taken.effects : [];
}

function conflicts(effects: readonly Effect[]) {
  const told = effects.filter(effect => effect.type === 'event' && effect.event.event === 'conflict');
  const logged = effects.filter(effect => effect.type === 'log' && effect.event === 'record_conflict');
  return [told.length, logged.length];
}

/** Positions in a list of this length, each at least once, some again and again. */
const arrivals = (length: number) =>
  fc
    .tuple(
      fc.shuffledSubarray([...Array(length).keys()], { minLength: length }),
      fc.array(fc.nat(length - 1), { maxLength: 2 * length }),
    )
    .map(([once, again]) => [...once, ...again]);

/** Everything one registration says, so that a mixture of two would show. */
const content = (n: number): NodeFields =>
  nodeFields({
    address: `10.0.0.${n}:1`,
    metricsPort: 2_000 + n,
    capabilities: [`c${n}`],
    isLoadBalancer: n % 2 === 0,
  });

describe('core/record causality', () => {
  it('of one author never shows an earlier record after a later one', () => {
    const said = Array.from({ length: 6 }, (_, i) =>
      record({
        epoch: 1 + Math.floor(i / 3),
        sequence: 1 + (i % 3),
        body: { type: 'entry', node: content(i) },
      }),
    );
    fc.assert(
      fc.property(arrivals(said.length), order => {
        const known = table();
        let latest: VerifiedRecord | undefined;
        for (const index of order) {
          known.take(said[index] as VerifiedRecord, at(0));
          const { winner } = known.ledger.resolution('svc');
          assert.isDefined(winner);
          assert.isTrue(latest === undefined || (winner !== undefined && compareDots(winner, latest) >= 0));
          latest = winner;
        }
        assert.equal(latest, said.at(-1));
      }),
    );
  });

  it('shows the fields of one registration together, never a mixture of two', () => {
    const said = Array.from({ length: 4 }, (_, i) =>
      record({ sequence: 1 + i, body: { type: 'entry', node: content(i) } }),
    );
    fc.assert(
      fc.property(arrivals(said.length), order => {
        const known = table();
        for (const index of order) {
          known.take(said[index] as VerifiedRecord, at(0));
          const node = known.listing.get('svc') as NodeFields;
          assert.lengthOf(
            said.filter(({ body }) => body.type === 'entry' && isSameContent(body.node, node)),
            1,
          );
        }
      }),
    );
  });

  it('lets nothing return that its author took out later', () => {
    const said = [
      record({ sequence: 1 }),
      record({ sequence: 2, body: { type: 'entry', node: content(2) } }),
      record({ sequence: 3, body: departure('deregistered') }),
    ];
    fc.assert(
      fc.property(arrivals(said.length), order => {
        const known = table();
        let isGone = false;
        for (const index of order) {
          known.take(said[index] as VerifiedRecord, at(0));
          isGone ||= index === 2;
          if (isGone) assert.isUndefined(known.listing.get('svc'));
        }
      }),
    );
  });

  it('tells and logs a conflict once, however often its records arrive', () => {
    const said = [1, 2, 3].map(n =>
      record({ author: `author-${n}`, body: { type: 'entry', node: content(n) } }),
    );
    fc.assert(
      fc.property(arrivals(said.length), order => {
        const known = table();
        const effects = order.flatMap(index => effectsOf(known.take(said[index] as VerifiedRecord, at(0))));

        assert.deepEqual(conflicts(effects), [1, 1]);
        assert.equal(known.ledger.conflictsCount, 1);
      }),
    );
  });

  it('tells a conflict again only when there was none in between', () => {
    const known = table();
    const [a, b] = [1, 2].map(n =>
      record({ author: `author-${n}`, body: { type: 'entry', node: content(n) } }),
    );
    if (a === undefined || b === undefined) throw new Error('two records');
    const settled = record({ author: a.author, sequence: 2, context: seen(b), body: a.body });
    const again = record({ author: b.author, sequence: 2, body: { type: 'entry', node: content(9) } });

    const told = [a, b, settled, again].map(said => conflicts(effectsOf(known.take(said, at(0))))[0]);

    assert.deepEqual(told, [0, 1, 0, 1]);
  });

  describe('clocks that cannot be true, on the real codec', () => {
    const [author, victim] = [new Speaker(2), new Speaker(3)];
    const far = Number.MAX_SAFE_INTEGER;

    it('that name the future of somebody wait, and then cover nothing and hold up nobody', () => {
      const known = table();
      const own = victim.say({ subject: 'svc' });
      known.take(own, at(0));
      const future = { author: victim.peer, epoch: far, sequence: far, digest: 'f'.repeat(64) };
      const claim = author.say({
        subject: 'svc',
        context: [future],
        body: { type: 'entry', node: content(7) },
      });

      assert.deepInclude(known.take(claim, at(0)), { type: 'parked', reason: 'unknown-context' });
      known.take(claim, at(30_000));
      const next = victim.say({ subject: 'svc', time: time(1), body: { type: 'entry', node: content(8) } });

      assert.equal(known.take(next, at(30_001)).type, 'admitted', 'its own counter is its own');
      assert.isTrue(known.ledger.resolution('svc').conflict, 'two that did not know of each other');
      assert.equal(known.ledger.clock.get(victim.peer)?.epoch, 1);
    });

    it('that run far ahead end their own author only', () => {
      const known = table();
      const last = author.say({ subject: 'svc', epoch: far });
      const later = author.say({ subject: 'svc', epoch: far - 1 });

      assert.equal(known.take(last, at(0)).type, 'admitted');
      assert.equal(known.take(later, at(0)).type, 'refused');
      assert.equal(known.take(victim.say({ subject: 'other' }), at(0)).type, 'admitted');
    });

    it('leave no floor under which somebody else could say nothing', () => {
      const known = table();
      const future = { author: victim.peer, epoch: far, sequence: far, digest: 'f'.repeat(64) };
      const gone = author.say({
        subject: 'svc',
        time: time(-90_000_000),
        context: [future],
        body: departure('deregistered'),
      });
      known.take(gone, at(0));
      known.take(gone, at(30_000));
      known.reapTombstones(at(30_000));

      assert.equal(known.take(victim.say({ subject: 'svc' }), at(30_001)).type, 'admitted');
    });

    it('that wait take a bounded room, whoever signs them', () => {
      const known = table();
      const refused = Array.from({ length: 200 }, (_, i) => {
        const future = { author: victim.peer, epoch: far, sequence: i + 1, digest: 'f'.repeat(64) };
        return known.take(author.say({ subject: `svc-${i}`, context: [future] }), at(0)).type;
      });

      assert.isAtMost(known.parking.count, 64);
      assert.include(refused, 'admitted', 'what finds no room to wait covers nothing anyway');
    });
  });
});
