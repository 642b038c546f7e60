import protobuf from 'protobufjs';
import { assert, describe, it } from 'vitest';
import { SignedRecordCodec } from '../../../src/identity/record-codec.ts';
import { frameMaxBytes, gossipMaxBytes } from '../../../src/runtime/ports.ts';
import { decodeFrame, decodeGossip, encodeFrame, encodeGossip } from '../../../src/wire/message.ts';
import { codec, draft, keyNumber } from './sample-records.ts';

const record = codec.seal(draft);
const again = codec.seal({ ...draft, subject: 'backend-2' });
const next = codec.seal({ ...draft, sequence: 2 });

/** The smallest message of one field that has this many bytes. */
function filled(bytes: number): Uint8Array {
  return protobuf.Writer.create()
    .uint32((99 << 3) | 2)
    .bytes(Buffer.alloc(bytes - 5))
    .finish();
}

/** Pairs of bytes that each open an empty sub-message. */
function bomb(tag: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, Buffer.of(tag, 0));
}

describe('wire/message', () => {
  it('carries records and proofs in one gossip message', () => {
    const message = decodeGossip(encodeGossip([record, next], [[record, again]]));

    assert.deepEqual(
      message?.records.map(each => each.digest),
      [record.digest, next.digest],
    );
    assert.deepEqual(
      message?.proofs.map(pair => pair.map(each => each.digest)),
      [[record.digest, again.digest]],
    );
  });

  it('encodes the same message to the same bytes', () => {
    assert.deepEqual(encodeGossip([record], [[record, again]]), encodeGossip([record], [[record, again]]));
  });

  it('refuses a proof of two records with different dots', () => {
    assert.equal(decodeGossip(encodeGossip([], [[record, next]])), undefined);
  });

  it('refuses a proof of a record against itself', () => {
    assert.equal(decodeGossip(encodeGossip([], [[record, record]])), undefined);
  });

  it('refuses a proof that lacks its second half', () => {
    const bytes = encodeGossip([], [[record, again]]);
    const half = protobuf.Writer.create().uint32(18).fork().uint32(10).bytes(record.wire).ldelim().finish();

    assert.isDefined(decodeGossip(bytes));
    assert.equal(decodeGossip(half), undefined);
  });

  it('refuses the whole message for one record that is malformed', () => {
    const writer = protobuf.Writer.create()
      .uint32(10)
      .bytes(record.wire)
      .uint32(10)
      .bytes(Buffer.of(1, 2, 3));

    assert.equal(decodeGossip(writer.finish()), undefined);
  });

  it('looks at no message above the limits', () => {
    assert.isDefined(decodeGossip(filled(gossipMaxBytes)));
    assert.equal(decodeGossip(filled(gossipMaxBytes + 1)), undefined);
    const padded = (bytes: number) => {
      const frame = encodeFrame({ type: 'want', refs: [] });
      return Buffer.concat([frame, filled(bytes - frame.length)]);
    };
    assert.isDefined(decodeFrame(padded(frameMaxBytes)));
    assert.equal(decodeFrame(padded(frameMaxBytes + 1)), undefined);
  });

  it('refuses thousands of empty sub-messages', () => {
    assert.equal(decodeGossip(bomb(0x0a, gossipMaxBytes)), undefined);
    assert.equal(decodeGossip(bomb(0x12, gossipMaxBytes)), undefined);
    assert.equal(decodeFrame(bomb(0x22, frameMaxBytes)), undefined);
  });

  it('refuses groups within groups', () => {
    assert.equal(decodeGossip(Buffer.alloc(gossipMaxBytes, 0x3b)), undefined);
    assert.equal(decodeFrame(Buffer.alloc(2_000, 0x3b)), undefined);
  });

  it('refuses a frame that says nothing', () => {
    assert.equal(decodeFrame(Buffer.alloc(0)), undefined);
    assert.equal(decodeFrame(filled(20)), undefined);
  });

  it('does not encode what others would refuse', () => {
    const many = Array(500).fill(record);

    assert.throws(() => encodeGossip(many, []), RangeError);
    assert.throws(() => encodeFrame({ type: 'records', records: many, last: true }), RangeError);
  });

  it('fits as many of the smallest records into a frame as bytes allow', () => {
    const smallest = new SignedRecordCodec({ cluster: 'c' }, { key: keyNumber(1) }).seal({
      ...draft,
      subject: 's',
      epoch: 0,
      sequence: 1,
      time: { wallMs: 0, counter: 0 },
      claimedAt: { wallMs: 0, counter: 0 },
      leaseMs: 0,
      body: { type: 'departure', reason: 'left' },
    });
    const count = Math.floor((frameMaxBytes - 8) / (smallest.wire.length + 3));

    const message = decodeFrame(
      encodeFrame({ type: 'records', records: Array(count).fill(smallest), last: false }),
    );

    assert.equal(message?.type === 'records' && message.records.length, count);
  });
});
