/** What was reached in a run: faults, rare branches of the protocol, and reasons for which something was refused. */
export class Coverage {
  readonly #counts = new Map<string, number>();

  note(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** What a swarm of runs together must have reached: everything else would be tested in name only. */
export const mustBeReached: readonly string[] = [];

export function missing(happened: Readonly<Record<string, number>>): readonly string[] {
  return mustBeReached.filter(name => (happened[name] ?? 0) === 0);
}
