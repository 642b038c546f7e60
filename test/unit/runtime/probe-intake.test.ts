import { assert, describe, it } from 'vitest';
import type { CertificateReader } from '../../../src/core/authority/roster.ts';
import type { Input } from '../../../src/core/effects.ts';
import type { VerifiedClaim } from '../../../src/core/swim/claim.ts';
import { SignedProbeCodec } from '../../../src/identity/probe-codec.ts';
import type { UnverifiedClaim, UnverifiedProbe } from '../../../src/runtime/ports.ts';
import { ProbeIntake } from '../../../src/runtime/probe-intake.ts';
import { certificateFor, checker, hourMs } from '../../authority-builder.ts';
import { keyNumber, Speaker, startWallMs, testCluster } from '../../record-builder.ts';
import { ProtocolBench } from '../core/protocol-bench.ts';
import { FakeClock } from './fake-ports.ts';

class CountingCodec extends SignedProbeCodec {
  checksCount = 0;

  override verifyClaim(claim: UnverifiedClaim): VerifiedClaim | undefined {
    this.checksCount += 1;
    return super.verifyClaim(claim);
  }

  override verifyProbe(probe: UnverifiedProbe): boolean {
    this.checksCount += 1;
    return super.verifyProbe(probe);
  }
}

/** Knows two agents. */
class Bench {
  readonly core: ProtocolBench;
  readonly clock = new FakeClock();
  readonly codec = new CountingCodec({ cluster: testCluster }, { key: keyNumber(1) });
  readonly peer = new Speaker(2);
  readonly other = new Speaker(3);
  readonly rejected: string[] = [];
  readonly faults: (readonly [string, string])[] = [];
  readonly fed: Input[] = [];
  readonly intake: ProbeIntake;

  constructor(certificates?: CertificateReader) {
    this.core = new ProtocolBench(certificates === undefined ? {} : { certificates });
    this.core.start();
    this.core.hear(this.peer, this.peer.introduce('peer'));
    this.core.hear(this.other, this.other.introduce('other'));
    this.intake = new ProbeIntake(
      { self: this.me },
      {
        feed: input => {
          this.fed.push(input);
          this.core.step(input);
        },
        onRejected: reason => this.rejected.push(reason),
        onFault: (peer, fault) => this.faults.push([peer, fault]),
      },
      { protocol: this.core.protocol, codec: this.codec, clock: this.clock },
    );
  }

  get me(): string {
    return this.core.me.peer;
  }

  receive(bytes: Uint8Array): void {
    this.intake.datagram('10.0.0.2:7946', bytes);
  }
}

/** The last byte of the signature is another one. */
function forged(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}

/** The peer passes on what it says was an answer. */
function relayed(bench: Bench, ack: Uint8Array): Uint8Array {
  return bench.peer.datagram(bench.me, { type: 'relay', ack });
}

