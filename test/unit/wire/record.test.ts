import { createHash } from 'node:crypto';
import protobuf from 'protobufjs';
import { assert, describe, it } from 'vitest';
import { capabilitiesOf } from '../../../src/core/record/node.ts';
import type { ContextEntry, RecordDraft } from '../../../src/core/record/record.ts';
import { recordMaxBytes } from '../../../src/core/record/record.ts';
import { openEnvelope, sealEnvelope } from '../../../src/wire/envelope.ts';
import { decodeEnvelope, decodeSigned, encodeRecord } from '../../../src/wire/record.ts';
import { recordType, signedRecordType } from '../../../src/wire/schema.ts';
import { cluster, codec, contextOf, draft, draftOf, key, keyNumber, node } from './sample-records.ts';

const signature = Buffer.alloc(64, 5);

/** Encodes fields as they are, in bounds or not. */
function rawRecord(changes: object): Uint8Array {
  const fields = recordType.decode(encodeRecord(cluster, draft)) as unknown as Record<string, unknown>;
  return recordType.encode({ ...fields, ...changes } as never).finish();
}

function decoded(record: Uint8Array) {
  return decodeSigned({ record, signature });
}

const entry = {
  address: node.address,
  metricsPort: node.metricsPort,
  nodeType: 2,
  capabilities: ['a'],
  lastUpdatedS: 1,
};
const author = key.publicKey;
const contextEntry = { author, epoch: 1, sequence: 1, digest: Buffer.alloc(32) };
const multiaddr = `/ip4/10.0.0.1/tcp/1/p2p/${key.peerId}`;
const probe = '10.0.0.1:7946';

