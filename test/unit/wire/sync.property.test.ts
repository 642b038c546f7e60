import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  branchesPerFrameMaxCount,
  type ExchangeMessage,
  leafPartMaxCount,
  messageBytes,
  placesPerFrameMaxCount,
  refsPerFrameMaxCount,
} from '../../../src/core/sync/message.ts';
import { decodeFrame, encodeFrame } from '../../../src/wire/message.ts';
import { syncFrameType } from '../../../src/wire/schema.ts';

function hex(length: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map(digits => digits.join(''));
}

const hash = hex(32);
const epoch = fc.integer({ min: 0, max: 4_000_000 });
const hint = fc.oneof(
  fc.constant(''),
  hex(8).filter(text => text !== '00000000'),
);
const hints = fc.array(hint, { minLength: 16, maxLength: 16 });
const root = { since: epoch, root: hash, entries: fc.maxSafeNat() };
const epochs = fc.uniqueArray(epoch, { maxLength: 20 }).map(all => all.sort((a, b) => a - b));
const tops = (each: fc.Arbitrary<string>) =>
  epochs.chain(all => fc.tuple(...all.map(one => each.map(value => ({ epoch: one, hash: value })))));
const prefix = fc.integer({ min: 0, max: 3 }).chain(hex);
const node = fc.record({
  epoch,
  prefix: fc.integer({ min: 0, max: 2 }).chain(hex),
  children: fc.array(fc.oneof(fc.constant(''), hash), { minLength: 16, maxLength: 16 }),
});
const leaf = fc.record({
  epoch,
  prefix: hex(3),
  after: fc.oneof(fc.constant(''), hash),
  digests: fc.array(hash, { maxLength: 10 }),
  last: fc.boolean(),
});
const refs = fc.array(
  fc.tuple(hex(3), hash).map(([digits, digest]) => `${digits}0${digest}`),
  { maxLength: 30 },
);

const message: fc.Arbitrary<ExchangeMessage> = fc.oneof(
  fc.record({ type: fc.constant('open' as const), ...root, tops: tops(hex(8)), hints }),
  fc.record({
    type: fc.constant('walk' as const),
    branches: fc.array(
      fc.record({ epoch, prefix, hints, after: hash }, { requiredKeys: ['epoch', 'prefix'] }),
      {
        maxLength: 10,
      },
    ),
  }),
  fc.record(
    {
      type: fc.constant('branches' as const),
      ...root,
      tops: tops(hash),
      nodes: fc.array(node, { maxLength: 10 }),
      leaves: fc.array(leaf, { maxLength: 10 }),
    },
    { requiredKeys: ['type', 'since', 'root', 'entries', 'nodes', 'leaves'] },
  ),
  fc.record({ type: fc.constant('offer' as const), refs }),
  fc.record({ type: fc.constant('want' as const), refs }),
  fc.record({ type: fc.constant('close' as const), reason: fc.constantFrom('same', 'busy', 'took', 'end') }),
);

function frame(fields: object): Uint8Array {
  return syncFrameType.encode(fields as never).finish();
}

const aHash = Buffer.alloc(16, 1);
const opening = { since: 1, root: aHash, entries: 1, hints: Buffer.alloc(64) };

describe('wire/sync', () => {
  it('reads a frame back as it was written', () => {
    fc.assert(
      fc.property(message, each => {
        assert.deepEqual(decodeFrame(encodeFrame(each)), each);
      }),
      { numRuns: 300 },
    );
  });

  it('takes no more bytes than the budget counts for it', () => {
    fc.assert(
      fc.property(message, each => {
        assert.isAtMost(encodeFrame(each).length, messageBytes(each) + 8);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws on damaged frames', () => {
    fc.assert(
      fc.property(
        message,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.nat(),
        (each, changes, cut) => {
          const bytes = Buffer.from(encodeFrame(each));
          for (const [at, value] of changes) bytes[at % bytes.length] = value;

          decodeFrame(bytes);
          decodeFrame(bytes.subarray(0, cut % (bytes.length + 1)));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  const refused: Readonly<Record<string, object>> = {
    'a root that has not 16 bytes': { open: { ...opening, root: Buffer.alloc(15) } },
    'an opening without a root': { open: { hints: Buffer.alloc(64) } },
    'an opening without sixteen hints': { open: { ...opening, hints: Buffer.alloc(60) } },
    'hashes that are not one an epoch': {
      open: { ...opening, tops: { epochs: [1, 2], hashes: Buffer.alloc(4) } },
    },
    'epochs that do not ascend': { open: { ...opening, tops: { epochs: [2, 2], hashes: Buffer.alloc(8) } } },
    'a place outside the tree': { walk: { branches: [{ place: 0x2abc }] } },
    'a place below the leaves': { walk: { branches: [{ place: 0x1abcd }] } },
    'some of the sixteen hints': { walk: { branches: [{ place: 1, hints: Buffer.alloc(8) }] } },
    'more questions than a frame may hold': {
      walk: { branches: Array(branchesPerFrameMaxCount + 1).fill({ place: 1 }) },
    },
    'a node where leaves are': {
      branches: { ...opening, nodes: [{ place: 0x1abc, present: 1, hashes: aHash }] },
    },
    'a leaf where nodes are': { branches: { ...opening, leaves: [{ place: 0x1ab, digests: aHash }] } },
    'fewer hashes than children': {
      branches: { ...opening, nodes: [{ place: 1, present: 3, hashes: aHash }] },
    },
    'a seventeenth child': {
      branches: { ...opening, nodes: [{ place: 1, present: 0x10001, hashes: aHash }] },
    },
    'more places than a frame may hold': {
      branches: { ...opening, nodes: Array(placesPerFrameMaxCount + 1).fill({ place: 1 }) },
    },
    'more digests than a leaf may show at once': {
      branches: {
        ...opening,
        leaves: [{ place: 0x1abc, digests: Buffer.alloc(16 * (leafPartMaxCount + 1)) }],
      },
    },
    'half a reference': { want: { refs: Buffer.alloc(9) } },
    'more references than a frame may name': {
      offer: { refs: Buffer.alloc(18 * (refsPerFrameMaxCount + 1)) },
    },
    'a reason that nobody knows': { close: { reason: 9 } },
  };
  for (const [title, fields] of Object.entries(refused)) {
    it(`refuses ${title}`, () => {
      assert.equal(decodeFrame(frame(fields)), undefined);
    });
  }

  it('accepts what the refused ones are variations of', () => {
    assert.isDefined(decodeFrame(frame({ open: opening })));
    assert.isDefined(decodeFrame(frame({ walk: { branches: [{ place: 0x1abc }] } })));
    const nodes = [{ place: 1, present: 2, hashes: aHash }];
    const leaves = [{ place: 0x1abc, digests: aHash }];
    assert.isDefined(decodeFrame(frame({ branches: { ...opening, nodes, leaves } })));
    assert.isDefined(decodeFrame(frame({ offer: { refs: Buffer.alloc(18 * refsPerFrameMaxCount) } })));
  });

  it('does not encode what others would refuse', () => {
    assert.throws(() => encodeFrame({ type: 'want', refs: ['ab'] }), RangeError);
    assert.throws(() => encodeFrame({ type: 'want', refs: ['zz'.repeat(18)] }), RangeError);
    const many = Array<string>(refsPerFrameMaxCount + 1).fill('00'.repeat(18));
    assert.throws(() => encodeFrame({ type: 'want', refs: many }), RangeError);
    const open = { type: 'open', since: 1, root: '00'.repeat(16), entries: -1, tops: [], hints: [] } as const;
    assert.throws(() => encodeFrame(open), RangeError);
  });
});
