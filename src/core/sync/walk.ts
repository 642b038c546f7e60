/**
 * Both sides of a walk down the trees, without the exchange around it.
 *
 * `answerWalk` says what one side has at the places that it is asked about, and, while there is room, right away what
 * the asker would have to ask for next, guessed from its hints. `Walk` is the asker's side: it believes only full
 * hashes, follows the branches that differ, and notices an answer that contradicts itself.
 */

import { standing } from './expiry.ts';
import {
  type Branch,
  branchesPerFrameMaxCount,
  frameBaseBytes,
  frameBudgetBytes,
  hintLength,
  leafBytes,
  leafPartMaxCount,
  nodeBytes,
  placesPerFrameMaxCount,
  type SyncMessage,
  type TreeLeaf,
  type TreeNode,
} from './message.ts';
import {
  type HashParts,
  leafHashOf,
  nibbles,
  nodeHashOf,
  type Prefix,
  type RecordRef,
  type RecordTree,
  recordRef,
  rootOf,
  type TreeHash,
  treeDepth,
} from './tree.ts';

type Open = Extract<SyncMessage<never, never>, { readonly type: 'open' }>;
type Branches = Extract<SyncMessage<never, never>, { readonly type: 'branches' }>;

/** A contradiction between things that one peer said: `root` (its parts do not hash to it), and so on down. */
export type Lie = 'root' | 'branch' | 'leaf' | 'unasked' | 'withheld';

export function openingOf(tree: RecordTree, since: number): Open {
  const tops = tree.tops(since).map(({ epoch, hash }) => ({ epoch, hash: hintOf(hash) }));
  return { type: 'open', ...tree.root(since), tops, hints: tree.children(0, '').map(hintOf) };
}

export function answerOpen(tree: RecordTree, since: number, open: Open): Branches {
  const tops = tree.tops(since);
  const hints = new Map(open.tops.map(({ epoch, hash }) => [epoch, hash]));
  const branches = tops
    .filter(({ epoch, hash }) => hints.get(epoch) !== hintOf(hash))
    .map(({ epoch }) => ({ epoch, prefix: '', ...(epoch === 0 ? { hints: open.hints } : {}) }));
  return { ...answerWalk(tree, since, branches, frameBaseBytes + tops.length * 26), tops };
}

/** What does not fit the frame is left out; it will be asked for again. */
export function answerWalk(
  tree: RecordTree,
  since: number,
  branches: readonly Branch[],
  usedBytes = frameBaseBytes,
): Branches {
  const nodes: TreeNode[] = [];
  const leaves: TreeLeaf[] = [];
  let bytes = usedBytes;
  const isFull = () => nodes.length + leaves.length >= placesPerFrameMaxCount || bytes > frameBudgetBytes;
  const say = (epoch: number, prefix: Prefix, after = ''): void => {
    if (isFull()) return;
    if (prefix.length === treeDepth) {
      const leaf = leafPart(tree, epoch, prefix, after);
      bytes += leafBytes(leaf);
      if (bytes <= frameBudgetBytes) leaves.push(leaf);
      return;
    }
    const node = { epoch, prefix, children: tree.children(epoch, prefix) };
    bytes += nodeBytes(node);
    if (bytes <= frameBudgetBytes) nodes.push(node);
  };
  const guesses: { readonly epoch: number; readonly prefix: Prefix }[] = [];
  for (const { epoch, prefix, hints, after } of branches.slice(0, branchesPerFrameMaxCount)) {
    say(epoch, prefix, after);
    if (hints === undefined || prefix.length === treeDepth) continue;
    tree.children(epoch, prefix).forEach((child, i) => {
      if (child !== '' && hintOf(child) !== hints[i]) guesses.push({ epoch, prefix: prefix + nibbles[i] });
    });
  }
  // Answers first, guesses only where they fit.
  for (const { epoch, prefix } of guesses) say(epoch, prefix);
  return { type: 'branches', ...tree.root(since), nodes, leaves };
}

function leafPart(tree: RecordTree, epoch: number, prefix: Prefix, after: TreeHash): TreeLeaf {
  const rest = tree.leaf(epoch, prefix).filter(digest => digest > after);
  const digests = rest.slice(0, leafPartMaxCount);
  return { epoch, prefix, after, digests, last: digests.length === rest.length };
}

function hintOf(hash: TreeHash): string {
  return hash.slice(0, hintLength);
}

function keyOf(epoch: number, prefix: Prefix): string {
  return `${epoch} ${prefix}`;
}

interface Place {
  readonly epoch: number;
  readonly prefix: Prefix;
  /** What the peer said is there. */
  readonly claimed: TreeHash;
  readonly after: TreeHash;
}

export interface Found {
  /** The peer has these and we do not. */
  readonly missing: readonly RecordRef[];
  /** We have these and the peer does not. */
  readonly surplus: readonly RecordRef[];
  readonly lie?: Lie;
}

export class Walk {
  readonly #tree: RecordTree;
  readonly #hash: HashParts;
  #since: number;
  /** Places that differ and were not shown yet, in the order in which they were found. */
  readonly #pending = new Map<string, Place>();
  /** Places that were shown: each is believed once. */
  readonly #shown = new Set<string>();
  #peerRoot: TreeHash | undefined;
  #missing: RecordRef[] = [];
  #surplus: RecordRef[] = [];

  constructor(
    options: { readonly since: number },
    components: { readonly tree: RecordTree; readonly hash: HashParts },
  ) {
    this.#since = options.since;
    this.#tree = components.tree;
    this.#hash = components.hash;
  }

  /** The root that the peer showed last. */
  get peerRoot(): TreeHash | undefined {
    return this.#peerRoot;
  }

