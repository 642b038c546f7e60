/**
 * Who holds the same table as we do, as the roots in probes and acks tell.
 *
 * Between two probes of one peer gossip goes on, so a root that is not ours proves little: it may be what we held a
 * moment ago, or will hold in a moment. Only a root that was ours neither shortly before nor within `mismatchMs`
 * after we heard it is a difference, and worth a walk. Where walks do not help (the peer holds what we refuse), they
 * become rare.
 */
import type { PeerId } from '../record/record.ts';
import type { ExchangeEnd } from './exchange.ts';
import type { RecordTree, TreeHash, TreeRoot } from './tree.ts';

export const mismatchMs = 2_000;
const walkEveryMs = 10_000;
const walkRarelyMs = 300_000;
/** After an exchange that came to no end: it proves nothing, and a slow link is often better soon. */
const retryMs = 2_000;
const shunMs = 60_000;
const shunMaxMs = 3_600_000;

export interface Standing {
  readonly peer: PeerId;
  readonly heard: TreeRoot | undefined;
  readonly heardMonoMs: number | undefined;
  /** `unheard`: we have not heard from it since our table changed, or never. */
  readonly state: 'agrees' | 'differs' | 'unheard';
  readonly sinceMonoMs: number;
  readonly lastEnd: ExchangeEnd | undefined;
  readonly lastEndMonoMs: number | undefined;
  readonly bytes: number;
  readonly lies: number;
}

interface Row extends Standing {
  heard: TreeRoot | undefined;
  heardMonoMs: number | undefined;
  state: Standing['state'];
  sinceMonoMs: number;
  lastEnd: ExchangeEnd | undefined;
  lastEndMonoMs: number | undefined;
  bytes: number;
  lies: number;
  /** Since when it shows what we neither hold nor held. */
  differsSinceMonoMs: number | undefined;
  /** Both roots when the last walk had ended: walking again over the same is in vain. */
  walkedOver: string;
  vainCount: number;
  /** Exchanges in a row that came to no end. */
  failedCount: number;
  nextWalkMonoMs: number;
  shunnedUntilMonoMs: number;
}

/** Peers remembered; more than the largest cluster has. */
const rowsMaxCount = 4_096;
/** About as many as say something in `2 * mismatchMs`. */
const heardLatelyCount = 8;

export class Agreement {
  readonly #tree: RecordTree;
  readonly #rows = new Map<PeerId, Row>();
  /** Those that show what we neither hold nor held; what time does to the others happens when our root changes. */
  readonly #strange = new Set<Row>();
  /** Of those, who have shown a difference twice, `mismatchMs` apart. */
  readonly #showedAgain = new Set<Row>();
  /** The latest comes last. */
  readonly #heardLately = new Set<Row>();
  /** Roots that were ours until not long ago, with when they ceased to be. */
  readonly #former = new Map<TreeHash, number>();
  #own: TreeRoot | undefined;
  #lookedSince = 0;
  #lookedMonoMs = 0;
  #ownSinceMonoMs = 0;

  constructor(components: { readonly tree: RecordTree }) {
    this.#tree = components.tree;
  }

  /** Since when our root is what it is. */
  get ownSinceMonoMs(): number {
    return this.#ownSinceMonoMs;
  }