describe('runtime/probe-intake', () => {
  it('feeds a datagram to the core once it is verified, with where it came from', () => {
    const bench = new Bench();
    const bytes = bench.peer.datagram(bench.me, { type: 'ping', nonce: 7 });

    bench.receive(bytes);

    const [input] = bench.fed;
    assert.equal(input?.type, 'datagram-received');
    assert.deepInclude(input?.type === 'datagram-received' && input.probe, {
      from: bench.peer.peer,
      address: '10.0.0.2:7946',
      body: { type: 'ping', nonce: 7 },
      wire: bytes,
    });
    assert.deepEqual(bench.rejected, []);
  });

  const refusals: readonly (readonly [string, string, number, (bench: Bench) => Uint8Array])[] = [
    ['bytes that are none', 'malformed', 0, () => Buffer.from('hello')],
    ['an oversized one', 'malformed', 0, () => Buffer.alloc(1_401)],
    [
      'one of another cluster',
      'wrong-cluster',
      0,
      bench => new Speaker(2, 'other').datagram(bench.me, { type: 'news' }),
    ],
    [
      'one for somebody else',
      'not-for-us',
      0,
      bench => bench.peer.datagram(bench.other.peer, { type: 'news' }),
    ],
    ['one of our own', 'own', 0, bench => bench.core.me.datagram(bench.me, { type: 'news' })],
    [
      'one of an earlier epoch',
      'old-epoch',
      0,
      bench => bench.peer.datagram(bench.me, { type: 'news' }, { epoch: 0 }),
    ],
    ['a forged one', 'bad-signature', 1, bench => forged(bench.peer.datagram(bench.me, { type: 'news' }))],
    [
      'a forged one of a stranger',
      'bad-signature',
      1,
      bench => forged(new Speaker(9).datagram(bench.me, { type: 'news' })),
    ],
    ['a relay of nothing', 'bad-relay', 1, bench => relayed(bench, new Uint8Array())],
    [
      'a relay of something else than an ack',
      'bad-relay',
      1,
      bench => relayed(bench, bench.other.datagram(bench.peer.peer, { type: 'news' })),
    ],
    [
      'a relay of an ack that nobody asked for in our name',
      'bad-relay',
      1,
      bench => relayed(bench, bench.other.datagram(bench.peer.peer, { type: 'ack', nonce: 1 })),
    ],
    [
      'a relay of an ack to somebody else',
      'bad-relay',
      1,
      bench =>
        relayed(
          bench,
          bench.other.datagram(bench.peer.peer, {
            type: 'ack',
            nonce: 1,
            origin: { peer: bench.peer.peer, nonce: 1 },
          }),
        ),
    ],
    [
      'a relay of a forged ack',
      'bad-relay',
      2,
      bench =>
        relayed(
          bench,
          forged(
            bench.other.datagram(bench.peer.peer, {
              type: 'ack',
              nonce: 1,
              origin: { peer: bench.me, nonce: 1 },
            }),
          ),
        ),
    ],
    [
      'a relay of an ack of another cluster',
      'bad-relay',
      1,
      bench =>
        relayed(
          bench,
          new Speaker(3, 'other').datagram(bench.peer.peer, {
            type: 'ack',
            nonce: 1,
            origin: { peer: bench.me, nonce: 1 },
          }),
        ),
    ],
  ];

  it.each(refusals)('refuses %s as %s, after %i checks of a signature', (_, rejection, checks, make) => {
    const bench = new Bench();

    bench.receive(make(bench));

    assert.deepEqual(bench.rejected, [rejection]);
    assert.deepEqual(bench.fed, []);
    assert.equal(bench.codec.checksCount, checks);
  });

  it('refuses a replay before its signature is checked again', () => {
    const bench = new Bench();
    const bytes = bench.peer.datagram(bench.me, { type: 'ping', nonce: 7 });
    bench.receive(bytes);

    bench.receive(bytes);

    assert.deepEqual(bench.rejected, ['replayed']);
    assert.equal(bench.codec.checksCount, 1);
  });

  it('hears nothing of a quarantined agent, neither its datagrams nor its claims', () => {
    const bench = new Bench();
    const liar = bench.peer;
    const [first, second] = [liar.say({ sequence: 50 }), liar.say({ sequence: 50, leaseMs: 1 })];
    bench.core.step({ type: 'proof-received', first, second });
    const claims = [liar.claim('suspect', bench.me, { epoch: 10 })];

    bench.receive(liar.datagram(bench.me, { type: 'ping', nonce: 1 }));
    bench.receive(bench.other.datagram(bench.me, { type: 'news' }, { claims }));

    assert.deepEqual(bench.rejected, ['quarantined']);
    const [input] = bench.fed;
    assert.deepEqual(input?.type === 'datagram-received' && input.probe.claims, []);
  });

  it('passes on the ack in a relay, verified as its target signed it', () => {
    const bench = new Bench();
    const origin = { peer: bench.me, nonce: 7 };

    bench.receive(
      relayed(
        bench,
        bench.other.datagram(bench.peer.peer, { type: 'ack', nonce: 1, origin }, { incarnation: 4 }),
      ),
    );

    const [input] = bench.fed;
    assert.deepEqual(input?.type === 'datagram-received' && input.probe.body, {
      type: 'relay',
      relayed: { from: bench.other.peer, epoch: 1, incarnation: 4, origin },
    });
  });

  it('checks the signatures of those claims only that are news', () => {
    const bench = new Bench();
    const victim = bench.other.peer;
    const claims = [
      bench.peer.claim('suspect', victim),
      bench.peer.claim('suspect', victim, { epoch: 0 }),
      bench.peer.claim('dead', new Speaker(9).peer),
      bench.other.claim('alive'),
    ];

    bench.receive(bench.peer.datagram(bench.me, { type: 'news' }, { claims }));

    const [input] = bench.fed;
    const taken = input?.type === 'datagram-received' ? input.probe.claims : [];
    assert.deepEqual(
      taken.map(({ kind, subject }) => [kind, subject]),
      [['suspect', victim]],
    );
    assert.equal(bench.codec.checksCount, 2);
  });

  it('drops a claim whose signature does not fit, and takes the rest', () => {
    const bench = new Bench();
    const good = bench.peer.claim('suspect', bench.other.peer);
    const bad = { ...bench.other.claim('suspect', bench.peer.peer) };
    const claims = [{ ...bad, wire: forged(bad.wire) } as VerifiedClaim, good];

    bench.receive(bench.peer.datagram(bench.me, { type: 'news' }, { claims }));

    const [input] = bench.fed;
    assert.lengthOf(input?.type === 'datagram-received' ? input.probe.claims : [], 1);
    assert.deepEqual(bench.rejected, ['bad-signature']);
  });

  it('feeds claims that came over a link, and the same again as what is known, unverified', () => {
    const bench = new Bench();
    const claim = bench.peer.claim('suspect', bench.other.peer);

    bench.intake.claims(bench.peer.peer, [claim]);
    bench.intake.claims(bench.peer.peer, [claim]);

    assert.deepEqual(
      bench.fed.map(
        input => input.type === 'claims-received' && [input.claims.length, input.repeats?.length],
      ),
      [
        [1, 0],
        [0, 1],
      ],
    );
    assert.equal(bench.codec.checksCount, 1);
  });

  describe('where an authority says who is a member', () => {
    /** Knows the certificate of one of the two agents. */
    function strictBench(): Bench {
      const bench = new Bench(checker);
      const { wire } = certificateFor(bench.peer.peer);
      bench.core.step({ type: 'certificate-shown', peer: bench.peer.peer, certificate: wire });
      return bench;
    }

    it('hears the end of a key from its owner when nobody lets that key in any more, and nothing else of it', () => {
      const bench = new Bench(checker);
      const follower = new Speaker(8);
      const line = { origin: bench.other.peer, generation: 1 };
      const certificates = [
        certificateFor(bench.peer.peer),
        certificateFor(bench.other.peer),
        certificateFor(follower.peer, { line, nowMs: startWallMs - hourMs }),
      ];
      for (const { key, wire } of certificates)
        bench.core.step({ type: 'certificate-shown', peer: key, certificate: wire });
      const stranger = new Speaker(7);
      const claims = [
        bench.other.claim('revoked', bench.other.peer),
        bench.other.claim('alive', bench.other.peer),
        stranger.claim('revoked', stranger.peer),
      ];

      bench.intake.claims(bench.peer.peer, claims);

      const heard = bench.fed.flatMap(input => (input.type === 'claims-received' ? input.claims : []));
      assert.deepEqual(
        heard.map(({ kind, issuer }) => [kind, issuer]),
        [['revoked', bench.other.peer]],
      );
    });

    it('takes datagrams of members', () => {
      const bench = strictBench();

      bench.receive(bench.peer.datagram(bench.me, { type: 'ping', nonce: 7 }));

      assert.deepEqual(bench.rejected, []);
      assert.lengthOf(bench.fed, 1);
    });

    it.each(['ping', 'ack', 'nack', 'news'] as const)(
      'drops a %s of anybody else, before its signature costs anything, and without an answer',
      type => {
        const bench = strictBench();

        bench.receive(bench.other.datagram(bench.me, { type, nonce: 7 } as never));

        assert.deepEqual(bench.rejected, ['uncertified']);
        assert.equal(bench.codec.checksCount, 0);
        assert.deepEqual(bench.fed, []);
      },
    );

    it('believes no claim of anybody else, by whomever it comes', () => {
      const bench = strictBench();
      const claim = bench.other.claim('suspect', bench.peer.peer);

      bench.intake.claims(bench.peer.peer, [claim]);

      assert.deepEqual(bench.fed, []);
      assert.equal(bench.codec.checksCount, 0);
    });
  });
});