  /** The first epoch that both compare, once the peer has answered. */
  get since(): number {
    return this.#since;
  }

  get isDone(): boolean {
    return this.#pending.size === 0;
  }

  /** The next question; to be asked only once the last one was answered. */
  next(): readonly Branch[] {
    const branches: Branch[] = [];
    for (const { epoch, prefix, after } of this.#pending.values()) {
      if (branches.length >= branchesPerFrameMaxCount) break;
      if (after !== '') branches.push({ epoch, prefix, after });
      else if (prefix.length === treeDepth) branches.push({ epoch, prefix });
      else branches.push({ epoch, prefix, hints: this.#tree.children(epoch, prefix).map(hintOf) });
    }
    return branches;
  }

  /** Takes an answer in. After a lie nothing more of it is looked at. */
  hear(answer: Branches): Found {
    const isFirst = this.#peerRoot === undefined;
    // A table that has changed since may contradict what was said of it before.
    if (answer.root !== this.#peerRoot) {
      for (const [key, place] of this.#pending) this.#pending.set(key, { ...place, claimed: '' });
    }
    this.#peerRoot = answer.root;
    const lie = isFirst ? this.#hearTops(answer) : answer.tops === undefined ? undefined : 'unasked';
    const found = lie ?? this.#hearNodes(answer.nodes) ?? this.#hearLeaves(answer.leaves);
    const { missing, surplus } = { missing: this.#missing, surplus: this.#surplus };
    this.#missing = [];
    this.#surplus = [];
    return { missing, surplus, ...(found === undefined ? {} : { lie: found }) };
  }

  #hearTops({ tops, since, root }: Branches): Lie | undefined {
    if (tops === undefined || since < this.#since) return 'unasked';
    if (rootOf(this.#hash, tops) !== root) return 'root';
    this.#since = since;
    const own = new Map(this.#tree.tops(since).map(({ epoch, hash }) => [epoch, hash]));
    for (const { epoch, hash } of tops) {
      if (own.get(epoch) !== hash) this.#differs(epoch, '', hash);
      own.delete(epoch);
    }
    for (const epoch of own.keys()) this.#surplus.push(...this.#tree.refs(epoch, ''));
    return undefined;
  }

  #hearNodes(nodes: readonly TreeNode[]): Lie | undefined {
    for (const { epoch, prefix, children } of nodes) {
      const place = this.#take(epoch, prefix);
      if (place === undefined) return 'unasked';
      if (place.claimed !== '' && nodeHashOf(this.#hash, children) !== place.claimed) return 'branch';
      const own = this.#tree.children(epoch, prefix);
      for (let i = 0; i < nibbles.length; i++) {
        const theirs = children[i] ?? '';
        if (theirs === own[i]) continue;
        if (theirs !== '') this.#differs(epoch, prefix + nibbles[i], theirs);
        else this.#surplus.push(...this.#tree.refs(epoch, prefix + nibbles[i]));
      }
    }
    return undefined;
  }

  #hearLeaves(leaves: readonly TreeLeaf[]): Lie | undefined {
    for (const { epoch, prefix, after, digests, last } of leaves) {
      const place = this.#take(epoch, prefix);
      if (place === undefined || place.after !== after) return 'unasked';
      // One that comes in parts proves itself by what it delivers.
      const isWhole = after === '' && last;
      if (isWhole && place.claimed !== '' && leafHashOf(this.#hash, digests) !== place.claimed) return 'leaf';
      const end = digests.at(-1) ?? after;
      if (!isSorted(digests, after) || (!last && end === after)) return 'leaf';
      const theirs = new Set(digests);
      for (const digest of this.#tree.leaf(epoch, prefix)) {
        const isHere = digest > after && (last || digest <= end);
        if (isHere && !theirs.has(digest)) this.#surplus.push(recordRef(prefix, digest));
      }
      for (const digest of theirs) {
        const ref = recordRef(prefix, digest);
        const held = this.#tree.find(ref);
        if (held === undefined) this.#missing.push(ref);
        // The peer has not heard how it ended, and that is too old to be compared.
        else if (epoch === standing) this.#surplus.push(...this.#tree.hiddenRefs(held, this.#since));
      }
      if (!last) {
        this.#pending.set(keyOf(epoch, prefix), { ...place, after: end });
        this.#shown.delete(keyOf(epoch, prefix));
      }
    }
    return undefined;
  }

  #differs(epoch: number, prefix: Prefix, claimed: TreeHash): void {
    const key = keyOf(epoch, prefix);
    if (!this.#shown.has(key)) this.#pending.set(key, { epoch, prefix, claimed, after: '' });
  }

  /** What we know to differ, asked for or guessed by the peer; anything else is none of our business. */
  #take(epoch: number, prefix: Prefix): Place | undefined {
    const key = keyOf(epoch, prefix);
    const place = this.#pending.get(key);
    if (place === undefined) return this.#takeGuess(key, epoch, prefix);
    this.#pending.delete(key);
    this.#shown.add(key);
    return place;
  }

  /** A hint was true when it was given, and what it was about has become equal since: then it hashes to the same. */
  #takeGuess(key: string, epoch: number, prefix: Prefix): Place | undefined {
    const claimed = this.#tree.node(epoch, prefix);
    if (claimed === '' || this.#shown.has(key)) return undefined;
    this.#shown.add(key);
    return { epoch, prefix, claimed, after: '' };
  }
}

function isSorted(digests: readonly TreeHash[], after: TreeHash): boolean {
  return digests.every((digest, i) => digest > (i === 0 ? after : (digests[i - 1] as TreeHash)));
}
