/** Who has been in trouble, and until when: what excuses a verdict that would else be a mistake. */
import type { Fault } from './plan.ts';
import type { Scheduler } from './scheduler.ts';

/** What lies about others, and what does not touch agents or the network, excuses nothing. */
const harmless: ReadonlySet<Fault['type']> = new Set<Fault['type']>([
  'attack',
  'illness',
  'receiver away',
  'answers lost',
  'predecessor gone',
]);

export class TroubleLog {
  readonly #scheduler: Scheduler;
  readonly #open = new Set<Fault>();
  readonly #agentUntilMs = new Map<number, number>();
  #networkUntilMs = 0;

  constructor(components: { readonly scheduler: Scheduler }) {
    this.#scheduler = components.scheduler;
  }

  begin(fault: Fault): void {
    this.#open.add(fault);
    this.#note(fault);
  }

  end(fault: Fault): void {
    this.#open.delete(fault);
    this.#note(fault);
  }

  /** How long the network has been whole, and nobody's packets were held up, ms. */
  get networkCalmMs(): number {
    return [...this.#open].some(isOfNetwork) ? 0 : this.#scheduler.nowMs - this.#networkUntilMs;
  }

  /** How long an agent has run undisturbed, ms. */
  agentCalmMs(place: number): number {
    if ([...this.#open].some(fault => placesOf(fault).includes(place))) return 0;
    return this.#scheduler.nowMs - (this.#agentUntilMs.get(place) ?? 0);
  }

  /** Everything has been quiet for so long, ms. */
  calmMs(places: Iterable<number>): number {
    let calmMs = this.networkCalmMs;
    for (const place of places) calmMs = Math.min(calmMs, this.agentCalmMs(place));
    return calmMs;
  }

  #note(fault: Fault): void {
    const { nowMs } = this.#scheduler;
    if (isOfNetwork(fault)) this.#networkUntilMs = nowMs;
    for (const place of placesOf(fault)) this.#agentUntilMs.set(place, nowMs);
  }
}

function isOfNetwork({ type }: Fault): boolean {
  return type === 'partition' || type === 'one-way' || type === 'weather';
}

function placesOf(fault: Fault): readonly number[] {
  if ('agent' in fault && !harmless.has(fault.type)) return [fault.agent];
  return fault.type === 'power loss' ? fault.agents : [];
}
