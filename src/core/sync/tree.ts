/**
 * One hash for a whole table, and one for every part of it: equal roots mean equal tables.
 *
 * A 16-ary Merkle radix tree of three levels over SHA-256(subject): 4,096 leaves, each over the digests of all
 * records about the subjects below it. There is one such tree for every expiry epoch (see `expiry.ts`), and the
 * root covers those that are compared. A change makes four hashes void; they are computed again when somebody asks,
 * so ten thousand changes in a row cost one computation. Place and hash come from digests alone, so neither the
 * order of arrival nor the names that somebody chose decide where the work is.
 *
 * Rejected: the exclusive or of all digests, which tells that two tables differ but not where, and which a liar can
 * make collide; and range reconciliation, which takes as many bytes and has no hash that commits to a table.
 */
import type { SubjectHash } from '../record/health.ts';
import type { NodeId } from '../record/node.ts';
import type { VerifiedRecord } from '../record/record.ts';
import { standing } from './expiry.ts';

/** 16 bytes, as 32 hexadecimal digits; empty where there is nothing below. */
export type TreeHash = string;

/** The first 16 bytes of SHA-256 over the concatenated parts. Parts hold no lengths: callers frame them. */
export type HashParts = (parts: readonly string[]) => TreeHash;

/** Up to `treeDepth` hexadecimal digits, the first ones of the hash of a subject. */
export type Prefix = string;

export const treeDepth = 3;
export const treeHashLength = 32;

/** Tells a record from all others: four digits of its subject's hash, of which three lead to its leaf, and 16 bytes of its digest. */
export type RecordRef = string;

export const recordRefLength = 36;
const leafDigitsCount = recordRefLength - treeHashLength;

export interface TreeRoot {
  /** First expiry epoch that the hash covers; what does not expire it always covers. */
  readonly since: number;
  readonly root: TreeHash;
  /** Records below. */
  readonly entries: number;
}

export interface Top {
  readonly epoch: number;
  readonly hash: TreeHash;
}

export const nibbles = [...'0123456789abcdef'] as const;

interface Shelved {
  readonly subject: NodeId;
  readonly epoch: number;
  readonly records: readonly VerifiedRecord[];
}

/** One with subjects below: all others are not there, so that a tree of one record is four of these. */
interface Branch {
  /** Void when absent. */
  hash: TreeHash | undefined;
  subjectsCount: number;
  /** By nibble; of a leaf, none. */
  readonly below: (Branch | undefined)[];
}

interface Subtree {
  readonly top: Branch;
  recordsCount: number;
}

const noBranches: (Branch | undefined)[] = [];

export class RecordTree {
  readonly #hash: HashParts;
  /** Subjects by leaf, all epochs together. */
  readonly #shelves = new Map<Prefix, Shelved[]>();
  readonly #subtrees = new Map<number, Subtree>();
  /** Roots by first epoch, until something changes. */
  readonly #roots = new Map<number, TreeRoot>();

  constructor(components: { readonly hash: HashParts }) {
    this.#hash = components.hash;
  }

  /** All records about a subject from now on; none takes it out. */
  put(
    subjectHash: SubjectHash,
    subject: NodeId,
    records: readonly VerifiedRecord[],
    epoch: number = standing,
  ): void {
    const leaf = subjectHash.slice(0, treeDepth);
    const shelf = this.#shelves.get(leaf) ?? [];
    const held = shelf.findIndex(each => each.subject === subject);
    const before = shelf[held];
    if (before !== undefined) this.#count(before, -1, leaf);
    const after: Shelved | undefined = records.length > 0 ? { subject, epoch, records } : undefined;
    if (after !== undefined) this.#count(after, 1, leaf);
    shelf.splice(held < 0 ? shelf.length : held, held < 0 ? 0 : 1, ...(after === undefined ? [] : [after]));
    if (shelf.length === 0) this.#shelves.delete(leaf);
    else this.#shelves.set(leaf, shelf);
    this.#roots.clear();
  }

