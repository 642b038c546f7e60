/** The frames of the sync stream that walk down trees and ask for records. */
import {
  type Branch,
  branchesPerFrameMaxCount,
  type ExchangeMessage,
  hintLength,
  leafPartMaxCount,
  placesPerFrameMaxCount,
  refsPerFrameMaxCount,
  type TreeLeaf,
  type TreeNode,
  topsMaxCount,
} from '../core/sync/message.ts';
import {
  type Prefix,
  recordRefLength,
  type Top,
  type TreeRoot,
  treeDepth,
  treeHashLength,
} from '../core/sync/tree.ts';
import { unreachable } from '../errors.ts';
import { isCount } from './bounds.ts';
import { closeNames } from './schema.ts';

const childrenCount = 16;

/** As protobufjs returns them; bytes that were not sent are an empty array, not an empty buffer. */
type Bytes = Buffer | readonly never[];
interface TopsFields {
  readonly epochs: readonly unknown[];
  readonly hashes: Bytes;
}
interface RootFields {
  readonly since: unknown;
  readonly root: Bytes;
  readonly entries: unknown;
}
interface PlaceFields {
  readonly epoch: unknown;
  readonly place: number;
}
type BranchFields = PlaceFields & { readonly hints: Bytes; readonly after: Bytes };
type NodeFields = PlaceFields & { readonly present: number; readonly hashes: Bytes };
type LeafFields = PlaceFields & { readonly after: Bytes; readonly digests: Bytes; readonly last: boolean };

export interface ExchangeFields {
  readonly open: RootFields & { readonly tops: TopsFields | null; readonly hints: Bytes };
  readonly walk: { readonly branches: readonly BranchFields[] };
  readonly branches: RootFields & {
    readonly tops: TopsFields | null;
    readonly nodes: readonly NodeFields[];
    readonly leaves: readonly LeafFields[];
  };
  readonly offer: { readonly refs: Bytes };
  readonly want: { readonly refs: Bytes };
  readonly close: { readonly reason: number };
}

/** @throws RangeError when the message names something impossible: a bug in the caller. */
export function encodeExchange(message: ExchangeMessage): object {
  switch (message.type) {
    case 'open': {
      const tops = topsFields(message.tops, hintLength);
      return { open: { ...rootFields(message), tops, hints: padded(message.hints, hintLength) } };
    }
    case 'walk':
      return { walk: { branches: message.branches.map(branchFields) } };
    case 'branches': {
      const { tops, nodes, leaves } = message;
      return {
        branches: {
          ...rootFields(message),
          ...(tops === undefined ? {} : { tops: topsFields(tops, treeHashLength) }),
          nodes: nodes.map(nodeFields),
          leaves: leaves.map(leafFields),
        },
      };
    }
    case 'offer':
      return { offer: { refs: joined(message.refs, recordRefLength, refsPerFrameMaxCount) } };
    case 'want':
      return { want: { refs: joined(message.refs, recordRefLength, refsPerFrameMaxCount) } };
    case 'close':
      return { close: { reason: closeNames.numberOf(message.reason) } };
    default:
      return unreachable(message);
  }
}

export function decodeExchange(
  type: keyof ExchangeFields,
  fields: ExchangeFields,
): ExchangeMessage | undefined {
  switch (type) {
    case 'open': {
      const { open } = fields;
      const root = rootOf(open);
      const tops = topsOf(open.tops, hintLength);
      const hints = split(open.hints, hintLength, childrenCount);
      if (root === undefined || tops === undefined || hints?.length !== childrenCount) return undefined;
      return { type, ...root, tops, hints: hints.map(withoutZeros) };
    }
    case 'walk': {
      const branches = all(fields.walk.branches, branchesPerFrameMaxCount, branchOf);
      return branches && { type, branches };
    }
    case 'branches': {
      const { tops: topsFields, nodes: nodeFields, leaves: leafFields } = fields.branches;
      const root = rootOf(fields.branches);
      const nodes = all(nodeFields, placesPerFrameMaxCount, nodeOf);
      const leaves = all(leafFields, placesPerFrameMaxCount, leafOf);
      if (root === undefined || nodes === undefined || leaves === undefined) return undefined;
      if (topsFields === null) return { type, ...root, nodes, leaves };
      const tops = topsOf(topsFields, treeHashLength);
      return tops && { type, ...root, tops, nodes, leaves };
    }
    case 'offer':
    case 'want': {
      const refs = split(fields[type].refs, recordRefLength, refsPerFrameMaxCount);
      return refs && { type, refs };
    }
    case 'close': {
      const reason = closeNames.nameOf(fields.close.reason);
      return reason && { type, reason };
    }
  }
}

function rootFields({ since, root, entries }: TreeRoot): object {
  if (!isCount(since) || !isCount(entries)) throw new RangeError(`a root of ${entries} since ${since}`);
  return { since, root: joined([root], treeHashLength, 1), entries };
}

function rootOf({ since, root, entries }: RootFields): TreeRoot | undefined {
  const [hash, ...more] = split(root, treeHashLength, 1) ?? [];
  return hash === undefined || more.length > 0
    ? undefined
    : { since: numberOf(since), root: hash, entries: numberOf(entries) };
}

