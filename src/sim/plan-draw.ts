/**
 * Draws a plan from a seed.
 *
 * Each seed takes some kinds of faults and leaves out others, and has its own pace: what is always there at
 * once hides what only shows alone. Source: Groce et al., "Swarm Testing" (2012).
 */
import { checkFailures } from '../core/backends/outcome.ts';
import type { ProtocolSettings } from '../core/protocol.ts';
import { drawn, type Random, randomIndex } from '../core/random.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { attackKinds, type Fault, type Happening, type Plan, receivers, type Work } from './plan.ts';

export interface DrawOptions {
  readonly seed: number;
  /** Absent: 3 to 50, more often few. */
  readonly agentsCount?: number;
  /** Virtual minutes of faults; absent: half a minute to two. */
  readonly minutes?: number;
  readonly predecessorsCount?: number;
  readonly settings?: Partial<ProtocolSettings>;
  /** Only these kinds; absent: about half of all. */
  readonly faults?: readonly Fault['type'][];
  /** Longest fault, ms; absent: 40 s. */
  readonly faultMaxMs?: number;
  /** Of one in twenty seeds when absent. */
  readonly realSignatures?: boolean;
}

/** When everybody has started and met. */
export const joinedMs = 5_000;
/** The last fault has ended so long before the end of the plan. */
const restMs = 1_000;

export const faultTypes = [
  'crash',
  'stop',
  'power loss',
  'wipe',
  'rot',
  'pause',
  'starve',
  'disk',
  'clock',
  'partition',
  'one-way',
  'weather',
  'attack',
  'illness',
  'receiver away',
  'answers lost',
  'predecessor gone',
] as const satisfies readonly Fault['type'][];

/** Bounds that a simulation of minutes can meet. */
const smallSettings: Partial<ProtocolSettings> = {
  outbox: { entriesMaxCount: 40, deadLettersMaxCount: 10_000, stuckAfterMs: 30_000 },
};
const shortRetentionMs = 120_000;
const realSignaturesMaxCount = 12;
/** Where disks are lost again and again, hardly anything else can be seen. */
const wipeShare = 0.2;

export function drawPlan(options: DrawOptions): Plan {
  const random = seededRandom(options.seed, 'plan');
  const agentsCount = options.agentsCount ?? Math.round(3 * (50 / 3) ** (random.next() ** 1.5));
  const durationMs = 60_000 * (options.minutes ?? 0.5 * 4 ** random.next());
  const endMs = joinedMs + durationMs;
  const types =
    options.faults ?? faultTypes.filter(type => random.next() < (type === 'wipe' ? wipeShare : 0.5));
  // One in six, so that the others can always outvote and outlive them.
  const attackersCount = types.includes('attack') ? Math.max(1, Math.floor(agentsCount / 6)) : 0;
  const everybody = Array.from({ length: agentsCount }, (_, i) => i + 1);
  const attackers = agentsCount < 4 ? [] : drawn(random, everybody.slice(2), attackersCount);
  const predecessorsCount =
    options.predecessorsCount ?? (random.next() < 0.2 ? 1 + randomIndex(random, 3) : 0);
  const scene: Scene = {
    random,
    everybody,
    honest: everybody.filter(agent => !attackers.includes(agent)),
    attackers,
    predecessorsCount,
    endMs,
    faultMaxMs: options.faultMaxMs ?? 40_000,
  };
  const workEveryMs = between(random, 300, 3_000);
  const faultEveryMs = between(random, 1_500, 15_000);
  const happenings = [
    ...times(random, workEveryMs, endMs).flatMap(atMs => at(atMs, drawWork(scene))),
    ...times(random, faultEveryMs, endMs - restMs).flatMap(atMs =>
      at(
        atMs,
        drawFault(types[randomIndex(random, Math.max(1, types.length))], scene, endMs - restMs - atMs),
      ),
    ),
  ].sort((a, b) => a.atMs - b.atMs);
  // Few agents: most of the time would go into signatures else.
  const realSignatures =
    options.realSignatures ?? (random.next() < 0.05 && agentsCount <= realSignaturesMaxCount);
  const syncs = random.next() < 0.5;
  // What a predecessor still lists would be taken for new once its departure is forgotten.
  const isForgetful = random.next() < 0.2 && predecessorsCount === 0;
  return {
    seed: options.seed,
    agentsCount,
    attackers,
    predecessorsCount,
    realSignatures,
    syncs,
    settings: {
      ...smallSettings,
      ...(isForgetful ? { table: { tombstoneRetentionMs: shortRetentionMs } } : {}),
      ...options.settings,
    },
    endMs,
    happenings: isForgetful ? happenings.map(hardlyAhead) : happenings,
  };
}

/** Whoever takes itself to have been away for half the life of a tombstone drops its table, as it should. */
function hardlyAhead<What extends Happening>(what: What): What {
  if (what.type !== 'clock') return what;
  return { ...what, byMs: Math.min(what.byMs, shortRetentionMs / 20) };
}

