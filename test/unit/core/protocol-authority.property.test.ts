import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { RecordDraft, VerifiedRecord } from '../../../src/core/record/record.ts';
import { authorityNumber, certificateFor, checker, hourMs, revocation } from '../../authority-builder.ts';
import { agentEntry, entryAt, heldIn, Speaker, startWallMs, time } from '../../record-builder.ts';
import { ProtocolBench } from './protocol-bench.ts';

const [good, bad, renewed, stranger, messenger] = [2, 3, 4, 5, 6].map(number => new Speaker(number)) as [
  Speaker,
  Speaker,
  Speaker,
  Speaker,
  Speaker,
];
const certificates = {
  good: certificateFor(good.peer, { pattern: 'good-*' }),
  bad: certificateFor(bad.peer, { pattern: 'bad-*' }),
  first: certificateFor(renewed.peer, { lifetimeMs: hourMs }),
  next: certificateFor(renewed.peer, {
    nowMs: startWallMs + 1,
    notBeforeMs: startWallMs,
    lifetimeMs: 2 * hourMs,
  }),
  stranger: certificateFor(stranger.peer, { by: authorityNumber(101) }),
};

function introduction(
  speaker: Speaker,
  subject: string,
  certificate: Uint8Array,
  fields: Partial<RecordDraft> = {},
): VerifiedRecord {
  const body = agentEntry('10.0.0.1:7000', [speaker.multiaddr]);
  if (body.type !== 'entry' || body.agent === undefined) throw new TypeError('an agent');
  return speaker.introduce(subject, {
    body: { ...body, agent: { ...body.agent, certificate } },
    ...fields,
  });
}

/** What goes round in a cluster in which one member is shut out, one renews, and one was never a member. */
const news: readonly VerifiedRecord[] = [
  introduction(good, 'good-1', certificates.good.wire),
  good.say({ subject: 'svc-1' }),
  good.say({ subject: 'svc-2', body: entryAt('10.0.0.2:1') }),
  introduction(good, 'elsewhere', certificates.good.wire),
  introduction(bad, 'bad-1', certificates.bad.wire),
  bad.say({ subject: 'svc-1' }),
  introduction(renewed, 'renewed', certificates.first.wire),
  introduction(renewed, 'renewed', certificates.next.wire),
  renewed.say({ subject: 'svc-3', time: time(0) }),
  introduction(stranger, 'stranger', certificates.stranger.wire),
  stranger.say({ subject: 'svc-4' }),
  revocation({ keys: [stranger.peer] }, { number: 1 }),
  revocation({ serials: [certificates.bad.serial] }, { number: 2 }),
];

function heldAfter(order: readonly VerifiedRecord[]): string {
  const bench = new ProtocolBench({ certificates: checker });
  bench.start([], certificateFor(bench.me.peer).wire);
  // As exchanges do: what was refused is offered again.
  for (let round = 0; round < 3; round += 1) for (const record of order) bench.hear(messenger, record);
  const own = bench.own?.digest ?? '';
  return heldIn(bench.protocol.table.ledger).replace(own, 'own').split(' ').sort().join(' ');
}

describe('core/protocol with an authority, laws', () => {
  it('ends with the same records in whatever order records, certificates and lists come', () => {
    const expected = heldAfter(news);

    fc.assert(
      fc.property(fc.shuffledSubarray([...news], { minLength: news.length }), order => {
        assert.equal(heldAfter(order), expected);
      }),
      { numRuns: 200 },
    );
    // Own, good-1, svc-1, svc-2, renewed, svc-3, and the second list.
    assert.lengthOf(expected.split(' '), 7);
  });
});