function topsFields(tops: readonly Top[], hashLength: number): object {
  const hashes = joined(
    tops.map(({ hash }) => hash),
    hashLength,
    topsMaxCount,
  );
  return { epochs: tops.map(({ epoch }) => epoch), hashes };
}

function topsOf(fields: TopsFields | null, hashLength: number): readonly Top[] | undefined {
  if (fields === null) return [];
  const hashes = split(fields.hashes, hashLength, topsMaxCount);
  if (hashes === undefined || hashes.length !== fields.epochs.length) return undefined;
  const tops = hashes.map((hash, i) => ({ epoch: numberOf(fields.epochs[i]), hash }));
  return tops.every(({ epoch }, i) => i === 0 || epoch > (tops[i - 1] as Top).epoch) ? tops : undefined;
}

function branchFields({ epoch, prefix, hints, after }: Branch): object {
  return {
    epoch,
    place: placeOf(prefix),
    ...(hints === undefined ? {} : { hints: padded(hints, hintLength) }),
    ...(after === undefined ? {} : { after: joined([after], treeHashLength, 1) }),
  };
}

function branchOf(fields: BranchFields): Branch | undefined {
  const prefix = prefixOf(fields.place);
  const hints = split(fields.hints, hintLength, childrenCount);
  const after = split(fields.after, treeHashLength, 1);
  if (prefix === undefined || hints === undefined || after === undefined) return undefined;
  if (hints.length !== 0 && hints.length !== childrenCount) return undefined;
  return {
    epoch: numberOf(fields.epoch),
    prefix,
    ...(hints.length === 0 ? {} : { hints: hints.map(withoutZeros) }),
    ...(after[0] === undefined ? {} : { after: after[0] }),
  };
}

function nodeFields({ epoch, prefix, children }: TreeNode): object {
  const present = children.reduce((bits, child, i) => (child === '' ? bits : bits | (1 << i)), 0);
  const there = children.filter(child => child !== '');
  return { epoch, place: placeOf(prefix), present, hashes: joined(there, treeHashLength, childrenCount) };
}

function nodeOf({ epoch, place, present, hashes }: NodeFields): TreeNode | undefined {
  const prefix = prefixOf(place);
  const there = split(hashes, treeHashLength, childrenCount);
  if (prefix === undefined || prefix.length === treeDepth || there === undefined) return undefined;
  let next = 0;
  const children = Array.from({ length: childrenCount }, (_, i) =>
    (present >>> i) & 1 ? (there[next++] ?? '') : '',
  );
  const isExact = next === there.length && present < 1 << childrenCount;
  return isExact ? { epoch: numberOf(epoch), prefix, children } : undefined;
}

function leafFields({ epoch, prefix, after, digests, last }: TreeLeaf): object {
  return {
    epoch,
    place: placeOf(prefix),
    ...(after === '' ? {} : { after: joined([after], treeHashLength, 1) }),
    digests: joined(digests, treeHashLength, leafPartMaxCount),
    last,
  };
}

function leafOf(fields: LeafFields): TreeLeaf | undefined {
  const prefix = prefixOf(fields.place);
  const after = split(fields.after, treeHashLength, 1);
  const digests = split(fields.digests, treeHashLength, leafPartMaxCount);
  if (prefix?.length !== treeDepth || after === undefined || digests === undefined) return undefined;
  return { epoch: numberOf(fields.epoch), prefix, after: after[0] ?? '', digests, last: fields.last };
}

/** A number whose digits after the first 1 are those of the prefix. */
function placeOf(prefix: Prefix): number {
  return Number.parseInt(`1${prefix}`, 16);
}

function prefixOf(place: number): Prefix | undefined {
  const digits = place.toString(16);
  return digits.startsWith('1') && digits.length <= 1 + treeDepth ? digits.slice(1) : undefined;
}

/** A hint of something absent; a real one may look the same once in 2^32, and costs a question. */
function padded(hints: readonly string[], length: number): Buffer {
  return joined(
    hints.map(hint => hint.padEnd(length, '0')),
    length,
    childrenCount,
  );
}

function withoutZeros(hint: string): string {
  return /^0+$/.test(hint) ? '' : hint;
}

function joined(texts: readonly string[], length: number, maxCount: number): Buffer {
  const bytes = Buffer.from(texts.join(''), 'hex');
  if (texts.length > maxCount || bytes.length * 2 !== texts.length * length) {
    throw new RangeError(`${texts.length} items of ${length} digits, at most ${maxCount}`);
  }
  return bytes;
}

/** Items of `length` hexadecimal digits. */
function split(bytes: Bytes, length: number, maxCount: number): readonly string[] | undefined {
  if (!Buffer.isBuffer(bytes)) return [];
  const count = (bytes.length * 2) / length;
  if (!Number.isInteger(count) || count > maxCount) return undefined;
  const text = bytes.toString('hex');
  return Array.from({ length: count }, (_, i) => text.slice(i * length, (i + 1) * length));
}

function all<Fields, Value>(
  fields: readonly Fields[],
  maxCount: number,
  decode: (fields: Fields) => Value | undefined,
): readonly Value[] | undefined {
  if (fields.length > maxCount) return undefined;
  const values: Value[] = [];
  for (const each of fields) {
    const value = decode(each);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** An absent number is an object of protobufjs, and means 0. */
function numberOf(value: unknown): number {
  return typeof value === 'number' && isCount(value) ? value : 0;
}