describe('wire/record', () => {
  it('reads back what was written, without anything changed by the test', () => {
    assert.deepEqual(draftOf(decoded(rawRecord({})) as RecordDraft), draft);
  });

  const malformed: readonly (readonly [string, object])[] = [
    ['no cluster', { cluster: '' }],
    ['a cluster with a space', { cluster: 'a b' }],
    ['a cluster of 65 characters', { cluster: 'a'.repeat(65) }],
    ['no subject', { subject: '' }],
    ['a subject of 129 characters', { subject: 'a'.repeat(129) }],
    ['a subject with a slash', { subject: 'a/b' }],
    ['a subject that is not ASCII', { subject: 'bäckend' }],
    ['an author of 31 bytes', { author: author.subarray(1) }],
    ['no author', { author: new Uint8Array() }],
    ['sequence 0', { sequence: 0 }],
    ['an epoch of 2^53', { epoch: 2 ** 53 }],
    ['a sequence of 2^63', { sequence: 2 ** 63 }],
    ['a negative lease', { leaseMs: -1 }],
    ['no time', { time: null }],
    ['a counter of 65,536', { time: { wallMs: 1, counter: 65_536 } }],
    ['a wall clock of 2^53', { time: { wallMs: 2 ** 53, counter: 0 } }],
    ['a claim at an impossible time', { claimedAt: { wallMs: 1, counter: 70_000 } }],
    ['no authority', { authority: 0 }],
    ['an unknown authority', { authority: 5 }],
    ['a negative authority', { authority: -1 }],
    ['no body', { entry: null, body: undefined }],
    ['an unspecified node type', { entry: { ...entry, nodeType: 0 } }],
    ['an unknown node type', { entry: { ...entry, nodeType: 77 } }],
    ['an address without port', { entry: { ...entry, address: 'host' } }],
    ['metrics port 80', { entry: { ...entry, metricsPort: 80 } }],
    ['33 capabilities', { entry: { ...entry, capabilities: Array(33).fill('a') } }],
    ['an empty capability', { entry: { ...entry, capabilities: [''] } }],
    ['a capability that is a comma', { entry: { ...entry, capabilities: ['a,b'] } }],
    ['an unspecified departure', { entry: null, departure: { reason: 0 } }],
    ['an unknown departure', { entry: null, departure: { reason: 9 } }],
    ['a public key of 31 bytes', { entry: { ...entry, publicKey: Buffer.alloc(31) } }],
    ['a public key in a hint', { authority: 4, entry: { ...entry, publicKey: Buffer.alloc(32) } }],
    [
      'a public key in an entry of itself',
      { authority: 1, entry: { ...entry, agent: { probe }, publicKey: Buffer.alloc(32) } },
    ],
    [
      'an owner of 33 bytes',
      { entry: null, departure: { reason: 2, owner: { publicKey: Buffer.alloc(33), lastUpdatedS: 1 } } },
    ],
    ['an owner without key', { entry: null, departure: { reason: 2, owner: { lastUpdatedS: 1 } } }],
    [
      'an owner of an agent',
      { authority: 1, entry: null, departure: { reason: 1, owner: { publicKey: Buffer.alloc(32) } } },
    ],
    ['contact in an entry of a host', { entry: { ...entry, agent: { multiaddrs: [], probe } } }],
    ['a source in an entry of a host', { entry: { ...entry, learntFrom: 'http://a' } }],
    [
      'a source in an entry of itself',
      { authority: 1, entry: { ...entry, agent: { probe }, learntFrom: 'http://a' } },
    ],
    [
      'contact in a hint with a source',
      { authority: 4, entry: { ...entry, agent: { probe }, learntFrom: 'http://a' } },
    ],
    ['a source that is no base URL', { authority: 4, entry: { ...entry, learntFrom: 'http://a/?b' } }],
    ['a source in another spelling', { authority: 4, entry: { ...entry, learntFrom: 'http://A/' } }],
    [
      'a source of 257 characters',
      { authority: 4, entry: { ...entry, learntFrom: `http://a/${'b'.repeat(248)}` } },
    ],
    ['no contact in an entry of itself', { authority: 1, entry }],
    ['a contact without probe', { authority: 1, entry: { ...entry, agent: { multiaddrs: [multiaddr] } } }],
    [
      'nine multiaddrs',
      { authority: 1, entry: { ...entry, agent: { multiaddrs: Array(9).fill(multiaddr), probe } } },
    ],
    [
      'a multiaddr of 257 characters',
      {
        authority: 1,
        entry: {
          ...entry,
          agent: { multiaddrs: [`/${'a'.repeat(256 - 57)}${multiaddr.slice(-57)}`], probe },
        },
      },
    ],
    [
      'the multiaddr of another agent',
      {
        authority: 1,
        entry: { ...entry, agent: { multiaddrs: [`/ip4/1.2.3.4/tcp/1/p2p/${keyNumber(2).peerId}`], probe } },
      },
    ],
    ['a context author of 33 bytes', { context: [{ ...contextEntry, author: Buffer.alloc(33) }] }],
    ['a context digest of 8 bytes', { context: [{ ...contextEntry, digest: Buffer.alloc(8) }] }],
    ['a context without digest', { context: [{ author, epoch: 1, sequence: 1 }] }],
    ['one author twice in the context', { context: [contextEntry, contextEntry] }],
    [
      'nine authors in the context',
      {
        context: Array.from({ length: 9 }, (_, i) => ({
          ...contextEntry,
          author: Buffer.concat([Buffer.of(i), author.subarray(1)]),
        })),
      },
    ],
    [
      'a context that is not sorted',
      { context: [2, 1].map(first => ({ ...contextEntry, author: Buffer.alloc(32, first) })) },
    ],
  ];

  for (const [what, changes] of malformed) {
    it(`refuses a record with ${what}`, () => {
      assert.equal(decoded(rawRecord(changes)), undefined);
    });
  }

  it.each([
    ['an entry', {}, 'd34ff1b8845549fe8332d9b6a3f22543da471b3167a630c8f72e752c23a263ed'],
    [
      'a departure',
      { body: { type: 'departure', reason: 'withdrawn' } },
      '31a49258b987e0dac1b5831400ca961b95ccb65ec5ed9d872d4cf37f9c78519d',
    ],
  ] as const)('writes %s without a key as every version before did', (_, changes, digest) => {
    const bytes = encodeRecord(cluster, { ...draft, ...changes });

    assert.equal(createHash('sha256').update(bytes).digest('hex'), digest);
  });

  it('takes the longest multiaddr, the largest integers and the fullest context', () => {
    const longest = `/${'a'.repeat(256 - 58)}${multiaddr.slice(-57)}`;
    const full: RecordDraft = {
      ...draft,
      authority: 'self',
      epoch: Number.MAX_SAFE_INTEGER,
      sequence: Number.MAX_SAFE_INTEGER,
      time: { wallMs: Number.MAX_SAFE_INTEGER, counter: 65_535 },
      claimedAt: { wallMs: 0, counter: 0 },
      leaseMs: 0,
      context: contextOf([1, 2, 3, 4, 5, 6, 7, 8].map(n => keyNumber(n).peerId)),
      body: { type: 'entry', node, agent: { multiaddrs: Array(8).fill(longest), probe } },
    };

    const record = codec.seal(full);

    assert.equal(longest.length, 256);
    assert.deepEqual(draftOf(record), full);
  });

  it('sorts a context the same by key bytes as by peer id', () => {
    const keys = Array.from({ length: 100 }, (_, i) => keyNumber(i));
    const byId = contextOf(keys.map(each => each.peerId)).map(each => each.author);
    const byBytes = keys.sort((a, b) => Buffer.compare(a.publicKey, b.publicKey)).map(each => each.peerId);

    assert.deepEqual(byId, byBytes);
  });

  it('says what is wrong with a draft that cannot be sealed', () => {
    assert.throws(() => codec.seal({ ...draft, subject: 'a b' }), RangeError, 'subject is not a node id');
    assert.throws(() => codec.seal({ ...draft, epoch: 1.5 }), RangeError, 'epoch');
    assert.throws(() => codec.seal({ ...draft, leaseMs: Number.NaN }), RangeError, 'lease');
    assert.throws(() => codec.seal({ ...draft, author: keyNumber(2).peerId }), RangeError, 'cannot sign');
    assert.throws(() => encodeRecord(cluster, { ...draft, author: 'somebody' }), RangeError, 'author');
  });

  const seen = contextOf([keyNumber(2).peerId])[0] as ContextEntry;
  for (const [what, entry] of [
    ['an author who is none', { ...seen, author: 'somebody' }],
    ['a sequence of 0', { ...seen, sequence: 0 }],
    ['half an epoch', { ...seen, epoch: 0.5 }],
    ['a short digest', { ...seen, digest: 'ab' }],
    ['a digest in capitals', { ...seen, digest: seen.digest.toUpperCase() }],
  ] as const) {
    it(`does not seal a context with ${what}`, () => {
      assert.isDefined(codec.seal({ ...draft, context: [seen] }));
      assert.throws(() => codec.seal({ ...draft, context: [entry] }), RangeError, 'context names');
    });
  }

  it('reads the last of two bodies, as protobuf has it', () => {
    const departure = recordType.encode({ departure: { reason: 1 } } as never).finish();
    const record = Buffer.concat([rawRecord({}), departure]);

    assert.deepEqual(decoded(record)?.body, { type: 'departure', reason: 'left' });
  });

  it('reads a record with fields of a later version and keeps its bytes', () => {
    const later = protobuf.Writer.create()
      .uint32((99 << 3) | 2)
      .string('later')
      .finish();
    const record = Buffer.concat([rawRecord({}), later]);

    const wire = decoded(record)?.wire as Uint8Array;

    assert.deepEqual(Buffer.from(openEnvelope(wire).record), record);
  });

  it('refuses an envelope above the limit, whatever is in it', () => {
    const wire = codec.seal(draft).wire;
    const padding = (bytes: number) =>
      protobuf.Writer.create()
        .uint32((99 << 3) | 2)
        .bytes(Buffer.alloc(bytes))
        .finish();
    const padded = (bytes: number) => Buffer.concat([wire, padding(bytes - wire.length - 4)]);

    assert.equal(padded(recordMaxBytes).length, recordMaxBytes);
    assert.isDefined(decodeEnvelope(padded(recordMaxBytes)));
    assert.equal(decodeEnvelope(padded(recordMaxBytes + 1)), undefined);
  });

  it('strips what a peer added to the envelope', () => {
    const { wire } = codec.seal(draft);
    const padded = Buffer.concat([wire, Buffer.of(0x1a, 3, 1, 2, 3)]);

    assert.deepEqual(Buffer.from(decodeEnvelope(padded)?.wire ?? []), Buffer.from(wire));
  });

  for (const length of [1, 127, 128, 4_027]) {
    it(`lays out an envelope around ${length} bytes as protobuf does`, () => {
      const record = Buffer.alloc(length, 7);

      const envelope = sealEnvelope({ record, signature }) as Buffer;

      assert.deepEqual(
        envelope,
        Buffer.from(signedRecordType.encode({ record, signature } as never).finish()),
      );
      assert.deepEqual(openEnvelope(envelope), { record, signature });
    });
  }

  it('makes no envelope around nothing, around too much, or with half a signature', () => {
    assert.equal(sealEnvelope({ record: Buffer.alloc(0), signature }), undefined);
    assert.equal(sealEnvelope({ record: Buffer.alloc(4_028), signature }), undefined);
    assert.equal(sealEnvelope({ record: Buffer.alloc(9), signature: signature.subarray(32) }), undefined);
  });

  it('shares default capabilities, equal lists, empty contexts and author ids between records', () => {
    const custom = ['llama', 'mistral'];
    const bodyWith = (capabilities: readonly string[]) =>
      ({ type: 'entry', node: { ...node, capabilities: [...capabilities] } }) as const;
    const capabilitiesIn = (list: readonly string[]) => {
      const { body } = codec.seal({ ...draft, body: bodyWith(list) });
      return body.type === 'entry' ? body.node.capabilities : undefined;
    };

    assert.strictEqual(capabilitiesIn(capabilitiesOf('backend')), capabilitiesOf('backend'));
    assert.strictEqual(capabilitiesIn(custom), capabilitiesIn(custom));
    assert.strictEqual(codec.seal(draft).context, codec.seal(draft).context);
  });

  it('hands out copies of the envelope, so that nobody can change it for others', () => {
    const record = codec.seal(draft);
    const before = Buffer.from(record.wire);

    record.wire.fill(0);

    assert.deepEqual(Buffer.from(record.wire), before);
  });

  it('leaves no trace of the frame it was read from', () => {
    const frame = Buffer.from(
      codec.encodeFrame({ type: 'records', records: [codec.seal(draft)], last: true }),
    );
    const message = codec.decodeFrame(frame);

    frame.fill(0xff);

    assert.equal(message?.type, 'records');
    if (message?.type !== 'records') return;
    const record = message.records[0];
    assert.deepEqual(draftOf(record as RecordDraft), draft);
    assert.deepEqual(Buffer.from(record?.wire ?? []), Buffer.from(codec.seal(draft).wire));
  });
});
