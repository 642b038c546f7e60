import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { SignedRecordCodec } from '../../../src/identity/record-codec.ts';
import type { UnverifiedRecord } from '../../../src/runtime/ports.ts';
import { openEnvelope, sealEnvelope } from '../../../src/wire/envelope.ts';
import { decodeEnvelope, encodeRecord } from '../../../src/wire/record.ts';
import { cluster, codec, draft, draftOf, key, keyNumber } from '../wire/sample-records.ts';

const foreign = new SignedRecordCodec({ cluster: 'other' }, { key });
const peer = new SignedRecordCodec({ cluster }, { key: keyNumber(2) });

/** As another agent receives it. */
function received(wire: Uint8Array): UnverifiedRecord {
  const record = decodeEnvelope(wire);
  assert.isDefined(record);
  return record;
}

describe('identity/record-codec', () => {
  it('verifies at one agent what was sealed at another', () => {
    const verified = peer.verify(received(codec.seal(draft).wire));

    assert.deepEqual(draftOf(verified as VerifiedRecord), draft);
  });

  it('seals one draft to the same bytes every time', () => {
    assert.deepEqual(codec.seal(draft).wire, codec.seal({ ...draft }).wire);
  });

  it('signs the domain, the cluster and the record, and nothing else', () => {
    const { record, signature } = openEnvelope(codec.seal(draft).wire);
    const signed = Buffer.concat([Buffer.from('firsthand/record/1\0test\0'), record]);

    assert.deepEqual(Buffer.from(signature), Buffer.from(key.sign(signed)));
  });

  it('does not verify a record of another cluster', () => {
    const record = received(foreign.seal(draft).wire);

    assert.equal(record.cluster, 'other');
    assert.equal(codec.verify(record), undefined);
  });

  it('does not verify a record that names this cluster but was signed for another', () => {
    const record = encodeRecord(cluster, draft);
    const signature = key.sign(Buffer.concat([Buffer.from('firsthand/record/1\0other\0'), record]));

    assert.equal(codec.verify(received(sealEnvelope({ record, signature }) as Buffer)), undefined);
  });

  it('does not verify a record that names another cluster but was signed for this one', () => {
    const record = encodeRecord('other', draft);
    const signature = key.sign(Buffer.concat([Buffer.from(`firsthand/record/1\0${cluster}\0`), record]));

    assert.equal(codec.verify(received(sealEnvelope({ record, signature }) as Buffer)), undefined);
  });

  it('does not verify a record signed by another key than the author it names', () => {
    const record = encodeRecord(cluster, draft);
    const signature = keyNumber(2).sign(
      Buffer.concat([Buffer.from(`firsthand/record/1\0${cluster}\0`), record]),
    );

    assert.equal(codec.verify(received(sealEnvelope({ record, signature }) as Buffer)), undefined);
  });

  it('does not verify when the signature of another record was put in', () => {
    const { signature } = openEnvelope(codec.seal({ ...draft, sequence: 2 }).wire);
    const { record } = openEnvelope(codec.seal(draft).wire);

    assert.equal(codec.verify(received(sealEnvelope({ record, signature }) as Buffer)), undefined);
  });

  it('verifies many authors, in any order and again', () => {
    const authors = Array.from({ length: 250 }, (_, i) => {
      const authorKey = keyNumber(i);
      return new SignedRecordCodec({ cluster }, { key: authorKey }).seal({
        ...draft,
        author: authorKey.peerId,
      });
    });

    for (const record of [...authors, ...authors.reverse()]) {
      assert.isDefined(codec.verify(received(record.wire)));
    }
  });

  it('does not throw for an author whose bytes are no point of the curve', () => {
    const record = encodeRecord(cluster, draft);
    const at = Buffer.from(record).indexOf(Buffer.from(key.publicKey));
    for (const byte of [0x00, 0x02, 0xff]) {
      const changed = Buffer.from(record).fill(byte, at, at + 32);

      const envelope = sealEnvelope({ record: changed, signature: Buffer.alloc(64, 1) }) as Buffer;

      assert.equal(codec.verify(received(envelope)), undefined);
    }
  });

  it('trusts an envelope of its own store without a look at the signature, but not one of another cluster', () => {
    const { record } = openEnvelope(codec.seal(draft).wire);
    const unsigned = sealEnvelope({ record, signature: Buffer.alloc(64) }) as Buffer;

    assert.deepEqual(draftOf(codec.trust(unsigned) as VerifiedRecord), draft);
    assert.equal(codec.trust(foreign.seal(draft).wire), undefined);
    assert.equal(codec.trust(Buffer.from('rubbish')), undefined);
  });
});
