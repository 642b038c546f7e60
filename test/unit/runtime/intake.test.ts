import { assert, describe, it } from 'vitest';
import type { CertificateReader } from '../../../src/core/authority/roster.ts';
import type { Input } from '../../../src/core/effects.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { recordRef } from '../../../src/core/sync/tree.ts';
import { SignedRecordCodec } from '../../../src/identity/record-codec.ts';
import { askToFollow } from '../../../src/identity/succession.ts';
import { Intake, type IntakeSettings } from '../../../src/runtime/intake.ts';
import type { UnverifiedRecord, Verdict } from '../../../src/runtime/ports.ts';
import { certificateFor, checker, revocation } from '../../authority-builder.ts';
import { keyNumber, Speaker, subjectHashOf, testCluster, time } from '../../record-builder.ts';
import { ProtocolBench } from '../core/protocol-bench.ts';
import { FakeClock } from './fake-ports.ts';

class CountingCodec extends SignedRecordCodec {
  checksCount = 0;

  override verify(record: UnverifiedRecord): VerifiedRecord | undefined {
    this.checksCount += 1;
    return super.verify(record);
  }
}

/** Of a table that is not ours. */
const opening = {
  type: 'open',
  since: 4_000_000,
  root: 'ab'.repeat(16),
  entries: 3,
  tops: [],
  hints: Array<string>(16).fill(''),
} as const;

class Bench {
  readonly core: ProtocolBench;
  readonly clock = new FakeClock();
  readonly codec = new CountingCodec({ cluster: testCluster }, { key: keyNumber(1) });
  readonly peer = new Speaker(2);
  readonly rejected: string[] = [];
  readonly faults: (readonly [string, string])[] = [];
  readonly fed: Input[] = [];
  readonly claims: unknown[] = [];
  readonly intake: Intake;

  constructor(settings: Partial<IntakeSettings> = {}, certificates?: CertificateReader) {
    this.core = new ProtocolBench(certificates === undefined ? {} : { certificates });
    this.intake = new Intake(
      { cluster: testCluster, settings },
      {
        feed: input => {
          this.fed.push(input);
          this.core.monoMs = this.clock.monoMs;
          this.core.step(input);
        },
        onClaims: (from, claims) => this.claims.push([from, claims.map(({ kind }) => kind)]),
        onRejected: (reason, via) => this.rejected.push(`${via}: ${reason}`),
        onFault: (peer, fault) => {
          this.faults.push([peer, fault]);
          this.core.step({ type: 'fault-seen', peer, fault });
        },
      },
      { protocol: this.core.protocol, codec: this.codec, clock: this.clock },
    );
  }

  hear(...records: readonly VerifiedRecord[]): Verdict {
    return this.intake.gossip(this.peer.peer, this.codec.encodeGossip(records, []));
  }

  hearProofs(...pairs: readonly (readonly [VerifiedRecord, VerifiedRecord])[]): Verdict {
    return this.intake.gossip(this.peer.peer, this.codec.encodeGossip([], pairs));
  }

  /** The peer lists these, so that this agent asks for them. */
  list(records: readonly VerifiedRecord[]): void {
    const refs = records.map(({ subject, digest }) => recordRef(subjectHashOf(subject).slice(0, 3), digest));
    this.frame(opening);
    this.frame({ type: 'offer', refs });
  }

  frame(message: Parameters<SignedRecordCodec['encodeFrame']>[0]): void {
    this.intake.frame(this.peer.peer, this.codec.encodeFrame(message));
  }

  has(...records: readonly VerifiedRecord[]): boolean {
    const { ledger } = this.core.protocol.table;
    return records.every(
      ({ author, subject, digest }) => ledger.recordBy(author, subject)?.digest === digest,
    );
  }
}

/** The same claim under a signature that does not fit. */
function forged(record: VerifiedRecord): VerifiedRecord {
  const wire = Uint8Array.from(record.wire);
  wire[wire.length - 1] = (wire.at(-1) ?? 0) ^ 1;
  return { ...record, wire };
}

function equivocation(speaker: Speaker): readonly [VerifiedRecord, VerifiedRecord] {
  return [speaker.say({ subject: 'a', sequence: 1 }), speaker.say({ subject: 'b', sequence: 1 })];
}

