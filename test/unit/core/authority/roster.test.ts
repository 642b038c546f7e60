import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { clockToleranceMs, type VerifiedCertificate } from '../../../../src/core/authority/certificate.ts';
import { Roster } from '../../../../src/core/authority/roster.ts';
import type { RecordDraft, VerifiedRecord } from '../../../../src/core/record/record.ts';
import {
  type Asked,
  authority,
  authorityNumber,
  certificateFor,
  checker,
  hourMs,
  revocation,
} from '../../../authority-builder.ts';
import {
  agentEntry,
  departure,
  nodeFields,
  record,
  Speaker,
  startWallMs,
  time,
} from '../../../record-builder.ts';

const member = new Speaker(2);
const me = new Speaker(1).peer;

function roster(...certificates: readonly VerifiedCertificate[]): Roster {
  const made = new Roster({ self: me }, { reader: checker });
  for (const { key, wire } of certificates) made.learn(key, wire);
  return made;
}

function certified(asked: Asked = {}): Roster {
  return roster(certificateFor(member.peer, asked));
}

/** The member about itself. */
function own(fields: Partial<RecordDraft> = {}): VerifiedRecord {
  return record({
    author: member.peer,
    authority: 'self',
    subject: 'backend-1',
    body: agentEntry(),
    ...fields,
  });
}

