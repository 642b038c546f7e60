import { assert, describe, it } from 'vitest';
import {
  claimOverheadBytes,
  claimsPerDatagramMaxCount,
  datagramBaseBytes,
  datagramMaxBytes,
  type ProbeBody,
  type ProbeMessage,
  pingRoomBytes,
} from '../../../src/core/swim/message.ts';
import { treeHashLength } from '../../../src/core/sync/tree.ts';
import { sealClaim } from '../../../src/wire/claim.ts';
import { publicKeyOf } from '../../../src/wire/peer-id.ts';
import {
  clusterTag,
  decodeProbe,
  pingMinBytes,
  pingRequestMinBytes,
  roomyPingBytes,
  sealDatagram,
} from '../../../src/wire/probe.ts';
import { datagramType, fieldTag, probeType } from '../../../src/wire/schema.ts';
import { Speaker } from '../../record-builder.ts';

const [me, other, third] = [new Speaker(1), new Speaker(2), new Speaker(3)];
const signature = Buffer.alloc(64, 7);
const nonceMax = 2 ** 48 - 1;
const largest: Partial<ProbeMessage> = {
  epoch: Number.MAX_SAFE_INTEGER,
  counter: Number.MAX_SAFE_INTEGER,
  incarnation: 2 ** 32 - 1,
  wallMs: Number.MAX_SAFE_INTEGER,
};
const smallest: Partial<ProbeMessage> = { epoch: 0, counter: 0, incarnation: 0, wallMs: 0 };
const origin = { peer: third.peer, nonce: nonceMax };
const largestClaim = me.claim('suspect', other.peer, {
  epoch: Number.MAX_SAFE_INTEGER,
  incarnation: 2 ** 32 - 1,
  refused: true,
});

function datagram(body: ProbeBody, fields = largest): Uint8Array {
  return me.datagram(other.peer, body, fields);
}

/** A datagram whose fields no honest agent would write. */
function wireOf(fields: object): Uint8Array {
  const keys = { from: publicKeyOf(me.peer), to: publicKeyOf(other.peer) };
  const hasBody = ['ping', 'ack', 'pingRequest', 'relay'].some(body => body in fields);
  const probe = probeType
    .encode({ cluster: 1, ...keys, ...(hasBody ? {} : { news: {} }), ...fields } as never)
    .finish();
  return sealDatagram({ probe, signature });
}

/** News, said so many times. */
function crowded(fieldsCount: number): Uint8Array {
  const keys = { from: publicKeyOf(me.peer), to: publicKeyOf(other.peer) };
  const content = probeType.encode({ cluster: 1, ...keys } as never).finish();
  const news = Buffer.alloc(2 * fieldsCount, Buffer.of(fieldTag(probeType, 'news'), 0));
  return sealDatagram({ probe: Buffer.concat([content, news]), signature });
}

const bodies: readonly (readonly [string, ProbeBody])[] = [
  ['a ping', { type: 'ping', nonce: nonceMax }],
  ['a ping for somebody else', { type: 'ping', nonce: nonceMax, origin }],
  ['an ack', { type: 'ack', nonce: nonceMax }],
  ['an ack for somebody else', { type: 'ack', nonce: nonceMax, origin }],
  ['a ping-request', { type: 'ping-request', nonce: nonceMax, target: third.peer }],
  ['a nack', { type: 'nack', nonce: nonceMax }],
  ['a relay', { type: 'relay', ack: datagram({ type: 'ack', nonce: nonceMax, origin }) }],
  ['news', { type: 'news' }],
];