  root(since: number): TreeRoot {
    let root = this.#roots.get(since);
    if (root !== undefined) return root;
    let entries = 0;
    for (const [epoch, { recordsCount }] of this.#subtrees) {
      if (epoch === standing || epoch >= since) entries += recordsCount;
    }
    root = { since, root: rootOf(this.#hash, this.tops(since)), entries };
    // Whoever compares names its own first epoch; honest ones name two or three.
    if (this.#roots.size >= 8) this.#roots.clear();
    this.#roots.set(since, root);
    return root;
  }

  /** What the root is made of, by epoch. */
  tops(since: number): readonly Top[] {
    return [...this.#subtrees.keys()]
      .filter(epoch => epoch === standing || epoch >= since)
      .sort((a, b) => a - b)
      .map(epoch => ({ epoch, hash: this.node(epoch, '') }));
  }

  /** Empty when nothing is below. */
  node(epoch: number, prefix: Prefix): TreeHash {
    return this.#hashOf(this.#find(epoch, prefix), epoch, prefix);
  }

  /** The sixteen below, empty ones included. */
  children(epoch: number, prefix: Prefix): readonly TreeHash[] {
    return this.#childrenOf(this.#find(epoch, prefix), epoch, prefix);
  }

  #find(epoch: number, prefix: Prefix): Branch | undefined {
    let branch = this.#subtrees.get(epoch)?.top;
    for (const nibble of prefix) branch = branch?.below[Number.parseInt(nibble, 16)];
    return branch;
  }

  #hashOf(branch: Branch | undefined, epoch: number, prefix: Prefix): TreeHash {
    if (branch === undefined) return '';
    branch.hash ??=
      prefix.length === treeDepth
        ? leafHashOf(this.#hash, this.leaf(epoch, prefix))
        : nodeHashOf(this.#hash, this.#childrenOf(branch, epoch, prefix));
    return branch.hash;
  }

  #childrenOf(branch: Branch | undefined, epoch: number, prefix: Prefix): readonly TreeHash[] {
    return nibbles.map((nibble, i) => this.#hashOf(branch?.below[i], epoch, prefix + nibble));
  }

  /** What a leaf commits to: 16 bytes of each digest, sorted. */
  leaf(epoch: number, prefix: Prefix): readonly TreeHash[] {
    const digests: TreeHash[] = [];
    for (const shelved of this.#shelves.get(prefix) ?? []) {
      if (shelved.epoch !== epoch) continue;
      for (const { digest } of shelved.records) digests.push(digest.slice(0, treeHashLength));
    }
    return digests.sort();
  }

  /** All records below. */
  refs(epoch: number, prefix: Prefix): readonly RecordRef[] {
    if (this.node(epoch, prefix) === '') return [];
    if (prefix.length === treeDepth) return this.leaf(epoch, prefix).map(digest => recordRef(prefix, digest));
    return nibbles.flatMap(nibble => this.refs(epoch, prefix + nibble));
  }

  /** All records about a subject that lies in an epoch before `since`; none where it is compared. */
  hiddenRefs(
    { subject, subjectHash }: Pick<VerifiedRecord, 'subject' | 'subjectHash'>,
    since: number,
  ): readonly RecordRef[] {
    const leaf = subjectHash.slice(0, treeDepth);
    const shelved = this.#shelves.get(leaf)?.find(each => each.subject === subject);
    if (shelved === undefined || shelved.epoch === standing || shelved.epoch >= since) return [];
    return shelved.records.map(({ digest }) => recordRef(leaf, digest));
  }

  /** One hash over what is below a prefix in all epochs that are compared; empty when nothing is. */
  part(since: number, prefix: Prefix): TreeHash {
    const tops = this.tops(since)
      .map(({ epoch }) => ({ epoch, hash: this.node(epoch, prefix) }))
      .filter(({ hash }) => hash !== '');
    return tops.length === 0 ? '' : rootOf(this.#hash, tops);
  }

  recordsBelow(since: number, prefix: Prefix): readonly VerifiedRecord[] {
    const found: VerifiedRecord[] = [];
    for (const [leaf, shelf] of this.#shelves) {
      if (!leaf.startsWith(prefix)) continue;
      for (const { epoch, records } of shelf)
        if (epoch === standing || epoch >= since) found.push(...records);
    }
    return found;
  }

  /** Whatever epoch it is in. */
  find(ref: RecordRef): VerifiedRecord | undefined {
    const digest = digestOf(ref);
    for (const { records } of this.#shelves.get(ref.slice(0, treeDepth)) ?? []) {
      const found = records.find(record => record.digest.startsWith(digest));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #count({ epoch, records }: Shelved, sign: 1 | -1, leaf: Prefix): void {
    let subtree = this.#subtrees.get(epoch);
    if (subtree === undefined) {
      subtree = { top: newBranch(0), recordsCount: 0 };
      this.#subtrees.set(epoch, subtree);
    }
    subtree.recordsCount += sign * records.length;
    let branch = subtree.top;
    change(branch, sign);
    for (let depth = 1; depth <= treeDepth; depth++) {
      const nibble = Number.parseInt(leaf.charAt(depth - 1), 16);
      const next = branch.below[nibble] ?? newBranch(depth);
      change(next, sign);
      branch.below[nibble] = next.subjectsCount > 0 ? next : undefined;
      branch = next;
    }
    if (subtree.top.subjectsCount === 0) this.#subtrees.delete(epoch);
  }
}

function newBranch(depth: number): Branch {
  const below = depth === treeDepth ? noBranches : nibbles.map(() => undefined);
  return { hash: undefined, subjectsCount: 0, below };
}

function change(branch: Branch, subjectsCount: number): void {
  branch.hash = undefined;
  branch.subjectsCount += subjectsCount;
}

export function recordRef(leaf: Prefix, digest: string): RecordRef {
  return leaf.padEnd(leafDigitsCount, '0') + digest.slice(0, treeHashLength);
}

/** The part of a digest that a reference holds. */
export function digestOf(ref: RecordRef): TreeHash {
  return ref.slice(leafDigitsCount);
}

/** @param tops - Sorted by epoch, none empty. */
export function rootOf(hash: HashParts, tops: readonly Top[]): TreeHash {
  return hash(['root', ...tops.map(top => `${top.epoch.toString(16).padStart(14, '0')}${top.hash}`)]);
}

export function nodeHashOf(hash: HashParts, children: readonly TreeHash[]): TreeHash {
  const parts = ['node'];
  for (let i = 0; i < children.length; i++) {
    if (children[i] !== '') parts.push(nibbles[i] as string, children[i] as TreeHash);
  }
  return parts.length === 1 ? '' : hash(parts);
}

/** @param digests - Sorted. */
export function leafHashOf(hash: HashParts, digests: readonly TreeHash[]): TreeHash {
  return digests.length === 0 ? '' : hash(['leaf', ...digests]);
}
