/**
 * Makes a plan that breaks an invariant as short as it can, so that a person can read it.
 *
 * First delta debugging over what happens: halves, then quarters, and so on are left out, as long as the same
 * invariant still breaks (Zeller, Hildebrandt; 2002). Then faults get shorter, the end comes earlier, and
 * agents that nothing befalls go. Leaving out one happening after the other would do as well, and take a run
 * for each of hundreds. A shorter plan may break the invariant for another reason; it is a bug all the same.
 */
import { type Happening, isFault, type Plan } from './plan.ts';

/** Names of the invariants that a plan breaks, as `R5`; none if it passes. */
export type TryPlan = (plan: Plan) => Promise<readonly string[]>;

export interface ShrinkOptions {
  readonly plan: Plan;
  /** What has to break still. */
  readonly invariant: string;
  readonly runsMaxCount: number;
  /** Asked before each run: whether it takes too long. */
  readonly isLate: () => boolean;
}

export interface Shrunk {
  readonly plan: Plan;
  readonly runsCount: number;
  /** Nothing more could be left out; otherwise runs or time were used up. */
  readonly isMinimal: boolean;
}

/** No fault is made shorter than this, ms. */
const forMinMs = 300;
const agentsMinCount = 2;
/** From the last happening to the end of the plan at least, ms. */
const restMs = 1_000;

export async function shrink(options: ShrinkOptions, tryPlan: TryPlan): Promise<Shrunk> {
  return new Shrinker(options, tryPlan).run();
}

class Shrinker {
  readonly #options: ShrinkOptions;
  readonly #tryPlan: TryPlan;
  #plan: Plan;
  #runsCount = 0;

  constructor(options: ShrinkOptions, tryPlan: TryPlan) {
    this.#options = options;
    this.#tryPlan = tryPlan;
    this.#plan = options.plan;
  }

  async run(): Promise<Shrunk> {
    let before: Plan;
    do {
      before = this.#plan;
      await this.#leaveOutHappenings();
      await this.#shortenFaults();
      await this.#endEarlier();
      await this.#leaveOutAgents();
    } while (this.#plan !== before && !this.#isOver);
    return { plan: this.#plan, runsCount: this.#runsCount, isMinimal: !this.#isOver };
  }

  get #isOver(): boolean {
    return this.#runsCount >= this.#options.runsMaxCount || this.#options.isLate();
  }

  async #leaveOutHappenings(): Promise<void> {
    let partsCount = 2;
    while (this.#plan.happenings.length > 0 && !this.#isOver) {
      const { happenings } = this.#plan;
      const size = Math.ceil(happenings.length / partsCount);
      let isShorter = false;
      // The last ones first: what comes after the break does not matter, and goes at once.
      for (let from = size * (Math.ceil(happenings.length / size) - 1); from >= 0; from -= size) {
        const kept = this.#plan.happenings.filter(
          each => !happenings.slice(from, from + size).includes(each),
        );
        if (await this.#take({ ...this.#plan, happenings: kept })) isShorter = true;
      }
      if (isShorter) partsCount = Math.max(2, Math.ceil(this.#plan.happenings.length / size));
      else if (size > 1) partsCount = Math.min(happenings.length, partsCount * 2);
      else return;
    }
  }

  async #shortenFaults(): Promise<void> {
    for (let at = 0; at < this.#plan.happenings.length; at++) {
      for (let factor = 8; factor >= 2; factor /= 2) {
        const fault = this.#plan.happenings[at];
        if (fault === undefined || !isFault(fault) || fault.forMs / factor < forMinMs) continue;
        const shorter = { ...fault, forMs: Math.round(fault.forMs / factor) };
        if (await this.#take({ ...this.#plan, happenings: this.#plan.happenings.with(at, shorter) })) break;
      }
    }
  }

  async #endEarlier(): Promise<void> {
    const lastMs = Math.max(0, ...this.#plan.happenings.map(endOf));
    const endMs = lastMs + restMs;
    if (endMs < this.#plan.endMs) await this.#take({ ...this.#plan, endMs });
  }

  /** The last ones, for places are numbers; whoever is in none of the happenings. */
  async #leaveOutAgents(): Promise<void> {
    const neededCount = Math.max(agentsMinCount, ...this.#plan.happenings.flatMap(placesOf));
    for (let count = neededCount; count < this.#plan.agentsCount; ) {
      if (await this.#take(withAgents(this.#plan, count))) return;
      count = Math.ceil((count + this.#plan.agentsCount) / 2);
      if (count === this.#plan.agentsCount) return;
    }
  }

  /** @returns Whether it breaks the same, and is the plan from now on. */
  async #take(plan: Plan): Promise<boolean> {
    if (this.#isOver) return false;
    this.#runsCount += 1;
    const broken = await this.#tryPlan(plan);
    if (!broken.includes(this.#options.invariant)) return false;
    this.#plan = plan;
    return true;
  }
}

function withAgents(plan: Plan, agentsCount: number): Plan {
  return { ...plan, agentsCount, attackers: plan.attackers.filter(place => place <= agentsCount) };
}

function endOf(happening: Happening): number {
  return happening.atMs + (isFault(happening) ? happening.forMs : 0);
}

/** Whom it names; the others of a partition are not named. */
function placesOf(happening: Happening): readonly number[] {
  switch (happening.type) {
    case 'power loss':
      return happening.agents;
    case 'partition':
      return happening.side;
    case 'one-way':
      return [...happening.from, ...happening.to];
    case 'weather':
      return happening.agents ?? [];
    default:
      return 'agent' in happening ? [happening.agent] : [];
  }
}
