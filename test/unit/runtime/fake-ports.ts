/** A world that moves by hand only: time, turns of the loop, and what the store answers. */

import type { CheckOutcome } from '../../../src/core/backends/outcome.ts';
import type { StoreOperation } from '../../../src/core/effects.ts';
import { emptyStoredOutbox } from '../../../src/core/outbox/recovery.ts';
import type { PeerId } from '../../../src/core/record/record.ts';
import type { Standing } from '../../../src/core/reputation/reputation.ts';
import type { Now } from '../../../src/core/time.ts';
import type {
  Clock,
  DialTarget,
  HealthChecker,
  LinkView,
  LocalContact,
  MdnsFinding,
  Network,
  ProbePort,
  Store,
  StoredState,
} from '../../../src/runtime/ports.ts';
import { at } from '../../record-builder.ts';

/** Lets promises that are settled already call back. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

interface Timer {
  readonly dueMonoMs: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #turn: (() => void)[] = [];
  monoMs = 0;

  get timersCount(): number {
    return this.#timers.size;
  }

  /** Callbacks that wait for the next turn. */
  get soonCount(): number {
    return this.#turn.length;
  }

  now(): Now {
    return at(this.monoMs);
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMonoMs: this.monoMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  soon(callback: () => void): void {
    this.#turn.push(callback);
  }

  /** One turn of the loop; what it asks for comes in the next one. */
  turn(): void {
    for (const callback of this.#turn.splice(0)) callback();
  }

  advance(ms: number): void {
    const endMonoMs = this.monoMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMonoMs - b.dueMonoMs);
      if (next === undefined || next.dueMonoMs > endMonoMs) break;
      this.monoMs = next.dueMonoMs;
      this.#timers.delete(next);
      next.callback();
    }
    this.monoMs = endMonoMs;
  }
}

interface PendingWrite {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class FakeStore implements Store {
  /** Every write that was asked for, answered or not. */
  readonly writes: (readonly StoreOperation[])[] = [];
  readonly #pending: PendingWrite[] = [];

  get pendingCount(): number {
    return this.#pending.length;
  }

  load(): Promise<StoredState> {
    return Promise.resolve({
      records: [],
      floors: new Map(),
      clocks: new Map(),
      contacts: [],
      proofs: [],
      reachability: new Map(),
      removals: [],
      outbox: emptyStoredOutbox,
      meta: {},
      damagedRows: 0,
    });
  }

  write(operations: readonly StoreOperation[]): Promise<void> {
    this.writes.push(operations);
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The oldest write under way is durable. */
  async succeed(): Promise<void> {
    this.#oldest().resolve();
    await settled();
  }

  /** The oldest write under way fails. */
  async fail(): Promise<void> {
    this.#oldest().reject(new Error('no space left on device'));
    await settled();
  }

  #oldest(): PendingWrite {
    const write = this.#pending.shift();
    if (write === undefined) throw new RangeError('no write is under way');
    return write;
  }
}

export class FakeNetwork implements Network {
  readonly standings = new Map<PeerId, Standing>();
  readonly published: Uint8Array[] = [];
  readonly sent: { readonly peer: PeerId; readonly frame: Uint8Array }[] = [];
  readonly hungUp: PeerId[] = [];
  readonly pinged: PeerId[] = [];
  readonly lookedUp: PeerId[] = [];
  linked: readonly LinkView[] = [];
  mdnsFindings: readonly MdnsFinding[] | undefined;
  /** What happens when something is dialled; may call the driver back at once. */
  onDial: (target: DialTarget) => void = () => {};

  start(): Promise<LocalContact> {
    return Promise.reject(new TypeError('the driver does not start the network'));
  }

  publish(bytes: Uint8Array): void {
    this.published.push(bytes);
  }

  send(peer: PeerId, frame: Uint8Array): void {
    this.sent.push({ peer, frame });
  }

  dial(target: DialTarget): void {
    this.onDial(target);
  }

  setStanding(peer: PeerId, standing: Standing): void {
    this.standings.set(peer, standing);
  }

  hangUp(peer: PeerId): void {
    this.hungUp.push(peer);
  }

  ping(peer: PeerId): void {
    this.pinged.push(peer);
  }

  lookUp(peer: PeerId): void {
    this.lookedUp.push(peer);
  }

  links(): readonly LinkView[] {
    return this.linked;
  }

  examineMdns(): Promise<readonly MdnsFinding[] | undefined> {
    return Promise.resolve(this.mdnsFindings);
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

export class FakeChecker implements HealthChecker {
  /** Targets that were asked, `host:port`, and who waits for the answer. */
  readonly asked: { readonly target: string; readonly answer: (outcome: CheckOutcome) => void }[] = [];

  check(
    { host, port }: { readonly host: string; readonly port: number },
    answer: (o: CheckOutcome) => void,
  ): void {
    this.asked.push({ target: `${host}:${port}`, answer });
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

export class FakeProbes implements ProbePort {
  /** What went out, from either kind of socket; `asked` names whom a socket of its own was opened for. */
  readonly sent: { readonly address: string; readonly bytes: Uint8Array; readonly asked?: PeerId }[] = [];
  /** What happens when something is sent. */
  onSent: (bytes: Uint8Array) => void = () => {};

  send(address: string, bytes: Uint8Array): void {
    this.sent.push({ address, bytes });
    this.onSent(bytes);
  }

  ask(peer: PeerId, address: string, bytes: Uint8Array): void {
    this.sent.push({ address, bytes, asked: peer });
    this.onSent(bytes);
  }
}