interface Scene {
  readonly random: Random;
  readonly everybody: readonly number[];
  readonly honest: readonly number[];
  readonly attackers: readonly number[];
  readonly predecessorsCount: number;
  readonly endMs: number;
  readonly faultMaxMs: number;
}

function drawWork({ random, honest, predecessorsCount }: Scene): Work {
  const agent = pick(random, honest);
  const own = `own-${agent}-${randomIndex(random, 4)}`;
  // Few ids that all use, so that agents get into each other's way.
  const shared = `service-${randomIndex(random, honest.length)}`;
  const service = random.next() < 0.6 ? own : shared;
  const port = 8_000 + randomIndex(random, 1_000);
  const dice = random.next();
  if (dice < 0.45) return { type: 'register', agent, service, port };
  if (dice < 0.65) return { type: 'deregister', agent, service };
  if (dice < 0.7) {
    return {
      type: 'confirm',
      agent,
      service: `sure-of-${agent}-${randomIndex(random, 3)}`,
      port,
      wanted: random.next() < 0.5 ? 'majority' : 'all',
      timeoutMs: between(random, 500, 2_500),
      rollback: random.next() < 0.5,
    };
  }
  if (dice < 0.75) {
    const host = pick(random, honest);
    if (host !== agent) return { type: 'meddle', agent, service: `own-${host}-0` };
  }
  if (dice < 0.78 && predecessorsCount > 0) {
    const predecessor = 1 + randomIndex(random, predecessorsCount);
    return { type: 'predecessor changed', predecessor, port: 9_000 + randomIndex(random, 10) };
  }
  return {
    type: 'enqueue',
    agent,
    receiver: randomIndex(random, receivers.length),
    subject: randomIndex(random, 12),
    priority: randomIndex(random, 3),
    expiresAfterMs: pick(random, [20_000, 120_000, 3_600_000]),
  };
}

/** @param maxMs - Nothing lasts longer than the plan. */
function drawFault(type: Fault['type'] | undefined, scene: Scene, maxMs: number): Fault | undefined {
  const { random, everybody, honest, attackers, predecessorsCount } = scene;
  const agent = pick(random, honest);
  const forMs = Math.min(maxMs, between(random, 300, scene.faultMaxMs));
  const some = () => drawn(random, everybody, 1 + randomIndex(random, Math.max(1, everybody.length - 1)));
  switch (type) {
    case undefined:
      return undefined;
    case 'crash':
    case 'stop':
    case 'wipe':
    case 'rot':
      return { type, agent, forMs };
    case 'power loss':
      return { type, agents: random.next() < 0.3 ? everybody : some(), forMs };
    case 'pause':
      return { type, agent, forMs };
    case 'starve':
      return { type, agent, share: between(random, 0.05, 0.7), forMs };
    case 'disk':
      return { type, agent, trouble: pick(random, ['full', 'failing', 'slow'] as const), forMs };
    case 'clock': {
      const sign = random.next() < 0.5 ? -1 : 1;
      // One clock: two that are ahead agree on what nobody else takes in until it is that late.
      const wrong = honest[0] as number;
      return { type, agent: wrong, byMs: sign * between(random, 500, 3_600_000), forMs };
    }
    case 'partition':
      return { type, side: random.next() < 0.3 ? [pick(random, everybody)] : some(), forMs };
    case 'one-way':
      return { type, from: some(), to: some(), forMs };
    case 'weather': {
      const delayMinMs = random.next() * 50;
      return {
        type,
        agents: random.next() < 0.5 ? undefined : some(),
        loss: random.next() ** 2 * 0.4,
        duplicates: random.next() ** 2 * 0.3,
        delayMinMs,
        delayMaxMs: delayMinMs + between(random, 1, 400),
        forMs,
      };
    }
    case 'attack':
      return attackers.length === 0
        ? undefined
        : { type, agent: pick(random, attackers), kind: pick(random, attackKinds), forMs };
    case 'illness':
      return { type, agent, service: randomIndex(random, 4), ailment: pick(random, checkFailures), forMs };
    case 'receiver away':
      return { type, receiver: randomIndex(random, receivers.length), forMs };
    case 'answers lost':
      return { type, share: random.next() * 0.5, forMs };
    case 'predecessor gone':
      return predecessorsCount === 0
        ? undefined
        : { type, predecessor: 1 + randomIndex(random, predecessorsCount), forMs };
  }
}

function at(atMs: number, what: Work | Fault | undefined): readonly Happening[] {
  return what === undefined ? [] : [{ ...what, atMs }];
}

function times(random: Random, everyMs: number, endMs: number): readonly number[] {
  const found: number[] = [];
  for (let atMs = joinedMs; ; ) {
    atMs += 2 * everyMs * random.next();
    if (atMs >= endMs) return found;
    found.push(Math.round(atMs));
  }
}

/** Small ones as often as large ones. */
function between(random: Random, min: number, max: number): number {
  return Number((min * (max / min) ** random.next()).toPrecision(3));
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomIndex(random, items.length)] as T;
}
