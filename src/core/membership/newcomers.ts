/**
 * How many keys become members: whoever makes keys up by the thousand must not have us probe them all.
 *
 * A record of a key that is not met is kept like any other, so tables stay equal, but the key is neither probed nor
 * dialled and counts as gone. Now and then it is looked whether there is room for it. The address is the one that
 * the newcomer names: it need not be true, which is why there are a total and a rate besides.
 */
import { RateLimit } from '../gossip/rate-limit.ts';

export interface NewcomerSettings {
  readonly membersMaxCount: number;
  /** With the same host in their probe addresses. */
  readonly membersPerHostMaxCount: number;
  /** Keys met for the first time, a second. */
  readonly newMembersPerSecond: number;
}

export const defaultNewcomerSettings: NewcomerSettings = {
  membersMaxCount: 4_096, // Derived: four times the largest cluster that this is made for.
  membersPerHostMaxCount: 128, // Guess: twice as many agents as a laptop runs for a test.
  newMembersPerSecond: 20, // Guess: a large deployment brings them no faster.
};

export class Newcomers {
  readonly #settings: NewcomerSettings;
  readonly #rate: RateLimit;
  /** Since they were last counted: never too few, so only a full host has to be counted again. */
  readonly #counts = new Map<string, number>();
  #refusedCount = 0;
  #hasRefused = false;

  constructor(settings: Partial<NewcomerSettings> = {}) {
    this.#settings = { ...defaultNewcomerSettings, ...settings };
    const { newMembersPerSecond: perSecond, membersMaxCount } = this.#settings;
    // Whoever joins a cluster meets all of it at once.
    this.#rate = new RateLimit({ perSecond, burstCount: membersMaxCount, bucketsMaxCount: 1 });
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Whether anybody was refused since this was asked last. */
  takeRefused(): boolean {
    const had = this.#hasRefused;
    this.#hasRefused = false;
    return had;
  }

  /** Whether there is room for one more, among these. */
  admits(
    probe: string,
    members: Iterable<{ readonly address: string }>,
    membersCount: number,
    monoMs: number,
  ): boolean {
    const { membersMaxCount, membersPerHostMaxCount } = this.#settings;
    const host = hostOf(probe);
    if ((this.#counts.get(host) ?? 0) >= membersPerHostMaxCount || this.#counts.size > membersMaxCount)
      this.#count(members);
    const sameHostCount = this.#counts.get(host) ?? 0;
    const hasRoom = membersCount < membersMaxCount && sameHostCount < membersPerHostMaxCount;
    if (hasRoom && this.#rate.take('', monoMs)) {
      this.#counts.set(host, sameHostCount + 1);
      return true;
    }
    this.#refusedCount += 1;
    this.#hasRefused = true;
    return false;
  }

  #count(members: Iterable<{ readonly address: string }>): void {
    this.#counts.clear();
    for (const { address } of members) {
      const host = hostOf(address);
      this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
    }
  }
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
