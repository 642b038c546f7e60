import { assert, describe, it } from 'vitest';
import { SignedProbeCodec } from '../../../src/identity/probe-codec.ts';
import type { UnverifiedClaim, UnverifiedProbe } from '../../../src/runtime/ports.ts';
import { decodeClaim, encodeClaim, openClaim, sealClaim } from '../../../src/wire/claim.ts';
import { openDatagram, sealDatagram } from '../../../src/wire/probe.ts';
import { Speaker } from '../../record-builder.ts';

const [me, other, third] = [new Speaker(1), new Speaker(2), new Speaker(3)];
const foreign = new Speaker(2, 'other');
const claim = other.claim('suspect', third.peer, { refused: true });
const ping = other.datagram(me.peer, { type: 'ping', nonce: 7 }, { claims: [claim] });

/** As another agent receives it. */
function readClaim(wire: Uint8Array): UnverifiedClaim {
  const read = decodeClaim(wire);
  assert.isDefined(read);
  return read;
}

function readProbe(bytes: Uint8Array): UnverifiedProbe {
  const read = me.probeCodec.decodeProbe(bytes);
  if (read === undefined || read === 'foreign') assert.fail('no datagram of this cluster');
  return read;
}

function flipped(bytes: Uint8Array, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] as number) ^ 1;
  return changed;
}

describe('identity/probe-codec', () => {
  describe('claims', () => {
    it('verify at one agent what was sealed at another', () => {
      assert.deepInclude(me.probeCodec.verifyClaim(readClaim(claim.wire)), {
        kind: 'suspect',
        issuer: other.peer,
        subject: third.peer,
        refused: true,
      });
    });

    it('are not verified with any one bit of them changed', () => {
      for (let at = 0; at < claim.wire.length; at++) {
        const read = decodeClaim(flipped(claim.wire, at));

        assert.isUndefined(read && me.probeCodec.verifyClaim(read), `byte ${at}`);
      }
    });

    it('of another cluster are not verified', () => {
      const elsewhere = foreign.claim('suspect', third.peer);

      assert.isUndefined(me.probeCodec.verifyClaim(readClaim(elsewhere.wire)));
    });

    it('signed by somebody else than their issuer are not verified', () => {
      const draft = {
        kind: 'dead',
        issuer: other.peer,
        subject: me.peer,
        epoch: 1,
        incarnation: 0,
        refused: false,
      } as const;
      const bytes = encodeClaim(draft);
      const signature = third.key.sign(Buffer.concat([Buffer.from('firsthand/claim/1\0test\0'), bytes]));

      assert.isUndefined(me.probeCodec.verifyClaim(readClaim(sealClaim({ claim: bytes, signature }))));
    });

    it('signed as something else are not verified', () => {
      const bytes = openClaim(claim.wire)?.claim as Uint8Array;
      for (const domain of ['firsthand/record/1\0test\0', 'firsthand/probe/1\0test\0', '']) {
        const signature = other.key.sign(Buffer.concat([Buffer.from(domain), bytes]));

        assert.isUndefined(
          me.probeCodec.verifyClaim(readClaim(sealClaim({ claim: bytes, signature }))),
          domain,
        );
      }
    });

    it('from our own store are trusted without a look at the signature, and rubbish is not', () => {
      assert.deepInclude(me.probeCodec.trustClaim(claim.wire), { kind: 'suspect', subject: third.peer });
      assert.isUndefined(me.probeCodec.trustClaim(Buffer.from('rubbish')));
    });
  });

  describe('datagrams', () => {
    it('verify at one agent what was sent by another', () => {
      const read = readProbe(ping);

      assert.deepInclude(read, { from: other.peer, to: me.peer, body: { type: 'ping', nonce: 7 } });
      assert.isTrue(me.probeCodec.verifyProbe(read));
    });

    it('are not verified with any one bit of them changed', () => {
      for (let at = 0; at < ping.length; at++) {
        const read = me.probeCodec.decodeProbe(flipped(ping, at));

        if (read !== undefined && read !== 'foreign')
          assert.isFalse(me.probeCodec.verifyProbe(read), `byte ${at}`);
      }
    });

    it('are signed with their domain and the cluster, and so are claims', () => {
      const parts = openDatagram(ping);
      const claimParts = openClaim(claim.wire);
      assert.isDefined(parts);
      assert.isDefined(claimParts);
      const signed = (domain: string, bytes: Uint8Array) =>
        Buffer.from(other.key.sign(Buffer.concat([Buffer.from(domain), bytes])));

      assert.deepEqual(Buffer.from(parts.signature), signed('firsthand/probe/1\0test\0', parts.probe));
      assert.deepEqual(
        Buffer.from(claimParts.signature),
        signed('firsthand/claim/1\0test\0', claimParts.claim),
      );
    });

    it('of another cluster are told apart before their signature is looked at', () => {
      const bytes = foreign.datagram(me.peer, { type: 'news' });

      assert.equal(me.probeCodec.decodeProbe(bytes), 'foreign');
    });

    it('that name this cluster but were signed for another are not verified', () => {
      const parts = openDatagram(ping);
      assert.isDefined(parts);
      const signed = Buffer.concat([Buffer.from('firsthand/probe/1\0other\0'), parts.probe]);
      const bytes = sealDatagram({ probe: parts.probe, signature: other.key.sign(signed) });

      assert.isFalse(me.probeCodec.verifyProbe(readProbe(bytes)));
    });

    it('signed by another key than the sender they name are not verified', () => {
      const parts = openDatagram(ping);
      assert.isDefined(parts);
      const signed = Buffer.concat([Buffer.from('firsthand/probe/1\0test\0'), parts.probe]);
      const bytes = sealDatagram({ probe: parts.probe, signature: third.key.sign(signed) });

      assert.isFalse(me.probeCodec.verifyProbe(readProbe(bytes)));
    });
  });

  it('signs for nobody else', () => {
    const codec = new SignedProbeCodec({ cluster: 'test' }, { key: me.key });

    assert.throws(
      () =>
        codec.sealClaim({
          kind: 'left',
          issuer: other.peer,
          subject: other.peer,
          epoch: 1,
          incarnation: 0,
          refused: false,
        }),
      RangeError,
    );
    assert.throws(
      () =>
        codec.encodeProbe({
          from: other.peer,
          to: me.peer,
          epoch: 1,
          incarnation: 0,
          counter: 1,
          wallMs: 0,
          body: { type: 'news' },
          claims: [],
        }),
      RangeError,
    );
  });
});
