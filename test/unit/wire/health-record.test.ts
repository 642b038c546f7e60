import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { checkFailures } from '../../../src/core/backends/outcome.ts';
import { type HealthEntry, healthEntriesMaxCount, healthSubjectOf } from '../../../src/core/record/health.ts';
import { authorities, type RecordDraft, recordMaxBytes } from '../../../src/core/record/record.ts';
import { decodeSigned, encodeRecord } from '../../../src/wire/record.ts';
import { recordType } from '../../../src/wire/schema.ts';
import { cluster, codec, contextOf, draft, draftOf, key, keyNumber } from './sample-records.ts';

const signature = Buffer.alloc(64, 5);
const health = healthDraft([entryNumber(1), entryNumber(2)]);

function entryNumber(number: number, reason: HealthEntry['reason'] = 'timeout'): HealthEntry {
  return { subjectHash: `ab${number.toString(16).padStart(10, '0')}`, reason };
}

function healthDraft(entries: readonly HealthEntry[]): RecordDraft {
  return {
    ...draft,
    subject: healthSubjectOf(key.peerId, 'ab'),
    authority: 'self',
    context: [],
    leaseMs: 0,
    body: { type: 'health', entries },
  };
}

/** Encodes fields as they are, in bounds or not. */
function raw(changes: object): Uint8Array {
  const fields = recordType.decode(encodeRecord(cluster, health)) as unknown as Record<string, unknown>;
  return recordType.encode({ ...fields, ...changes } as never).finish();
}

function decoded(record: Uint8Array) {
  return decodeSigned({ record, signature });
}

function packed(...entries: readonly string[]): object {
  return { health: { unhealthy: Buffer.from(entries.join(''), 'hex') } };
}

const entry = {
  address: '10.0.0.1:80',
  metricsPort: 9_100,
  nodeType: 2,
  capabilities: ['a'],
  lastUpdatedS: 1,
};

describe('wire/record of health', () => {
  it('reads back what was written, without anything changed by the test', () => {
    assert.deepEqual(draftOf(decoded(raw({})) as RecordDraft), health);
  });

  const malformed: readonly (readonly [string, object])[] = [
    ['the subject of another author', { subject: healthSubjectOf(keyNumber(2).peerId, 'ab') }],
    ['the subject of another bucket', { subject: healthSubjectOf(key.peerId, 'ac') }],
    ['a bucket in capitals', { subject: healthSubjectOf(key.peerId, 'AB') }],
    ['a bucket of three digits', { subject: healthSubjectOf(key.peerId, 'abc') }],
    ['a node id as its subject', { subject: 'svc' }],
    ['something after its subject', { subject: `${health.subject}/` }],
    ['the authority of a host', { authority: 3 }],
    ['a context', { context: [{ author: key.publicKey, epoch: 1, sequence: 1, digest: Buffer.alloc(32) }] }],
    ['six bytes', packed('ab0000000001')],
    ['half an entry', packed('ab000000000102', 'ab0000')],
    ['reason 0', packed('ab000000000100')],
    ['an unknown reason', packed('ab0000000001ff')],
    ['a hash of another bucket', packed('ac000000000102')],
    ['one service twice', packed('ab000000000102', 'ab000000000103')],
    ['services that are not sorted', packed('ab000000000202', 'ab000000000102')],
    ['513 services', packed(...Array.from({ length: 513 }, (_, i) => `${entryNumber(i).subjectHash}02`))],
    ['the body of an entry', { health: null, entry: { ...entry, agent: { multiaddrs: [], probe: 'a:1' } } }],
    ['the body of a departure', { health: null, departure: { reason: 1 } }],
  ];
  it.each(malformed)('refuses %s', (_, changes) => {
    assert.equal(decoded(raw(changes)), undefined);
  });

  it.each(authorities)('refuses an entry under a subject of health in the name of %s', authority => {
    const subject = health.subject;

    assert.throws(() => codec.seal({ ...draft, authority, subject }), RangeError, 'subject is not a node id');
  });

  it('holds as many services as it may in a record of any cluster and any context', () => {
    const fullest = healthDraft(Array.from({ length: healthEntriesMaxCount }, (_, i) => entryNumber(i)));
    const longest = {
      ...fullest,
      epoch: Number.MAX_SAFE_INTEGER,
      sequence: Number.MAX_SAFE_INTEGER,
      time: { wallMs: Number.MAX_SAFE_INTEGER, counter: 65_535 },
      claimedAt: { wallMs: Number.MAX_SAFE_INTEGER - 1, counter: 65_535 },
      leaseMs: Number.MAX_SAFE_INTEGER,
    };

    const record = encodeRecord('c'.repeat(64), longest);

    assert.isAtMost(record.length, recordMaxBytes - 100);
    assert.deepEqual(draftOf(decoded(record) as RecordDraft), longest);
  });

  it('says what is wrong with health that cannot be sealed', () => {
    const seen = contextOf([keyNumber(2).peerId]);

    assert.throws(() => codec.seal({ ...health, context: seen }), RangeError, 'no context');
    assert.throws(() => codec.seal({ ...health, authority: 'host' }), RangeError, 'only an agent itself');
    assert.throws(() => codec.seal(healthDraft([entryNumber(2), entryNumber(1)])), RangeError, 'sorted');
  });

  it('reads back any list that may be written', () => {
    const entries = fc
      .uniqueArray(fc.tuple(fc.nat(0xffff), fc.constantFrom(...checkFailures)), {
        selector: ([number]) => number,
        maxLength: 60,
      })
      .map(list => list.sort(([a], [b]) => a - b).map(([number, reason]) => entryNumber(number, reason)));
    fc.assert(
      fc.property(entries, list => {
        const record = codec.seal(healthDraft(list));

        assert.deepEqual(draftOf(codec.trust(record.wire) as RecordDraft), healthDraft(list));
      }),
    );
  });

  it('answers any bytes as a list with a record within bounds or with none, never a throw', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 4_000 }),
      fc
        .array(fc.tuple(fc.nat(3), fc.nat(12)), { maxLength: 20 })
        .map(list => Buffer.concat(list.map(([hash, reason]) => Buffer.of(0xab, 0, 0, 0, 0, hash, reason)))),
    );
    fc.assert(
      fc.property(bytes, unhealthy => {
        const record = decoded(raw({ health: { unhealthy } }));

        if (record === undefined) return;
        assert.equal(record.body.type, 'health');
        const again = encodeRecord(cluster, draftOf(record));
        assert.deepEqual(Buffer.from(again), Buffer.from(raw({ health: { unhealthy } })));
      }),
      { numRuns: 500 },
    );
  });
});
