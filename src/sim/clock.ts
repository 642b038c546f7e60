/** Time as one simulated machine and one process on it see it. */
import type { Now } from '../core/time.ts';
import type { Clock } from '../runtime/ports.ts';
import type { Scheduler } from './scheduler.ts';

/** The wall clock of a machine: outlives its processes, may be wrong, and may jump. */
export class MachineClock {
  readonly #scheduler: Scheduler;
  readonly #wallAtZeroMs: number;
  /** What it is wrong by, ms. */
  offsetMs = 0;

  /** @param options.wallAtZeroMs - When the simulation begins. */
  constructor(options: { readonly wallAtZeroMs: number }, components: { readonly scheduler: Scheduler }) {
    this.#scheduler = components.scheduler;
    this.#wallAtZeroMs = options.wallAtZeroMs;
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  get wallMs(): number {
    return Math.floor(this.#wallAtZeroMs + this.#scheduler.nowMs + this.offsetMs);
  }
}

/** One process; dies with it. While it does not run, timers and arrivals wait. */
export class ProcessClock implements Clock {
  readonly #machine: MachineClock;
  readonly #startedAtMs: number;
  readonly #heldTimers: (() => void)[] = [];
  readonly #heldArrivals: (() => void)[] = [];
  #blockedUntilMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #isCatchingUp = false;

  constructor(components: { readonly machine: MachineClock }) {
    this.#machine = components.machine;
    this.#startedAtMs = components.machine.scheduler.nowMs;
  }

  /** It runs again, and the timers that are due go before what waits in the sockets. */
  get isCatchingUp(): boolean {
    return this.#isCatchingUp;
  }

  now(): Now {
    const { scheduler, wallMs } = this.#machine;
    return { monoMs: scheduler.nowMs - this.#startedAtMs, wallMs };
  }

  after(delayMs: number, callback: () => void): () => void {
    let isCancelled = false;
    const run = () => {
      if (!this.#isStopped && !isCancelled) callback();
    };
    const cancel = this.#machine.scheduler.after(delayMs, () => {
      if (this.#isBlocked) this.#heldTimers.push(run);
      else run();
    });
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** What comes in from outside. */
  arrive(callback: () => void): void {
    if (this.#isStopped) return;
    if (this.#isBlocked) this.#heldArrivals.push(callback);
    else callback();
  }

  /** The process does not run for so long: SIGSTOP, a starved machine, a long collection. */
  block(forMs: number): void {
    const { scheduler } = this.#machine;
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, scheduler.nowMs + forMs);
    scheduler.at(this.#blockedUntilMs, () => this.#goOn());
  }

  /** As `block`, ended early. */
  unblock(): void {
    this.#blockedUntilMs = this.#machine.scheduler.nowMs;
    this.#goOn();
  }

  stop(): void {
    this.#isStopped = true;
  }

  get #isBlocked(): boolean {
    return this.#machine.scheduler.nowMs < this.#blockedUntilMs;
  }

  /** First the timers that are due, as libuv has it, then what has come in. */
  #goOn(): void {
    if (this.#isBlocked) return;
    this.#isCatchingUp = this.#heldArrivals.length > 0;
    for (const held of this.#heldTimers.splice(0)) if (!this.#isStopped) held();
    this.#isCatchingUp = false;
    for (const held of this.#heldArrivals.splice(0)) if (!this.#isStopped) held();
  }
}