describe('wire/probe', () => {
  it.each(bodies)('%s reads back as it was written', (_, body) => {
    const read = decodeProbe(datagram(body));

    assert.deepInclude(read, { ...largest, from: me.peer, to: other.peer, body, claims: [] });
  });

  it('tells the cluster of a datagram, so that strangers cost no signature check', () => {
    const foreign = new Speaker(1, 'elsewhere').datagram(other.peer, { type: 'news' });

    assert.equal(decodeProbe(datagram({ type: 'news' }))?.tag, clusterTag('test'));
    assert.equal(decodeProbe(foreign)?.tag, clusterTag('elsewhere'));
  });

  describe('sizes', () => {
    it.each(bodies)('%s without claims stays within what the core reckons with', (_, body) => {
      assert.isAtMost(datagram(body).length, datagramBaseBytes);
    });

    it('a ping has room for a claim', () => {
      const table = { since: 2 ** 32 - 1, root: '0'.repeat(treeHashLength), entries: 2 ** 32 - 1 };
      const bytes = datagram(
        { type: 'ping', nonce: nonceMax },
        { ...largest, table, claims: [largestClaim] },
      ).length;

      assert.isAtLeast(pingRoomBytes, largestClaim.wire.length + claimOverheadBytes);
      assert.equal(bytes, roomyPingBytes);
    });

    it('as many claims as fit beside the base fit into a datagram', () => {
      const bytes = largestClaim.wire.length + claimOverheadBytes;
      const count = Math.floor((datagramMaxBytes - datagramBaseBytes) / bytes);

      for (const [, body] of bodies) {
        assert.isAtMost(
          datagram(body, { ...largest, claims: Array(count).fill(largestClaim) }).length,
          datagramMaxBytes,
        );
      }
    });

    it.each([
      ['a ping', { type: 'ping', nonce: 0 }, roomyPingBytes],
      [
        'a ping for somebody else',
        { type: 'ping', nonce: 0, origin: { ...origin, nonce: 0 } },
        roomyPingBytes,
      ],
      ['a brief ping', { type: 'ping', nonce: 0, isBrief: true }, pingMinBytes],
      ['a ping-request', { type: 'ping-request', nonce: 0, target: third.peer }, pingRequestMinBytes],
    ] as const)('%s is padded to %o, whatever it says', (_, body, minBytes) => {
      assert.equal(datagram(body, smallest).length, minBytes);
      for (const claims of [[], [largestClaim], [largestClaim, largestClaim]]) {
        const { length } = datagram({ ...body, nonce: nonceMax }, { ...largest, claims });
        assert.isAtLeast(length, minBytes);
        if (claims.length === 0) assert.equal(length, minBytes);
      }
    });

    it('a question shorter than its answer is none', () => {
      const short = (fields: object) => decodeProbe(wireOf(fields));
      const target = publicKeyOf(third.peer);

      assert.equal(short({ ping: { nonce: 1 } }), undefined);
      assert.equal(short({ ping: { nonce: 1 }, padding: Buffer.alloc(50) }), undefined);
      assert.equal(short({ pingRequest: { nonce: 1, target }, padding: Buffer.alloc(200) }), undefined);
      assert.isDefined(short({ ping: { nonce: 1 }, padding: Buffer.alloc(300) }));
      assert.isDefined(short({ pingRequest: { nonce: 1, target }, padding: Buffer.alloc(300) }));
    });

    it.each([
      ['an ack', { type: 'ack', nonce: nonceMax }, pingMinBytes],
      ['an ack for somebody else', { type: 'ack', nonce: nonceMax, origin }, pingMinBytes],
      ['an ack with a claim', { type: 'ack', nonce: nonceMax }, roomyPingBytes],
      ['a nack', { type: 'nack', nonce: nonceMax }, pingRequestMinBytes],
      [
        'a relay',
        { type: 'relay', ack: datagram({ type: 'ack', nonce: nonceMax, origin }) },
        pingRequestMinBytes,
      ],
    ] as const)(
      '%s is no larger than the smallest question that it answers, %o',
      (name, body, questionBytes) => {
        const claims = name === 'an ack with a claim' ? [largestClaim] : [];

        assert.isAtMost(datagram(body, { ...largest, claims }).length, questionBytes);
      },
    );

    it('looks at no datagram above the limit, and writes none', () => {
      const filled = (bytes: number) => wireOf({ padding: Buffer.alloc(bytes) });
      const overheadBytes = filled(1_000).length - 1_000;

      assert.isDefined(decodeProbe(filled(datagramMaxBytes - overheadBytes)));
      assert.throws(() => filled(datagramMaxBytes - overheadBytes + 1), RangeError);
      const largest = filled(datagramMaxBytes - overheadBytes);
      assert.isUndefined(decodeProbe(Buffer.concat([largest, Buffer.of(15 << 3, 0)])));
    });
  });

  it.each<readonly [string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['a signature of nothing', datagramType.encode({ signature } as never).finish()],
    [
      'a claim that is a signature of nothing',
      wireOf({ claims: [sealClaim({ claim: Buffer.alloc(0), signature })] }),
    ],
    ['a datagram that says nothing', wireOf({ news: undefined })],
    ['a sender that is no key', wireOf({ from: Buffer.alloc(31) })],
    ['a receiver that is no key', wireOf({ to: Buffer.alloc(0) })],
    [
      'a target that is no key',
      wireOf({ pingRequest: { nonce: 1, target: Buffer.alloc(3) }, padding: Buffer.alloc(300) }),
    ],
    ['an origin that is no key', wireOf({ ack: { nonce: 1, origin: { peer: Buffer.alloc(3), nonce: 1 } } })],
    ['a counter above 2^53 - 1', wireOf({ counter: 2 ** 53 })],
    ['a claim that is none', wireOf({ claims: [Buffer.of(1, 2, 3)] })],
    [
      'more claims than there may be',
      wireOf({ claims: Array(claimsPerDatagramMaxCount + 1).fill(me.claim('alive').wire) }),
    ],
    ['a hundred fields', crowded(100)],
    ['more fields than an envelope has', Buffer.concat([wireOf({}), Buffer.alloc(6, Buffer.of(15 << 3, 0))])],
    [
      'a short signature',
      datagramType.encode({ probe: Buffer.alloc(100), signature: Buffer.alloc(63) } as never).finish(),
    ],
  ])('refuses %s', (_, wire) => {
    assert.isTrue(decodeProbe(wire) === undefined);
  });

  it('reads a relay of nothing as one that is not signed by anybody', () => {
    const read = decodeProbe(wireOf({ relay: {} }));

    assert.equal(read?.body.type, 'relay');
    assert.isUndefined(read?.body.type === 'relay' ? decodeProbe(read.body.ack) : read);
  });

  it('takes a field that comes twice', () => {
    assert.isDefined(decodeProbe(crowded(2)));
  });

  it('takes the largest number of claims', () => {
    const claims = Array(claimsPerDatagramMaxCount).fill(me.claim('alive').wire);

    assert.lengthOf(decodeProbe(wireOf({ claims }))?.claims ?? [], claimsPerDatagramMaxCount);
  });
});