describe('runtime/intake, gossip', () => {
  it('accepts news', () => {
    const bench = new Bench();
    const news = bench.peer.say();

    assert.equal(bench.hear(news), 'accept');
    assert.isTrue(bench.has(news));
    assert.deepEqual(bench.rejected, []);
  });

  it('ignores what it knows, without a signature check', () => {
    const bench = new Bench();
    const news = bench.peer.say();
    bench.hear(news);

    assert.equal(bench.hear(news), 'ignore');
    assert.equal(bench.codec.checksCount, 1);
    assert.lengthOf(bench.fed, 1);
  });

  it('ignores what its author has overtaken', () => {
    const bench = new Bench();
    const [old, fresh] = [bench.peer.say(), bench.peer.say()];
    bench.hear(fresh);

    assert.equal(bench.hear(old), 'ignore');
    assert.isTrue(bench.has(fresh));
  });

  it('accepts a message of which only a part is news', () => {
    const bench = new Bench();
    const [old, fresh] = [bench.peer.say({ subject: 'a' }), bench.peer.say({ subject: 'b' })];
    bench.hear(old);

    assert.equal(bench.hear(old, fresh), 'accept');
  });

  it('accepts news passed on by somebody else than its author', () => {
    const bench = new Bench();
    const news = new Speaker(3).say();

    assert.equal(bench.hear(news), 'accept');
  });

  const bad: readonly (readonly [string, string, (bench: Bench) => Verdict])[] = [
    ['a forged signature', 'bad-signature', bench => bench.hear(forged(bench.peer.say()))],
    ['another cluster', 'wrong-cluster', bench => bench.hear(new Speaker(2, 'other').say())],
    [
      'bytes that are no message',
      'malformed',
      bench => bench.intake.gossip(bench.peer.peer, Uint8Array.of(255, 255, 255)),
    ],
    [
      'a truncated message',
      'malformed',
      bench =>
        bench.intake.gossip(bench.peer.peer, bench.codec.encodeGossip([bench.peer.say()], []).slice(0, -1)),
    ],
    [
      '65 records',
      'malformed',
      bench => bench.hear(...Array.from({ length: 65 }, (_, i) => bench.peer.say({ subject: `s-${i}` }))),
    ],
    [
      '5 proofs',
      'malformed',
      bench => bench.hearProofs(...[3, 4, 5, 6, 7].map(number => equivocation(new Speaker(number)))),
    ],
  ];
  for (const [what, reason, send] of bad) {
    it(`rejects ${what} and tells the core nothing`, () => {
      const bench = new Bench();

      assert.equal(send(bench), 'reject');
      assert.deepEqual(bench.rejected, [`gossip: ${reason}`]);
      assert.deepEqual(bench.fed, []);
    });
  }

  it('takes 64 records in one message', () => {
    const bench = new Bench();
    const records = Array.from({ length: 64 }, (_, i) => bench.peer.say({ subject: `s-${i}` }));

    assert.equal(bench.hear(...records), 'accept');
    assert.isTrue(bench.has(...records));
  });

  it('takes nothing of a message with one forged record', () => {
    const bench = new Bench();
    const honest = bench.peer.say({ subject: 'a' });

    assert.equal(bench.hear(honest, forged(bench.peer.say({ subject: 'b' }))), 'reject');
    assert.isFalse(bench.has(honest));
  });

  it('does not pass on what is dated too far ahead', () => {
    const bench = new Bench();
    const ahead = bench.peer.say({ time: time(2_001) });

    assert.equal(bench.hear(ahead), 'ignore');
    assert.isFalse(bench.has(ahead));
    assert.equal(bench.hear(bench.peer.say({ time: time(2_000) })), 'accept');
  });

  it('ignores a peer above its rate, and not the others', () => {
    const bench = new Bench({ peerMessagesPerSecond: 1, peerBurstCount: 2 });
    const verdicts = [1, 2, 3].map(() => bench.hear(bench.peer.say()));

    const other = bench.intake.gossip(new Speaker(3).peer, bench.codec.encodeGossip([bench.peer.say()], []));
    bench.clock.monoMs += 1_000;

    assert.deepEqual(verdicts, ['accept', 'accept', 'ignore']);
    assert.equal(other, 'accept');
    assert.equal(bench.hear(bench.peer.say()), 'accept');
    assert.deepEqual(bench.rejected, ['gossip: peer-rate']);
  });

  it('ignores an author above its rate', () => {
    const bench = new Bench();
    const first = bench.peer.say();
    const { protocol } = bench.core;
    while (protocol.screen({ ...first, sequence: 2 }, 'gossip', bench.clock.now()) === 'verify');

    assert.equal(bench.hear(first), 'ignore');
    assert.deepEqual(bench.rejected, ['gossip: author-rate']);
    assert.equal(bench.codec.checksCount, 0);
  });

  it('quarantines an author on proof, and passes the proof on once', () => {
    const bench = new Bench();
    const liar = new Speaker(3);
    const pair = equivocation(liar);
    bench.hear(pair[0]);

    const verdicts = [bench.hearProofs(pair), bench.hearProofs(pair)];

    assert.deepEqual(verdicts, ['accept', 'ignore']);
    assert.isTrue(bench.core.protocol.table.ledger.isQuarantined(liar.peer));
    assert.isFalse(bench.has(pair[0]));
    assert.equal(bench.hear(liar.say({ subject: 'c', sequence: 9 })), 'ignore');
    assert.deepEqual(bench.rejected, ['gossip: quarantined']);
  });

  for (const half of [0, 1]) {
    it(`rejects a proof whose half ${half} is forged`, () => {
      const bench = new Bench();
      const liar = new Speaker(3);
      const [first, second] = equivocation(liar);

      const verdict = bench.hearProofs(half === 0 ? [forged(first), second] : [first, forged(second)]);

      assert.equal(verdict, 'reject');
      assert.deepEqual(bench.rejected, ['gossip: bad-proof']);
      assert.isFalse(bench.core.protocol.table.ledger.isQuarantined(liar.peer));
    });
  }

  it('rejects a pair that contradicts nothing', () => {
    const bench = new Bench();
    const honest = new Speaker(3);

    assert.equal(bench.hearProofs([honest.say(), honest.say()]), 'reject');
    assert.isFalse(bench.core.protocol.table.ledger.isQuarantined(honest.peer));
  });

  it('finds the contradiction in two plain messages and passes the second one on', () => {
    const bench = new Bench();
    const liar = new Speaker(3);
    const [first, second] = equivocation(liar);

    assert.deepEqual([bench.hear(first), bench.hear(second)], ['accept', 'accept']);
    assert.isTrue(bench.core.protocol.table.ledger.isQuarantined(liar.peer));
  });
});

