/** An outbox with a store that can be stopped half-way, a clock that is set by hand, and a new process when asked. */
import type { Effect } from '../../../../src/core/effects.ts';
import type { DeliveryOutcome, DeliveryRequest } from '../../../../src/core/outbox/delivery.ts';
import { Outbox } from '../../../../src/core/outbox/outbox.ts';
import type { OutboxSettings } from '../../../../src/core/outbox/settings.ts';
import { linkOf } from '../../../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';
import { MemoryStore } from '../../../../src/store/memory-store.ts';
import { at } from '../../../record-builder.ts';

export type Deliver = Extract<Effect, { readonly type: 'deliver' }>;
type Persist = Extract<Effect, { readonly type: 'persist' }>;

export const receiver = 'http:http://10.0.0.9:8080';

export function request(fields: Partial<DeliveryRequest> = {}): DeliveryRequest {
  const subject = 'subject' in fields ? fields.subject : 'svc';
  return {
    receiver,
    subject,
    priority: 'normal',
    kind: 'registration',
    payload: Uint8Array.of(1, 2, 3),
    expiresAfterMs: 3_600_000,
    digest: `${subject ?? ''}:1`,
    ...fields,
  };
}

export const failure: DeliveryOutcome = { ok: false, isFinal: false, detail: 'connection refused' };

export class OutboxBench {
  store = new MemoryStore();
  outbox: Outbox;
  monoMs = 0;
  problem: 'STORE_FULL' | 'STORE_FAILED' | undefined;
  /** Writes are kept back while this is false. */
  isWriting = true;
  readonly logged: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  readonly #settings: Partial<OutboxSettings>;
  readonly #underWay: Deliver[] = [];
  #unwritten: Persist[] = [];

  constructor(settings: Partial<OutboxSettings> = {}) {
    this.#settings = settings;
    this.outbox = this.#make();
  }

  /** Deliveries under way, in the order in which they began. */
  get underWay(): readonly Deliver[] {
    return this.#underWay;
  }

  get digests(): readonly string[] {
    return this.#underWay.map(({ digest }) => digest);
  }

  get view() {
    return this.outbox.views(at(this.monoMs));
  }

  /** `undefined` when accepted, else the code of the refusal. */
  enqueue(fields: Partial<DeliveryRequest> = {}): string | undefined {
    const enqueued = this.outbox.enqueue(request(fields), at(this.monoMs));
    if (!enqueued.ok) return enqueued.refusal.code;
    this.run(enqueued.effects);
    return undefined;
  }

  /** The delivery that has been under way longest ends like this. */
  settle(outcome: DeliveryOutcome = { ok: true }, latencyMs = 10): Deliver {
    const deliver = this.#underWay.shift();
    if (deliver === undefined) throw new RangeError('nothing is under way');
    this.run(this.outbox.settled(deliver.id, outcome, latencyMs, at(this.monoMs)));
    return deliver;
  }

  /** Delivers everything that is due now. @returns Digests in order. */
  drain(): readonly string[] {
    const taken: string[] = [];
    while (this.#underWay.length > 0) taken.push(this.settle().digest);
    return taken;
  }

  forget(receiver: string): void {
    this.run(this.outbox.forget(receiver, at(this.monoMs)));
  }

  advance(ms: number): void {
    this.monoMs += ms;
    this.run(this.outbox.tick(at(this.monoMs)));
  }

  /** What was kept back becomes durable. */
  write(): void {
    for (const effect of this.#unwritten.splice(0)) this.#write(effect);
  }

  /** The process is gone, and another one starts: what was not written is lost. */
  async restart(): Promise<void> {
    this.#unwritten = [];
    this.#underWay.length = 0;
    this.outbox = this.#make();
    const { outbox } = await this.store.load();
    this.run(this.outbox.restore(outbox, at(this.monoMs)));
    this.run(this.outbox.tick(at(this.monoMs)));
  }

  run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'deliver') this.#underWay.push(effect);
      if (effect.type === 'log') this.logged.push([effect.event, effect.fields]);
      if (effect.type === 'written')
        this.run(this.outbox.written(effect.receiver, effect.sequence, at(this.monoMs)));
      if (effect.type !== 'persist') continue;
      if (this.isWriting) this.#write(effect);
      else this.#unwritten.push(effect);
    }
  }

  #write(effect: Persist): void {
    // Synchronous up to its end, whatever its type says.
    this.store.write(effect.operations);
    this.run(effect.then);
  }

  #make(): Outbox {
    return new Outbox(this.#settings, {
      random: seededRandom(7),
      linkOf,
      storeProblem: () => this.problem,
    });
  }
}
