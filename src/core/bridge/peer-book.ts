/**
 * The HTTP peers: those that were configured and those that their lists have led to, and when each is
 * registered with again.
 *
 * A configured peer that does not answer is tried again after 1, 2, 4, 8 s, and then every 8 s for ever. A
 * learnt one may be a node that takes no registrations at all, so its pauses go on growing, up to ten
 * refresh intervals.
 */
import type { Random } from '../random.ts';
import { compareText } from '../record/record.ts';
import type { HttpPeerView } from '../view.ts';
import { retryAfterMs } from './backoff.ts';
import type { PeerOutcome } from './outcome.ts';

export interface PeerBookOptions {
  readonly urls: readonly string[];
  readonly refreshMs: number;
  /** Configured ones count, and always have room. */
  readonly maxCount: number;
}

const configuredRetryMaxMs = 8_000; // The last pause of the predecessor's join.
const learntRetryMaxRefreshes = 10;

export interface HttpPeer {
  readonly url: string;
  readonly isConfigured: boolean;
  /** A registration is under way. */
  isBusy: boolean;
  dueMonoMs: number;
  /** Whether it has ever answered. */
  hasAnswered: boolean;
  lastAnswerMonoMs: number | undefined;
  failuresCount: number;
  failuresInRow: number;
  lastError: string | undefined;
}

export class PeerBook {
  readonly #options: PeerBookOptions;
  readonly #random: Random;
  readonly #peers = new Map<string, HttpPeer>();
  #refusedCount = 0;

  constructor(options: PeerBookOptions, components: { readonly random: Random }) {
    this.#options = options;
    this.#random = components.random;
    for (const url of options.urls) this.#peers.set(url, newPeer(url, true, 0));
  }

  get count(): number {
    return this.#peers.size;
  }

  /** Peers that were learnt of and had no room. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Every configured peer has answered, or failed to, at least once. */
  get isJoined(): boolean {
    for (const { isConfigured, hasAnswered, failuresCount } of this.#peers.values()) {
      if (isConfigured && !hasAnswered && failuresCount === 0) return false;
    }
    return true;
  }

  get(url: string): HttpPeer | undefined {
    return this.#peers.get(url);
  }

  /** Its last registration was answered. */
  has(url: string): boolean {
    return this.#peers.has(url);
  }

  isAnswering(url: string): boolean {
    const peer = this.#peers.get(url);
    return peer?.hasAnswered === true && peer.failuresInRow === 0;
  }

  /** Those that have ever answered: the others are told everything when they first do. */
  *answering(): Iterable<HttpPeer> {
    for (const peer of this.#peers.values()) if (peer.hasAnswered) yield peer;
  }

  /** Peers to register with now; each counts as under way from here on. */
  takeDue(monoMs: number): readonly HttpPeer[] {
    const due = [...this.#peers.values()].filter(peer => !peer.isBusy && peer.dueMonoMs <= monoMs);
    for (const peer of due) peer.isBusy = true;
    return due;
  }

  /** @returns The peer and what has turned, or `undefined` when it is none any more. */
  answered(
    url: string,
    outcome: PeerOutcome,
    monoMs: number,
  ): { readonly peer: HttpPeer; readonly turned: 'answering' | 'failing' | undefined } | undefined {
    const peer = this.#peers.get(url);
    if (peer === undefined) return undefined;
    const wasWell = peer.hasAnswered && peer.failuresInRow === 0;
    const wasFailing = peer.failuresInRow > 0;
    peer.isBusy = false;
    if (outcome.ok) {
      peer.hasAnswered = true;
      peer.lastAnswerMonoMs = monoMs;
      peer.failuresInRow = 0;
      peer.lastError = undefined;
      peer.dueMonoMs = monoMs + this.#jittered(this.#options.refreshMs);
      return { peer, turned: wasWell ? undefined : 'answering' };
    }
    peer.failuresCount += 1;
    peer.failuresInRow += 1;
    peer.lastError = outcome.detail;
    const capMs = peer.isConfigured
      ? configuredRetryMaxMs
      : learntRetryMaxRefreshes * this.#options.refreshMs;
    peer.dueMonoMs = monoMs + this.#jittered(retryAfterMs(peer.failuresInRow, capMs));
    return { peer, turned: wasFailing ? undefined : 'failing' };
  }

  /** @returns Whether it is new and has room. */
  learn(url: string, monoMs: number): boolean {
    if (this.#peers.has(url)) return false;
    if (this.#peers.size >= this.#options.maxCount) {
      this.#refusedCount += 1;
      return false;
    }
    this.#peers.set(url, newPeer(url, false, monoMs));
    return true;
  }

  /** Forgets and returns the learnt ones that no list leads to any more. */
  forgetUnlisted(listed: ReadonlySet<string>): readonly string[] {
    const gone = [...this.#peers.values()].filter(
      ({ url, isConfigured }) => !isConfigured && !listed.has(url),
    );
    for (const { url } of gone) this.#peers.delete(url);
    return gone.map(({ url }) => url);
  }

  views(listedCountOf: (url: string) => number, monoMs: number): readonly HttpPeerView[] {
    return [...this.#peers.values()]
      .sort((a, b) => compareText(a.url, b.url))
      .map(peer => ({ ...viewOf(peer, monoMs), listed: listedCountOf(peer.url) }));
  }

  /** Between three quarters and the whole: agents that start together do not ask together for ever. */
  #jittered(ms: number): number {
    return ms * (0.75 + 0.25 * this.#random.next());
  }
}

function newPeer(url: string, isConfigured: boolean, dueMonoMs: number): HttpPeer {
  return {
    url,
    isConfigured,
    isBusy: false,
    dueMonoMs,
    hasAnswered: false,
    lastAnswerMonoMs: undefined,
    failuresCount: 0,
    failuresInRow: 0,
    lastError: undefined,
  };
}

function viewOf(peer: HttpPeer, monoMs: number): Omit<HttpPeerView, 'listed'> {
  const { lastAnswerMonoMs, lastError } = peer;
  return {
    url: peer.url,
    state: peer.failuresInRow > 0 ? 'failing' : peer.hasAnswered ? 'answering' : 'contacting',
    isConfigured: peer.isConfigured,
    ...(lastAnswerMonoMs === undefined ? {} : { lastAnswerMs: Math.round(monoMs - lastAnswerMonoMs) }),
    failures: peer.failuresCount,
    failuresInRow: peer.failuresInRow,
    ...(peer.isBusy ? {} : { nextTryInMs: Math.max(0, Math.round(peer.dueMonoMs - monoMs)) }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