describe('runtime/intake, sync', () => {
  it('verifies a frame of 120 records 50 at a turn, and feeds it when it is whole', () => {
    const bench = new Bench();
    const records = Array.from({ length: 120 }, (_, i) => bench.peer.say({ subject: `s-${i}` }));
    bench.list(records);
    bench.fed.length = 0;
    bench.frame({ type: 'records', records, last: true });
    const steps: string[] = [];

    while (bench.clock.soonCount > 0) {
      bench.clock.turn();
      steps.push(`${bench.codec.checksCount} checked, ${bench.fed.length} fed`);
    }

    assert.deepEqual(steps, ['50 checked, 0 fed', '100 checked, 0 fed', '120 checked, 1 fed']);
    assert.isTrue(bench.has(...records));
  });

  it('works on frames in the order of their coming, one a turn', () => {
    const bench = new Bench();
    const records = Array.from({ length: 3 }, (_, i) => bench.peer.say({ subject: `s-${i}` }));
    bench.list(records);
    bench.fed.length = 0;

    for (const each of records) bench.frame({ type: 'records', records: [each], last: false });
    const turnsWaiting = bench.clock.soonCount;
    for (let turn = 0; turn < 3; turn++) bench.clock.turn();

    assert.equal(turnsWaiting, 1);
    assert.deepEqual(
      bench.fed.map(input => (input.type === 'records-received' ? input.records[0]?.subject : input.type)),
      ['s-0', 's-1', 's-2'],
    );
  });

  it('drops a forged record of a frame and keeps the others', () => {
    const bench = new Bench();
    const [first, lie, third] = ['a', 'b', 'c'].map(subject => bench.peer.say({ subject }));
    assert.isDefined(first && lie && third);
    if (!(first && lie && third)) return;
    const bytes = bench.codec.encodeGossip([forged(lie)], []);
    const [received] = bench.codec.decodeGossip(bytes)?.records ?? [];
    bench.list([first, { ...lie, digest: received?.digest ?? '' }, third]);

    bench.frame({ type: 'records', records: [first, forged(lie), third], last: true });
    bench.clock.turn();

    assert.deepEqual(bench.rejected, ['sync: bad-signature']);
    assert.isTrue(bench.has(first, third));
    assert.isFalse(bench.has(lie));
  });

  it('spends no signature check on what was not asked for', () => {
    const bench = new Bench();
    const [asked, pushed] = [bench.peer.say({ subject: 'a' }), bench.peer.say({ subject: 'b' })];
    bench.list([asked]);

    bench.frame({ type: 'records', records: [asked, pushed], last: true });
    bench.clock.turn();

    assert.deepEqual(bench.rejected, ['sync: unasked']);
    assert.equal(bench.codec.checksCount, 1);
    assert.isFalse(bench.has(pushed));
  });

  it('takes each record that was asked for once', () => {
    const bench = new Bench();
    const asked = bench.peer.say();
    bench.list([asked]);

    bench.frame({ type: 'records', records: [asked], last: false });
    bench.frame({ type: 'records', records: [asked], last: false });

    assert.deepEqual(bench.rejected, ['sync: unasked']);
  });

  it('spends no signature check on what gossip brought meanwhile', () => {
    const bench = new Bench();
    const asked = bench.peer.say();
    bench.list([asked]);
    bench.hear(asked);

    bench.frame({ type: 'records', records: [asked], last: true });
    bench.clock.turn();

    assert.equal(bench.codec.checksCount, 1);
  });

  it('drops frames beyond 512 that wait, and takes more once these are done', () => {
    const bench = new Bench();
    const push = () => bench.frame({ type: 'records', records: [], last: true });

    for (let n = 0; n < 513; n++) push();
    const dropped = [...bench.rejected];
    bench.clock.turn();
    push();

    assert.deepEqual(dropped, ['sync: queue-full']);
    assert.deepEqual(bench.rejected, dropped);
  });

  it('drops a malformed frame', () => {
    const bench = new Bench();

    bench.intake.frame(bench.peer.peer, Uint8Array.of(255, 255, 255));

    assert.deepEqual(bench.rejected, ['sync: malformed']);
    assert.equal(bench.clock.soonCount, 0);
  });

  it('feeds other sync messages at once', () => {
    const bench = new Bench();

    bench.frame(opening);

    assert.deepEqual(bench.fed, [
      {
        type: 'sync-message',
        from: bench.peer.peer,
        message: opening,
      },
    ]);
  });
});

