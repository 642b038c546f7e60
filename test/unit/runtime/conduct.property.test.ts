/** Who is blamed for what comes over gossip: whoever sent it, and only for what no honest agent passes on. */
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { Intake } from '../../../src/runtime/intake.ts';
import type { Verdict } from '../../../src/runtime/ports.ts';
import { openEnvelope, sealEnvelope } from '../../../src/wire/envelope.ts';
import { entryAt, Speaker, testCluster, time } from '../../record-builder.ts';
import { ProtocolBench } from '../core/protocol-bench.ts';
import { FakeClock } from './fake-ports.ts';

/** An agent as gossip sees it. */
class Listener {
  readonly core = new ProtocolBench();
  readonly intake: Intake;
  readonly blamed: string[] = [];

  constructor() {
    this.core.start();
    this.intake = new Intake(
      { cluster: testCluster, settings: {} },
      {
        feed: input => void this.core.step(input),
        onClaims: () => {},
        onRejected: () => {},
        onFault: (peer, fault) => {
          this.blamed.push(`${peer} ${fault}`);
          this.core.step({ type: 'fault-seen', peer, fault });
        },
      },
      { protocol: this.core.protocol, codec: new Speaker(1).codec, clock: new FakeClock() },
    );
  }

  hear(from: string, bytes: Uint8Array): Verdict {
    return this.intake.gossip(from, bytes);
  }
}

const attacker = new Speaker(7);
const honest = 'the honest neighbour';
const { codec } = attacker;

/** The same words with a signature that is none. */
function forged(record: VerifiedRecord): VerifiedRecord {
  const { record: words, signature } = openEnvelope(record.wire);
  const wrong = Buffer.from(signature);
  wrong[0] = (wrong[0] ?? 0) ^ 1;
  const wire = sealEnvelope({ record: words, signature: wrong });
  return { ...record, wire } as VerifiedRecord;
}

/** What an attacker has in its hands: its own records, those of others, copies with another signature. */
function arsenal(): readonly VerifiedRecord[] {
  const other = new Speaker(8);
  const genuine = [attacker, other].flatMap(speaker =>
    ['a', 'b', 'c'].flatMap(subject =>
      [0, 1].map(age => speaker.say({ subject, body: entryAt(`10.0.0.${age}:80`), time: time(age) })),
    ),
  );
  return [...genuine, ...genuine.map(forged)];
}

const weapons = arsenal();
const message = fc.array(fc.constantFrom(...weapons), { minLength: 1, maxLength: 6 });
const messages = fc.array(message, { maxLength: 8 });

describe('runtime/intake, blame', () => {
  it('never falls on an honest neighbour for what it was made to pass on, whatever each had heard before', () => {
    fc.assert(
      fc.property(messages, messages, messages, (sent, knownToOne, knownToOther) => {
        const [passing, hearing] = [new Listener(), new Listener()];
        for (const records of knownToOne) passing.hear('somebody', codec.encodeGossip(records, []));
        for (const records of knownToOther) hearing.hear('somebody', codec.encodeGossip(records, []));
        const blamedBefore = hearing.blamed.length;

        for (const records of sent) {
          const bytes = codec.encodeGossip(records, []);
          // What it does not accept goes no further.
          if (passing.hear(attacker.peer, bytes) === 'accept') hearing.hear(honest, bytes);
        }

        assert.deepEqual(hearing.blamed.slice(blamedBefore), []);
        assert.equal(hearing.core.protocol.reputation.standing(honest), 'good');
      }),
      { numRuns: 300 },
    );
  });

  it('falls on nobody but the sender, for whatever bytes it sends', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      message.map(each => codec.encodeGossip(each, [])),
    );
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 20 }), all => {
        const hearing = new Listener();

        for (const each of all) hearing.hear(attacker.peer, each);

        assert.isTrue(hearing.blamed.every(text => text.startsWith(attacker.peer)));
      }),
    );
  });

  it('puts whoever sends forged records out of the mesh, then out', () => {
    const hearing = new Listener();
    const standings = [];

    for (const record of weapons.filter((_, i) => i >= weapons.length / 2).slice(0, 4)) {
      hearing.hear(attacker.peer, codec.encodeGossip([record], []));
      standings.push(hearing.core.protocol.reputation.standing(attacker.peer));
    }

    assert.deepEqual(standings, ['throttled', 'no-mesh', 'no-mesh', 'quarantined']);
  });
});
