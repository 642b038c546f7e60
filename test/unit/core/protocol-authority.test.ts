import { assert, describe, it } from 'vitest';
import { clockToleranceMs, type VerifiedCertificate } from '../../../src/core/authority/certificate.ts';
import { revocationsSubject } from '../../../src/core/authority/revocation.ts';
import type { Effect } from '../../../src/core/effects.ts';
import type { Restored } from '../../../src/core/protocol.ts';
import type { RecordDraft, VerifiedRecord } from '../../../src/core/record/record.ts';
import {
  authority,
  authorityNumber,
  certificateFor,
  checker,
  hourMs,
  revocation,
} from '../../authority-builder.ts';
import { agentEntry, at, departure, entryAt, Speaker, startWallMs, time } from '../../record-builder.ts';
import { logs, ofType, ProtocolBench, published, written } from './protocol-bench.ts';

const member = new Speaker(2);
const stranger = new Speaker(3);
const operator = new Speaker(4);
const ours = certificateFor(new Speaker(1).peer, { lifetimeMs: 2 * hourMs });
const theirs = certificateFor(member.peer, { pattern: 'backend-*' });

function agent(): ProtocolBench {
  const bench = new ProtocolBench({ certificates: checker });
  bench.start([], ours.wire);
  return bench;
}

/** An agent's entry about itself, with its certificate. */
function introduction(
  speaker: Speaker,
  certificate: VerifiedCertificate,
  fields: Partial<RecordDraft> = {},
): VerifiedRecord {
  const body = agentEntry('10.0.0.1:7000', [speaker.multiaddr]);
  const agent =
    body.type === 'entry' && body.agent ? { ...body.agent, certificate: certificate.wire } : undefined;
  return speaker.introduce('backend-1', {
    body: { ...body, ...(agent ? { agent } : {}) } as RecordDraft['body'],
    ...fields,
  });
}

function refusals(effects: readonly Effect[]): readonly string[] {
  return ofType(effects, 'refused').map(({ reason }) => reason);
}

function stored(records: readonly VerifiedRecord[], aliveAtMs?: number): Restored {
  return {
    records,
    floors: new Map(),
    clocks: new Map(),
    contacts: [],
    proofs: [],
    reachability: new Map(),
    removals: [],
    aliveAtMs,
  };
}

function listed({ protocol }: ProtocolBench): readonly string[] {
  return protocol.table.listing.nodes().map(({ id }) => id);
}