  /** As of the last look. */
  standings(): readonly Standing[] {
    for (const row of this.#strange) this.#judge(row, this.#lookedSince, this.#lookedMonoMs);
    for (const row of this.#rows.values()) this.#settle(row);
    return [...this.#rows.values()];
  }

  /** Compares again with a table that may have changed. @param since - The first epoch that we compare. */
  look(since: number, monoMs: number): void {
    const own = this.#tree.root(since);
    const isNew = own.root !== this.#own?.root;
    if (isNew) {
      if (this.#own !== undefined) this.#former.set(this.#own.root, monoMs);
      this.#own = own;
      this.#ownSinceMonoMs = monoMs;
      for (const [root, untilMonoMs] of this.#former) {
        if (monoMs - untilMonoMs > mismatchMs || this.#former.size > 1_024) this.#former.delete(root);
      }
    }
    this.#lookedMonoMs = monoMs;
    const isSameSince = since === this.#lookedSince;
    if (isSameSince && !isNew) return;
    this.#lookedSince = since;
    for (const row of isSameSince ? this.#strange : this.#rows.values()) this.#judge(row, since, monoMs);
  }

  /** What a peer says that it holds. True when that is just what we hold. */
  heard(peer: PeerId, root: TreeRoot, since: number, monoMs: number): boolean {
    this.look(since, monoMs);
    const row = this.#row(peer, monoMs);
    this.#settle(row);
    // It compares less than we do when its first epoch is later, which is fine; but never what we have forgotten.
    if (root.since < since) return false;
    row.heard = root;
    row.heardMonoMs = monoMs;
    this.#heardLately.delete(row);
    this.#heardLately.add(row);
    for (const earliest of this.#heardLately) {
      if (this.#heardLately.size <= heardLatelyCount) break;
      this.#heardLately.delete(earliest);
    }
    const ceasedMonoMs = this.#former.get(root.root);
    const wasOurs = ceasedMonoMs !== undefined && monoMs - ceasedMonoMs <= mismatchMs;
    if (wasOurs) this.#isNotStrange(row);
    else {
      row.differsSinceMonoMs ??= monoMs;
      this.#strange.add(row);
      if (monoMs - row.differsSinceMonoMs >= mismatchMs) this.#showedAgain.add(row);
    }
    this.#judge(row, since, monoMs);
    return row.state === 'agrees';
  }

  /**
   * Peers with which a walk is due: all that differ when it is we who are out of step, or else those that have shown
   * a difference again. One difference alone may be news on its way round.
   */
  due(monoMs: number): readonly PeerId[] {
    const rows = this.isOutOfStep(monoMs) ? this.#strange : this.#showedAgain;
    return [...rows]
      .filter(
        ({ differsSinceMonoMs, nextWalkMonoMs, shunnedUntilMonoMs }) =>
          differsSinceMonoMs !== undefined &&
          monoMs - differsSinceMonoMs >= mismatchMs &&
          monoMs >= Math.max(nextWalkMonoMs, shunnedUntilMonoMs),
      )
      .map(({ peer }) => peer);
  }

  /**
   * Whether half of those who were heard just now differ. If it is we who missed something, nearly all do; while news
   * goes round, few. What was heard long ago may have changed since.
   */
  isOutOfStep(monoMs: number): boolean {
    if (this.#strange.size === 0) return false;
    let agreeing = 0;
    let differing = 0;
    for (const row of this.#heardLately) {
      if (row.heardMonoMs === undefined || monoMs - row.heardMonoMs > 2 * mismatchMs) continue;
      if (row.differsSinceMonoMs === undefined) agreeing += 1;
      else if (monoMs - row.differsSinceMonoMs >= mismatchMs) differing += 1;
    }
    return differing > 0 && differing >= agreeing;
  }

  /** One that lied is left alone for a while. */
  isShunned(peer: PeerId, monoMs: number): boolean {
    return monoMs < (this.#rows.get(peer)?.shunnedUntilMonoMs ?? 0);
  }

  ended(peer: PeerId, end: ExchangeEnd, since: number, monoMs: number): void {
    const row = this.#row(peer, monoMs);
    this.#settle(row);
    row.lastEnd = end;
    row.lastEndMonoMs = monoMs;
    row.bytes += end.bytes;
    if (end.outcome === 'lied') {
      row.lies += 1;
      row.shunnedUntilMonoMs = monoMs + Math.min(shunMaxMs, shunMs * 2 ** Math.min(row.lies - 1, 20));
    }
    const own = this.#tree.root(since);
    const hasFailed = end.outcome === 'stalled' || end.outcome === 'busy';
    row.failedCount = hasFailed ? row.failedCount + 1 : 0;
    if (!hasFailed) {
      const over = `${own.root} ${end.peerRoot ?? ''}`;
      row.vainCount = end.outcome === 'walked' && over === row.walkedOver ? row.vainCount + 1 : 0;
      row.walkedOver = over;
    }
    const pauseMs = hasFailed
      ? retryMs * 2 ** Math.min(row.failedCount - 1, 20)
      : walkEveryMs * 2 ** Math.min(row.vainCount, 20);
    // Equal tables say nothing about a difference that comes later, and cost next to nothing.
    row.nextWalkMonoMs = end.outcome === 'same' ? monoMs : monoMs + Math.min(walkRarelyMs, pauseMs);
    if (end.peerRoot === undefined || (end.outcome !== 'same' && end.outcome !== 'walked')) return;
    // What it showed before it took what we offered says nothing any more, unless it is just what we have now.
    this.#isNotStrange(row);
    if (end.peerRoot === own.root) {
      row.heard = own;
      row.heardMonoMs = monoMs;
    }
    this.#judge(row, since, monoMs);
  }

  /** Forgets those who are no members any more. */
  keep(isMember: (peer: PeerId) => boolean): void {
    for (const peer of this.#rows.keys()) if (!isMember(peer)) this.#forget(peer);
  }

  #isNotStrange(row: Row): void {
    row.differsSinceMonoMs = undefined;
    this.#strange.delete(row);
    this.#showedAgain.delete(row);
  }

  #forget(peer: PeerId): void {
    const row = this.#rows.get(peer);
    if (row !== undefined) {
      this.#isNotStrange(row);
      this.#heardLately.delete(row);
    }
    this.#rows.delete(peer);
  }

  /**
   * What has become of a row since it was judged last, if our own table has changed meanwhile. Not done for all when
   * that happens: it happens all the time, and in a large cluster there are many.
   */
  #settle(row: Row): void {
    if (this.#strange.has(row)) return;
    const state = this.#isEqual(row, this.#lookedSince) ? 'agrees' : 'unheard';
    const isSame = state === row.state && (state === 'unheard' || row.sinceMonoMs >= this.#ownSinceMonoMs);
    if (isSame) return;
    row.state = state;
    row.sinceMonoMs = Math.max(row.sinceMonoMs, this.#ownSinceMonoMs);
  }

  #isEqual({ heard }: Row, since: number): boolean {
    return heard !== undefined && heard.since >= since && this.#tree.root(heard.since).root === heard.root;
  }

  #judge(row: Row, since: number, monoMs: number): void {
    const isEqual = this.#isEqual(row, since);
    if (isEqual) this.#isNotStrange(row);
    const isDifferent = row.differsSinceMonoMs !== undefined && monoMs - row.differsSinceMonoMs >= mismatchMs;
    const state = isEqual ? 'agrees' : isDifferent ? 'differs' : 'unheard';
    if (state === row.state) return;
    row.state = state;
    row.sinceMonoMs = isDifferent && !isEqual ? (row.differsSinceMonoMs ?? monoMs) + mismatchMs : monoMs;
  }

  #row(peer: PeerId, monoMs: number): Row {
    let row = this.#rows.get(peer);
    if (row !== undefined) return row;
    row = {
      peer,
      heard: undefined,
      heardMonoMs: undefined,
      state: 'unheard',
      sinceMonoMs: monoMs,
      lastEnd: undefined,
      lastEndMonoMs: undefined,
      bytes: 0,
      lies: 0,
      differsSinceMonoMs: undefined,
      walkedOver: '',
      vainCount: 0,
      failedCount: 0,
      nextWalkMonoMs: 0,
      shunnedUntilMonoMs: 0,
    };
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size < rowsMaxCount) break;
      this.#forget(oldest);
    }
    this.#rows.set(peer, row);
    return row;
  }
}
