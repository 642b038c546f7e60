/**
 * A process that runs for a share of the time only: stopped and continued many times a second.
 *
 * Works without root and for one process alone. A cgroup's quota was the alternative: it needs root, and
 * its two versions are set in different ways.
 */

/** As with the quota of a cgroup. */
const periodMs = 100;

export class CpuThrottle {
  readonly #signal: (signal: 'SIGSTOP' | 'SIGCONT') => void;
  readonly #share: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param share - Above 0, below 1. */
  constructor(share: number, signal: (signal: 'SIGSTOP' | 'SIGCONT') => void) {
    this.#share = share;
    this.#signal = signal;
    this.#pause();
  }

  /** The process runs freely again. Safe to call twice. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#signal('SIGCONT');
  }

  #pause(): void {
    this.#signal('SIGSTOP');
    this.#timer = setTimeout(() => this.#run(), periodMs * (1 - this.#share));
  }

  #run(): void {
    this.#signal('SIGCONT');
    this.#timer = setTimeout(() => this.#pause(), periodMs * this.#share);
  }
}
