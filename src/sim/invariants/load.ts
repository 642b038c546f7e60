/** F7 and R12: what an agent sends when nothing happens, and what an exchange costs. */
import type { Effect } from '../../core/effects.ts';
import type { SimAgent } from '../agent.ts';
import type { Traffic } from '../network.ts';
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

const datagramsPerSecondMax = 8;
const bytesPerSecondMax = 1_500;
const bytesPerRecord = 1_024;
/** News that comes by other ways meanwhile makes an exchange look at more than it brings. */
const bytesAtAll = 65_536;

export class LoadInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;
  #sinceMs = 0;
  #before = new Map<SimAgent, Traffic>();

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  effect(agent: SimAgent, effect: Effect): void {
    if (effect.type !== 'sync-ended' || effect.end.outcome !== 'walked') return;
    const { receivedCount, sentCount, bytes } = effect.end;
    const maxBytes = bytesAtAll + bytesPerRecord * (receivedCount + sentCount);
    if (bytes > maxBytes) {
      const text = `${agent.id} exchanged ${bytes} bytes for ${receivedCount + sentCount} records`;
      this.#report('R12', text);
    }
  }

  /** From now on nothing happens. */
  calm(): void {
    this.#sinceMs = this.#world.nowMs;
    this.#before = new Map(
      this.#world.honest.map(agent => [agent, { ...this.#world.hub.traffic(agent.place) }]),
    );
  }

  end(): void {
    // Who attacks may spoil its own counters: what it says is refused from then on, and it is looked for again and again.
    if (this.#world.plan.happenings.some(({ type }) => type === 'attack')) return;
    const seconds = (this.#world.nowMs - this.#sinceMs) / 1_000;
    // Who is gone is looked for, which costs more.
    const quiet = [...this.#before].filter(([{ protocol }]) =>
      [...protocol.detector.members()].every(({ state }) => state === 'alive'),
    );
    if (quiet.length === 0) return;
    const rate = (count: (traffic: Traffic) => number) =>
      quiet.reduce(
        (sum, [{ place }, before]) => sum + count(this.#world.hub.traffic(place)) - count(before),
        0,
      ) /
      quiet.length /
      seconds;
    const datagrams = rate(traffic => traffic.datagrams);
    const bytes = rate(traffic => traffic.datagramBytes + traffic.streamBytes);
    if (datagrams > datagramsPerSecondMax || bytes > bytesPerSecondMax)
      this.#report('F7', `an agent sends ${datagrams} datagrams and ${Math.round(bytes)} bytes a second`);
  }
}
