import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { datagramMaxBytes } from '../../../src/core/swim/message.ts';
import { decodeClaim } from '../../../src/wire/claim.ts';
import { decodeProbe } from '../../../src/wire/probe.ts';
import { arbitraryClaim, arbitraryClaimDraft, arbitraryProbe, claimDraftOf, me } from './sample-claims.ts';

/** Everything that receives bytes from the network. */
const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodeClaim,
  decodeProbe,
  trustClaim: bytes => me.probeCodec.trustClaim(bytes),
};

const arbitraryWire = fc.oneof(
  arbitraryClaim.map(({ wire }) => wire),
  arbitraryProbe.map(message => me.probeCodec.encodeProbe(message)),
);

const arbitraryDamaged = fc
  .tuple(arbitraryWire, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat())
  .map(([bytes, changes, cut]) => {
    const damaged = Buffer.from(bytes);
    for (const [at, value] of changes) damaged[at % damaged.length] = value;
    return cut % 3 === 0 ? damaged.subarray(0, cut % (damaged.length + 1)) : damaged;
  });

describe('wire laws of datagrams', () => {
  it('a claim reads back as it was drafted', () => {
    fc.assert(
      fc.property(arbitraryClaimDraft, draft => {
        const read = decodeClaim(me.probeCodec.sealClaim(draft).wire);

        assert.deepEqual(read && claimDraftOf(read), draft);
      }),
      { numRuns: 200 },
    );
  });

  it('a datagram reads back as it was written', () => {
    fc.assert(
      fc.property(arbitraryProbe, message => {
        const bytes = me.probeCodec.encodeProbe(message);
        const read = decodeProbe(bytes);

        assert.isDefined(read);
        const { body, claims, tag: _, wire, ...heading } = read;
        assert.deepEqual(JSON.stringify(body), JSON.stringify(plain(message.body)));
        assert.deepEqual(claims.map(claimDraftOf), message.claims.map(claimDraftOf));
        assert.deepEqual({ ...message, ...heading }, message);
        assert.equal(wire, bytes);
        assert.isAtMost(bytes.length, datagramMaxBytes);
      }),
      { numRuns: 300 },
    );
  });

  it('one message always has the same bytes', () => {
    fc.assert(
      fc.property(arbitraryProbe, message => {
        assert.deepEqual(me.probeCodec.encodeProbe(message), me.probeCodec.encodeProbe({ ...message }));
      }),
      { numRuns: 50 },
    );
  });

  for (const [name, decode] of Object.entries(decoders)) {
    it(`${name} never throws on random bytes and leaves no trace on prototypes`, () => {
      const before = Reflect.ownKeys(Object.prototype);

      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 1_500 }), bytes => {
          decode(bytes);
        }),
        { numRuns: 1_000 },
      );

      assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
    });

    it(`${name} never throws on damaged or truncated messages`, () => {
      fc.assert(
        fc.property(arbitraryDamaged, bytes => {
          decode(bytes);
        }),
        { numRuns: 1_000 },
      );
    });
  }

  it('nothing that was changed in transit passes verification', () => {
    fc.assert(
      fc.property(arbitraryProbe, fc.nat(), fc.nat(7), (message, at, bit) => {
        const bytes = Buffer.from(me.probeCodec.encodeProbe(message));
        const index = at % bytes.length;
        bytes[index] = (bytes[index] as number) ^ (1 << bit);

        const read = me.probeCodec.decodeProbe(bytes);

        if (read !== undefined && read !== 'foreign') assert.isFalse(me.probeCodec.verifyProbe(read));
      }),
      { numRuns: 500 },
    );
  });
});

/** Bytes of a relayed ack come back as a view of the datagram. */
function plain(body: object): object {
  return 'ack' in body && body.ack instanceof Uint8Array ? { ...body, ack: Buffer.from(body.ack) } : body;
}
