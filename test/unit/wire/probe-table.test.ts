import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { PeerId } from '../../../src/core/record/record.ts';
import type { VerifiedClaim } from '../../../src/core/swim/claim.ts';
import { datagramBaseBytes, type ProbeBody, type ProbeMessage } from '../../../src/core/swim/message.ts';
import { SignedProbeCodec } from '../../../src/identity/probe-codec.ts';
import { keyNumber, testCluster } from '../../record-builder.ts';

const large = Number.MAX_SAFE_INTEGER;
const nonce = 2 ** 48 - 1;
const [from, to, third] = [keyNumber(1), keyNumber(2), keyNumber(3)];
const codec = new SignedProbeCodec({ cluster: testCluster }, { key: from });
const table = { since: 2 ** 32 - 1, root: 'ab'.repeat(16), entries: 2 ** 32 - 1 };
const claim = codec.sealClaim({
  issuer: from.peerId,
  subject: to.peerId,
  kind: 'suspect',
  epoch: large,
  incarnation: 2 ** 32 - 1,
  refused: true,
});

/** As large as it can be. */
function bytesOf(
  body: ProbeBody,
  options: {
    readonly claims?: readonly VerifiedClaim[];
    readonly small?: boolean;
    readonly bare?: boolean;
  } = {},
): Uint8Array {
  const value = options.small === true ? 0 : large;
  const message: ProbeMessage = {
    from: from.peerId,
    to: to.peerId as PeerId,
    epoch: value,
    counter: value,
    incarnation: Math.min(value, 2 ** 32 - 1),
    wallMs: value,
    body,
    claims: options.claims ?? [],
    ...(options.bare === true ? {} : { table }),
  };
  return codec.encodeProbe(message);
}

const origin = { peer: third.peerId, nonce };
const ack = bytesOf({ type: 'ack', nonce, origin }, { claims: [claim] });

describe('the root in probes', () => {
  it('arrives as it was sent', () => {
    fc.assert(
      fc.property(
        fc.record({
          since: fc.nat(),
          root: fc.constantFrom('00'.repeat(16), 'ab'.repeat(16)),
          entries: fc.nat(),
        }),
        sent => {
          const bytes = codec.encodeProbe({
            from: from.peerId,
            to: to.peerId,
            epoch: 1,
            counter: 1,
            incarnation: 0,
            wallMs: 1,
            body: { type: 'ack', nonce: 7 },
            claims: [],
            table: sent,
          });

          const probe = codec.decodeProbe(bytes);

          assert.deepEqual(probe === 'foreign' ? undefined : probe?.table, sent);
        },
      ),
    );
  });

  it('may be absent', () => {
    const probe = codec.decodeProbe(bytesOf({ type: 'ping', nonce }, { bare: true }));

    assert.isObject(probe);
    assert.notProperty(probe, 'table');
  });

  it('leaves the largest ack with one claim no larger than the smallest ping', () => {
    assert.isAtMost(ack.length, bytesOf({ type: 'ping', nonce: 1 }, { small: true }).length);
  });

  it('leaves the largest relay no larger than the smallest request for help', () => {
    const relay = bytesOf({ type: 'relay', ack: bytesOf({ type: 'ack', nonce, origin }) }, { bare: true });

    assert.isAtMost(
      relay.length,
      bytesOf({ type: 'ping-request', nonce: 1, target: third.peerId }, { small: true, bare: true }).length,
    );
    assert.isAtMost(relay.length, datagramBaseBytes);
  });

  it('takes 32 bytes', () => {
    const withoutTable = bytesOf({ type: 'ack', nonce }, { bare: true });

    assert.equal(bytesOf({ type: 'ack', nonce }).length - withoutTable.length, 32);
  });
});