describe('core/authority/roster', () => {
  it('knows nobody without a certificate', () => {
    assert.equal(roster().fault(member.peer, startWallMs), 'uncertified');
    assert.equal(roster().recordFault(own()), 'uncertified');
  });

  it.each([
    ['before it begins', -clockToleranceMs - 1, 'not-yet-valid'],
    ['while it lasts', 12 * hourMs, undefined],
    ['after its end', 24 * hourMs + clockToleranceMs + 1, 'expired'],
  ])('judges a certificate %s by the clock', (_, offsetMs, fault) => {
    assert.equal(certified().fault(member.peer, startWallMs + offsetMs), fault);
  });

  it('learns nothing from the certificate of another key, of another cluster, or of a stranger', () => {
    const made = roster();

    assert.isFalse(made.learn(member.peer, certificateFor(me).wire));
    assert.isFalse(
      made.learn(member.peer, certificateFor(member.peer, { by: authorityNumber(100, 'other') }).wire),
    );
    assert.isFalse(made.learn(member.peer, certificateFor(member.peer, { by: authorityNumber(101) }).wire));
    assert.equal(made.fault(member.peer, startWallMs), 'uncertified');
  });

  describe('of a key that another one has followed', () => {
    const next = new Speaker(3);
    const last = new Speaker(4);
    const origin = member.peer;
    const lineOf = (generation: number) => ({ origin, generation });
    const first = certificateFor(member.peer);
    const second = certificateFor(next.peer, { line: lineOf(1) });
    const third = certificateFor(last.peer, { line: lineOf(2) });

    it('lets it in for the moment that its last words need, and then no more', () => {
      const made = roster(first, second);

      assert.isUndefined(made.fault(member.peer, startWallMs + 10_000));
      assert.equal(made.fault(member.peer, startWallMs + 10_001), 'replaced');
      assert.isUndefined(made.fault(next.peer, startWallMs + 10_001));
    });

    it.each([
      ['ahead', hourMs],
      ['behind', -hourMs],
    ])('keeps it out where the clock of the issuer is an hour %s', (_, aheadMs) => {
      const issued = certificateFor(next.peer, { line: lineOf(1), nowMs: startWallMs + aheadMs });

      assert.equal(roster(first, issued).fault(member.peer, startWallMs), 'replaced');
    });

    it('still takes what it has said, so that nothing that it hosts is missing meanwhile', () => {
      assert.isUndefined(roster(first, second).recordFault(own({ time: time(hourMs) })));
    });

    it('lets one key of a line in, whichever certificates come, in whatever order, and however often it was renewed', () => {
      const renewed = certificateFor(member.peer, { nowMs: startWallMs + hourMs });
      const all = [first, second, third, renewed];

      fc.assert(
        fc.property(fc.shuffledSubarray(all, { minLength: 1 }), learnt => {
          const made = roster(...learnt);
          const latest = Math.max(...learnt.map(({ line }) => line?.generation ?? 0));

          for (const { key, line } of learnt) {
            const expected = (line?.generation ?? 0) === latest ? undefined : 'replaced';
            assert.equal(made.fault(key, startWallMs + 2 * hourMs), expected);
          }
        }),
      );
    });

    it('lets the later of two in that both followed the same one', () => {
      const rival = certificateFor(last.peer, { line: lineOf(1), nowMs: startWallMs + 1 });
      const made = roster(first, rival, second);

      assert.isUndefined(made.fault(last.peer, startWallMs + hourMs));
      assert.equal(made.fault(next.peer, startWallMs + hourMs), 'replaced');
    });

    it('keeps it out where it shows a certificate that was never seen before', () => {
      assert.equal(roster(third).faultOf(first, startWallMs + hourMs), 'replaced');
    });
  });

  it('goes by the newest certificate, whatever order they come in', () => {
    const old = certificateFor(member.peer, { pattern: 'old-*' });
    const next = certificateFor(member.peer, { pattern: 'new-*', nowMs: startWallMs + hourMs });

    assert.equal(roster(old, next).certificateOf(member.peer)?.pattern, 'new-*');
    assert.equal(roster(next, old).certificateOf(member.peer)?.pattern, 'new-*');
  });

  it.each([
    ['the id that it names', { pattern: 'backend-1' }, {}, undefined],
    ['an id that it does not name', { pattern: 'backend-2' }, {}, 'misnamed'],
    ['an id that begins otherwise', { pattern: 'proxy-*' }, {}, 'misnamed'],
    ['a type that it does not name', { roles: ['proxy'] as const }, {}, 'misnamed'],
    [
      'its departure under an id that is not its own',
      { pattern: 'x' },
      { body: departure('left') },
      'misnamed',
    ],
    [
      'a service that it hosts, whatever its id',
      { pattern: 'x' },
      { authority: 'host' as const, body: { type: 'entry' as const, node: nodeFields() } },
      undefined,
    ],
    [
      'something said after its end',
      { lifetimeMs: hourMs },
      { time: time(hourMs + clockToleranceMs + 1) },
      'expired',
    ],
    ['something said before its end', { lifetimeMs: hourMs }, { time: time(hourMs) }, undefined],
  ])('takes from a member %s: %s', (_, asked, fields, fault) => {
    assert.equal(certified(asked).recordFault(own(fields)), fault);
  });

  it('shuts out by serial a certificate and not the next one of the same key', () => {
    const first = certificateFor(member.peer);
    const made = roster(first);

    assert.deepEqual(made.revoke(revocation({ serials: [first.serial] })), [member.peer]);
    assert.equal(made.fault(member.peer, startWallMs), 'revoked');
    assert.equal(made.recordFault(own()), 'revoked');

    made.learn(member.peer, certificateFor(member.peer, { nowMs: startWallMs + 1 }).wire);
    assert.isUndefined(made.fault(member.peer, startWallMs));
  });

  it('shuts out a key with every certificate that it will ever have', () => {
    const made = certified();

    assert.deepEqual(made.revoke(revocation({ keys: [member.peer] })), [member.peer]);

    made.learn(member.peer, certificateFor(member.peer, { nowMs: startWallMs + 1 }).wire);
    assert.equal(made.fault(member.peer, startWallMs), 'revoked');
  });

  it('goes by the list of each authority for itself: serials of one are not those of the other', () => {
    const first = certificateFor(member.peer);
    const made = roster(first);

    made.revoke(revocation({ serials: [first.serial] }, { by: authorityNumber(101) }));

    assert.isUndefined(made.fault(member.peer, startWallMs));
  });

  it('takes lists from authorities alone', () => {
    assert.isUndefined(roster().recordFault(revocation({})));
    assert.equal(roster().recordFault(revocation({}, { by: authorityNumber(101) })), 'misnamed');
  });

  it('comes to the same answers in whatever order certificates and lists come', () => {
    const certificates = [0, 1, 2].map(hours =>
      certificateFor(member.peer, { nowMs: startWallMs + hours * hourMs, pattern: `b${hours}*` }),
    );
    const list = revocation({ serials: [certificates[1]?.serial ?? ''] });
    const news = [...certificates.map(({ wire }) => wire), list];
    const answers = (order: readonly (Uint8Array | VerifiedRecord)[]) => {
      const made = roster();
      for (const each of order) {
        if (each instanceof Uint8Array) made.learn(member.peer, each);
        else made.revoke(each);
      }
      return ['b0x', 'b1x', 'b2x'].map(subject => made.recordFault(own({ subject })));
    };
    const expected = answers(news);

    fc.assert(
      fc.property(fc.shuffledSubarray(news, { minLength: news.length }), order => {
        assert.deepEqual(answers(order), expected);
      }),
    );
    assert.deepEqual(expected, ['misnamed', 'misnamed', undefined]);
  });

  it('is asked for our own next certificate at half of its life', () => {
    assert.isUndefined(roster().renewalDueMs);
    assert.equal(roster(certificateFor(me)).renewalDueMs, startWallMs + 12 * hourMs);
    assert.isFalse(roster().isAuthority(me));
    assert.isTrue(roster().isAuthority(authority.peerId));
  });
});