describe('runtime/intake, frames of the failure detector', () => {
  it('hands claims on, still unverified', () => {
    const bench = new Bench();

    bench.frame({
      type: 'claims',
      claims: [bench.peer.claim('left'), bench.peer.claim('suspect', new Speaker(3).peer)],
    });

    assert.deepEqual(bench.claims, [[bench.peer.peer, ['left', 'suspect']]]);
    assert.deepEqual(bench.fed, []);
  });

  it('feeds the wish to be probed', () => {
    const bench = new Bench();

    bench.frame({ type: 'look' });

    assert.deepEqual(bench.fed, [{ type: 'look-asked', from: bench.peer.peer }]);
  });

  it('hears nothing more of a revoked peer, though its connection takes a moment to end', () => {
    const bench = new Bench({}, checker);
    const certificate = certificateFor(bench.peer.peer);
    bench.core.step({ type: 'certificate-shown', peer: bench.peer.peer, certificate: certificate.wire });
    bench.frame({ type: 'look' });
    const before = bench.fed.length;
    bench.core.hear(new Speaker(3), revocation({ serials: [certificate.serial] }));

    bench.frame({ type: 'look' });
    bench.frame(opening);
    const verdict = bench.hear(bench.peer.say());

    assert.equal(before, 1);
    assert.lengthOf(bench.fed, 1);
    assert.equal(verdict, 'ignore');
    assert.deepEqual(bench.rejected, ['sync: uncertified', 'sync: uncertified', 'gossip: uncertified']);
    assert.equal(bench.codec.checksCount, 0);
  });

  it('asks for a certificate for a next key only where that key has signed that it follows the one at the other end', () => {
    const next = keyNumber(9);
    const bench = () => {
      const made = new Bench({}, checker);
      const { wire } = certificateFor(made.peer.peer);
      made.core.step({ type: 'certificate-shown', peer: made.peer.peer, certificate: wire });
      return made;
    };
    const former = bench().peer.peer;
    const ask = (words: { cluster: string; former: string }, key = next) => {
      const made = bench();
      made.frame({ type: 'certificate?', key: next.peerId, signature: askToFollow(words, key) });
      return made;
    };

    const genuine = ask({ cluster: testCluster, former });
    const others = [
      ask({ cluster: testCluster, former }, keyNumber(8)), // Somebody else signed for it.
      ask({ cluster: testCluster, former: keyNumber(7).peerId }), // It was to follow another key.
      ask({ cluster: 'other', former }),
    ];

    assert.deepInclude(genuine.fed, { type: 'certificate-asked', from: former, key: next.peerId });
    assert.deepEqual(genuine.rejected, []);
    for (const other of others) {
      assert.isFalse(other.fed.some(({ type }) => type === 'certificate-asked'));
      assert.deepEqual(other.rejected, ['sync: bad-signature']);
      assert.deepEqual(other.faults, [[former, 'bad-signature']]);
    }
  });
});