describe('core/protocol with an authority', () => {
  describe('records', () => {
    it('are taken from a member that shows its certificate in its own entry', () => {
      const bench = agent();

      bench.hear(member, introduction(member, theirs));
      bench.hear(member, member.say({ subject: 'svc' }));

      assert.sameMembers([...listed(bench)], ['me', 'backend-1', 'svc']);
    });

    it('of an author that nobody has introduced wait for its certificate, and then are taken', () => {
      const bench = agent();

      const early = bench.hear(member, member.say({ subject: 'svc' }));
      const before = listed(bench);
      bench.hear(member, introduction(member, theirs));

      assert.deepEqual(refusals(early), ['uncertified']);
      assert.deepEqual(before, ['me']);
      assert.sameMembers([...listed(bench)], ['me', 'backend-1', 'svc']);
    });

    it('that wait are taken when their author shows its certificate on a connection', () => {
      const bench = agent();
      bench.hear(member, member.say({ subject: 'svc' }));

      bench.step({ type: 'certificate-shown', peer: member.peer, certificate: theirs.wire });

      assert.include(listed(bench), 'svc');
    });

    it.each([
      ['without a certificate', introduction(stranger, theirs), 'uncertified'],
      [
        'with that of another authority',
        introduction(stranger, certificateFor(stranger.peer, { by: authorityNumber(101) })),
        'uncertified',
      ],
      ['under a name that is not its own', introduction(member, theirs, { subject: 'proxy-1' }), 'misnamed'],
      [
        'said after its certificate had run out',
        introduction(member, certificateFor(member.peer, { nowMs: startWallMs - 48 * hourMs })),
        'expired',
      ],
    ] as const)('about an agent are refused %s', (_, record, reason) => {
      const bench = agent();

      const effects = bench.hear(stranger, record);

      assert.deepEqual(refusals(effects), [reason]);
      assert.deepEqual(listed(bench), ['me']);
    });

    it('of a departure speak for themselves: who has left is known as a member to those who come later', () => {
      const bench = agent();
      const left = { type: 'departure', reason: 'left', certificate: theirs.wire } as const;

      const effects = bench.hear(
        stranger,
        member.say({ subject: 'backend-1', authority: 'self', body: left }),
      );
      const bare = bench.hear(
        stranger,
        stranger.say({ subject: 'backend-2', authority: 'self', body: departure('left') }),
      );

      assert.deepEqual(refusals(effects), []);
      assert.deepEqual(refusals(bare), ['uncertified']);
    });

    it('about ourselves show our certificate, and our departure too', () => {
      const bench = agent();

      const [departed] = published(bench.step({ type: 'depart', ticket: 1, forGood: false }));

      assert.deepEqual(bench.own?.body.type === 'departure' && bench.own.body.certificate, ours.wire);
      assert.equal(departed?.body.type, 'departure');
    });
  });

  describe('revocation', () => {
    function met(): ProtocolBench {
      const bench = agent();
      bench.step({ type: 'certificate-shown', peer: member.peer, certificate: theirs.wire });
      bench.link(member);
      bench.hear(member, introduction(member, theirs), member.say({ subject: 'svc' }));
      return bench;
    }

    it('ends the connection, takes everything out that the member said, and passes the list on', () => {
      const bench = met();
      const list = revocation({ serials: [theirs.serial] });

      const effects = bench.hear(operator, list);

      assert.deepEqual(ofType(effects, 'hang-up'), [{ type: 'hang-up', peer: member.peer }]);
      assert.deepEqual(listed(bench), ['me']);
      assert.isUndefined(bench.protocol.detector.member(member.peer));
      assert.isUndefined(bench.protocol.peering.contact(member.peer));
      const deleted = written(effects).filter(({ type }) => type === 'delete-record');
      assert.lengthOf(deleted, 2);
      assert.deepInclude(written(effects), { type: 'put-record', record: list });
      assert.include(logs(effects), 'member_revoked');
    });

    it('keeps out what the member says from then on, its links and its datagrams', () => {
      const bench = met();
      bench.hear(operator, revocation({ serials: [theirs.serial] }));

      const said = bench.hear(stranger, member.say({ subject: 'svc-2' }), introduction(member, theirs));
      const linked = bench.link(member);

      assert.deepEqual(refusals(said), ['revoked', 'revoked']);
      assert.deepEqual(ofType(linked, 'hang-up'), [{ type: 'hang-up', peer: member.peer }]);
      assert.isFalse(bench.protocol.isMember(member.peer, startWallMs));
      assert.deepEqual(listed(bench), ['me']);
    });

    it('is not undone by an older list that comes later', () => {
      const bench = met();
      bench.hear(operator, revocation({ serials: [theirs.serial] }, { number: 2 }));

      const effects = bench.hear(operator, revocation({}, { number: 1 }));

      assert.deepEqual(refusals(effects), ['stale']);
      assert.isFalse(bench.protocol.isMember(member.peer, startWallMs));
    });

    it('is undone by a newer list, or by a new certificate', () => {
      const bench = met();
      bench.hear(operator, revocation({ serials: [theirs.serial] }, { number: 1 }));
      const next = certificateFor(member.peer, { nowMs: startWallMs + 1 });
      bench.step({ type: 'certificate-shown', peer: member.peer, certificate: next.wire });

      bench.hear(member, introduction(member, next));

      assert.include(listed(bench), 'backend-1');
    });

    it('takes effect at once though the clock of the authority is hours ahead', () => {
      const bench = met();

      bench.hear(operator, revocation({ keys: [member.peer] }, { atMs: startWallMs + 5 * hourMs }));
      const own = bench.register('mine');

      assert.isFalse(bench.protocol.isMember(member.peer, startWallMs));
      assert.isAtMost(published(own)[0]?.time.wallMs ?? Number.POSITIVE_INFINITY, startWallMs + 1_000);
    });

    it('is of no effect without the authority, or where there is none', () => {
      const bench = met();

      const forged = bench.hear(stranger, revocation({ keys: [member.peer] }, { by: authorityNumber(101) }));
      const open = new ProtocolBench();
      open.start();
      const unasked = open.hear(stranger, revocation({ keys: [member.peer] }));

      assert.deepEqual(refusals(forged), ['misnamed']);
      assert.isTrue(bench.protocol.isMember(member.peer, startWallMs));
      assert.deepEqual(refusals(unasked), ['ungranted']);
    });

    it('outlives a restart, also a long one, after which everything else is learnt anew', () => {
      const list = revocation({ serials: [theirs.serial] });
      const records = [introduction(member, theirs), list];
      for (const aliveAtMs of [startWallMs, startWallMs - 20 * 24 * hourMs]) {
        const bench = new ProtocolBench({ certificates: checker });

        const effects = bench.protocol.restore(stored(records, aliveAtMs), at(0));
        bench.start([], ours.wire);

        assert.deepEqual(
          written(effects).filter(({ type }) => type === 'delete-record'),
          [{ type: 'delete-record', subject: 'backend-1', author: member.peer }],
        );
        assert.isDefined(bench.protocol.table.ledger.recordBy(authority.peerId, revocationsSubject));
        assert.deepEqual(refusals(bench.hear(stranger, introduction(member, theirs))), ['revoked']);
      }
    });

    it('cannot be taken out by a member that claims the authority to be gone', () => {
      const bench = met();
      bench.hear(operator, revocation({ keys: [stranger.peer] }));
      const claim = member.claim('removed', authority.peerId, { epoch: startWallMs + hourMs });

      bench.step({ type: 'claims-received', from: member.peer, claims: [claim] });

      assert.isDefined(bench.protocol.table.ledger.recordBy(authority.peerId, revocationsSubject));
    });

    it('of ourselves is an error that a person has to know of', () => {
      const bench = agent();

      assert.include(
        logs(bench.hear(operator, revocation({ serials: [ours.serial] }))),
        'own_certificate_revoked',
      );
    });
  });

  it('ends the link to a member whose certificate runs out while it is connected', () => {
    const bench = agent();
    const short = certificateFor(member.peer, { lifetimeMs: 5_000 });
    bench.step({ type: 'certificate-shown', peer: member.peer, certificate: short.wire });
    bench.link(member);

    const early = bench.pass(clockToleranceMs);
    const late = bench.pass(8_000);

    assert.deepEqual(ofType(early, 'hang-up'), []);
    assert.deepInclude(ofType(late, 'hang-up'), { type: 'hang-up', peer: member.peer });
    assert.include(logs(late), 'certificate_ended');
  });

  describe('the certificate for a next key', () => {
    const next = new Speaker(9);
    const line = { origin: new Speaker(1).peer, generation: 1 };
    const issued = certificateFor(next.peer, { line });
    const signature = new Uint8Array(64);
    const want = { type: 'certify-next', ticket: 7, key: next.peer, signature } as const;

    function linked(): ProtocolBench {
      const bench = agent();
      bench.step({ type: 'certificate-shown', peer: member.peer, certificate: theirs.wire });
      bench.link(member);
      return bench;
    }

    const asks = (effects: readonly Effect[]) =>
      ofType(effects, 'send').flatMap(({ to, message }) => (message.type === 'certificate?' ? [to] : []));
    const issuing = (effects: readonly Effect[]) =>
      ofType(effects, 'certify-next').map(({ to, key }) => [to, key]);
    const replies = (effects: readonly Effect[]) => ofType(effects, 'reply').map(({ reply }) => reply);

    it('is asked of everybody who is linked, and of ourselves, who may hold the issuing key', () => {
      const bench = linked();

      const effects = bench.step(want);

      assert.deepEqual(asks(effects), [member.peer]);
      assert.deepEqual(issuing(effects), [[bench.me.peer, next.peer]]);
    });

    it('answers whoever wants it, once', () => {
      const bench = linked();
      bench.step(want);

      const effects = bench.step({ type: 'renewed', certificate: issued.wire });
      const again = bench.step({ type: 'renewed', certificate: issued.wire });

      assert.deepEqual(replies(effects), [{ ok: true, changed: false, certificate: issued.wire }]);
      assert.deepEqual(replies(again), []);
      assert.isUndefined(bench.protocol.roster?.certificateOf(next.peer));
    });

    it.each([
      ['is for another key', certificateFor(member.peer, { line })],
      ['has run out', certificateFor(next.peer, { line, nowMs: startWallMs - 48 * hourMs })],
      ['nobody has signed whom we trust', certificateFor(next.peer, { line, by: authorityNumber(101) })],
    ])('is not what comes when that %s', (_, { wire }) => {
      const bench = linked();
      bench.step(want);

      assert.deepEqual(replies(bench.step({ type: 'renewed', certificate: wire })), []);
    });

    it('is asked for again, and given up with a code when nobody has answered', () => {
      const bench = linked();
      bench.step(want);

      const later = bench.pass(4_500);
      const end = bench.pass(3_000);
      const after = bench.pass(10_000);

      assert.isNotEmpty(asks(later));
      assert.deepEqual(replies(later), []);
      assert.deepEqual(replies(end), [{ ok: false, code: 'NO_ISSUER', details: {} }]);
      assert.deepEqual(asks(after), []);
    });

    it('is issued to a member, not to one whose certificate has run out, was revoked or is another one by now', () => {
      const ask = { type: 'certificate-asked', from: member.peer, key: next.peer } as const;
      const good = linked();
      const late = linked();
      late.wallOffsetMs = 48 * hourMs;
      const revoked = linked();
      revoked.hear(operator, revocation({ serials: [theirs.serial] }));
      const replaced = linked();
      const rival = certificateFor(stranger.peer, { line: { origin: member.peer, generation: 1 } });
      replaced.step({ type: 'certificate-shown', peer: stranger.peer, certificate: rival.wire });
      replaced.wallOffsetMs = hourMs;

      assert.deepEqual(issuing(good.step(ask)), [[member.peer, next.peer]]);
      for (const bench of [late, revoked, replaced]) assert.deepEqual(issuing(bench.step(ask)), []);
      assert.deepEqual(issuing(linked().step({ ...ask, from: stranger.peer })), []);
      assert.deepEqual(issuing(linked().step({ ...ask, key: member.peer })), []);
    });

    it('is issued a few times and then rarely, for each is a line on the disk of the authority', () => {
      const bench = linked();
      const ask = { type: 'certificate-asked', from: member.peer, key: next.peer } as const;

      const counts = Array.from({ length: 20 }, () => issuing(bench.step(ask)).length);

      assert.equal(
        counts.reduce((sum, count) => sum + count, 0),
        2,
      );
    });

    it('is in our entry as soon as the key has changed, and a later renewal is one of the new key', () => {
      const bench = linked();
      const predecessor = { peer: bench.me.peer, signature: '00'.repeat(64) };
      bench.me.codec.takeKey(next.key);

      const effects = bench.step({
        type: 'rekey',
        ticket: 8,
        peer: next.peer,
        predecessor,
        certificate: issued.wire,
      });
      const known = bench.protocol.roster?.certificateOf(next.peer);
      const renewal = certificateFor(next.peer, { line, nowMs: startWallMs + hourMs });
      const renewed = bench.step({ type: 'renewed', certificate: renewal.wire });

      const [said] = published(effects);
      assert.equal(said?.author, next.peer);
      assert.deepEqual(known?.wire, issued.wire);
      assert.deepEqual(said?.body.type === 'entry' && said.body.agent?.certificate, issued.wire);
      assert.lengthOf(ofType(renewed, 'keep-certificate'), 1);
    });
  });

  describe('renewal', () => {
    function linked(): ProtocolBench {
      const bench = agent();
      bench.step({ type: 'certificate-shown', peer: member.peer, certificate: theirs.wire });
      bench.link(member);
      return bench;
    }

    const asks = (effects: readonly Effect[]) =>
      ofType(effects, 'send').filter(({ message }) => message.type === 'renewal?');

    it('is asked for at half of the life of a certificate, and again while nobody answers', () => {
      const bench = linked();

      const early = bench.pass(10_000);
      bench.wallOffsetMs = hourMs;
      const late = bench.pass(12_000);
      const later = bench.pass(10_000);

      assert.deepEqual(asks(early), []);
      assert.include(
        asks(late).map(({ to }) => to),
        member.peer,
      );
      assert.isNotEmpty(asks(later));
    });

    it('brings a certificate that is kept, and shown to everybody', () => {
      const bench = linked();
      const next = certificateFor(bench.me.peer, { nowMs: startWallMs + hourMs });

      const effects = bench.step({ type: 'renewed', certificate: next.wire });

      assert.deepEqual(ofType(effects, 'keep-certificate'), [
        { type: 'keep-certificate', certificate: next.wire },
      ]);
      const [own] = published(effects);
      assert.deepEqual(own?.body.type === 'entry' && own.body.agent?.certificate, next.wire);
    });

    it.each([
      ['is older', certificateFor(new Speaker(1).peer, { nowMs: startWallMs - 1 })],
      ['is for another key', certificateFor(member.peer, { nowMs: startWallMs + hourMs })],
      [
        'nobody has signed whom we trust',
        certificateFor(new Speaker(1).peer, { by: authorityNumber(101), nowMs: startWallMs + hourMs }),
      ],
    ])('brings nothing when what comes %s', (_, { wire }) => {
      const bench = linked();

      assert.deepEqual(bench.step({ type: 'renewed', certificate: wire }), []);
    });

    it('is given to members in their time, and not again and again', () => {
      const bench = linked();
      const ask = () => ofType(bench.step({ type: 'renewal-asked', from: member.peer }), 'renew');

      const early = ask();
      bench.wallOffsetMs = 13 * hourMs;
      const due = [ask(), ask(), ask()];

      assert.deepEqual(early, []);
      assert.deepEqual(
        due.map(effects => effects.length),
        [1, 1, 0],
      );
      assert.equal(due[0]?.[0]?.certificate.serial, theirs.serial);
    });

    it('is given to nobody who is revoked, has run out, or never was a member', () => {
      const bench = linked();
      bench.wallOffsetMs = 13 * hourMs;
      const ask = (peer: string) => bench.step({ type: 'renewal-asked', from: peer });

      assert.deepEqual(ask(stranger.peer), []);
      bench.hear(operator, revocation({ serials: [theirs.serial] }));
      assert.deepEqual(ask(member.peer), []);
      const other = agent();
      other.step({ type: 'certificate-shown', peer: member.peer, certificate: theirs.wire });
      other.wallOffsetMs = 25 * hourMs;
      assert.deepEqual(other.step({ type: 'renewal-asked', from: member.peer }), []);
    });

    it('that does not come is complained of in the last quarter of the time', () => {
      const bench = linked();

      bench.wallOffsetMs = hourMs * 1.2;
      const early = bench.pass(12_000);
      bench.wallOffsetMs = hourMs * 1.6;
      const late = bench.pass(12_000);

      assert.notInclude(logs(early), 'own_certificate_not_renewed');
      assert.include(logs(late), 'own_certificate_not_renewed');
    });
  });

  it('asks nothing of anybody where there is no authority', () => {
    const bench = new ProtocolBench();
    bench.start();

    bench.hear(
      stranger,
      stranger.introduce('backend-1'),
      stranger.say({ subject: 'svc', body: entryAt('10.0.0.9:1'), time: time(0) }),
    );

    assert.isTrue(bench.protocol.isMember(stranger.peer, startWallMs));
    assert.sameMembers([...listed(bench)], ['me', 'backend-1', 'svc']);
  });
});
