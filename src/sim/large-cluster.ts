/**
 * Many agents in a calm network, of which a few are always being restarted: what one costs when there are many.
 *
 * Not a bad day: invariants look at everybody each second and would cost more than what is measured here. In the
 * end everybody has to agree all the same.
 */
import type { ProtocolSettings } from '../core/protocol.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { type Recording, RecordingHub, ReplayingHub } from './alone.ts';
import { disagreements, notAlive } from './checkers.ts';
import type { CreateHub, Place } from './network.ts';
import type { Happening, Plan } from './plan.ts';
import { World } from './world.ts';

export interface LargeClusterOptions {
  readonly seed: number;
  readonly agentsCount: number;
  /** Virtual minutes of churn after everybody has joined. */
  readonly minutes: number;
  /** Share of all agents that crash or stop in a minute, and start again; 0 to 1. */
  readonly churnShare: number;
  readonly settings?: Partial<ProtocolSettings>;
  /**
   * Agents that are never restarted and are recorded, each to be run alone: see `alone.ts`. With any, signatures are
   * real ones, which are most of what an agent has to do. Default 0.
   */
  readonly recordedCount?: number;
  /** Hears of what goes on, for whoever waits. */
  readonly onPhase?: (ended: 'join' | 'churn' | 'settling', virtualMs: number) => void;
}

export interface LargeClusterResult {
  /** Virtual time from the first start until everybody agreed for the first time, ms; `undefined`: never. */
  readonly joinedAfterMs: number | undefined;
  /** From the last restart until everybody agreed, ms. */
  readonly agreedAfterMs: number | undefined;
  /** Of one agent, from when it is quiet after joining to the end of the churn. */
  readonly bytesPerSecond: number;
  readonly datagramsPerSecond: number;
  readonly restartsCount: number;
  /** Of the whole process, by whoever measures it; 0 with none. */
  readonly joinCpuMs: number;
  readonly cpuMsPerAgentMinute: number;
}

/** Agents of one run; the options and the seed tell who they were. */
export interface Recordings {
  readonly options: LargeClusterOptions;
  /** When churn began, virtual. */
  readonly beginMs: number;
  readonly recordings: readonly Recording[];
}

export interface LargeClusterComponents {
  /** What the process has used so far, ms. */
  readonly cpuMs?: () => number;
  /** At the end of the churn. */
  readonly onRecorded?: (recordings: Recordings) => void;
}

const joinMaxMs = 120_000;
/** Between joining and what is measured: news of the last one has gone round, and first rounds of probes are over. */
const quietMs = 30_000;
const agreeMaxMs = 120_000;
const checkEveryMs = 1_000;
const startEveryMs = 5;
const downMs = 10_000;

export async function runLargeCluster(
  options: LargeClusterOptions,
  { cpuMs = () => 0, onRecorded = () => {} }: LargeClusterComponents = {},
): Promise<LargeClusterResult> {
  const { agentsCount, minutes, onPhase } = options;
  const restarts = drawRestarts(options);
  const places = undisturbed(options, restarts);
  let hub: RecordingHub | undefined;
  const world = worldOf(options, (...parts) => {
    hub = new RecordingHub(places, ...parts);
    return hub;
  });
  const { scheduler, agents } = world;
  const startCpuMs = cpuMs();
  for (const agent of agents) {
    await agent.start();
    await scheduler.run(scheduler.nowMs + startEveryMs);
  }
  const joinedAfterMs = await untilAgreed(world, joinMaxMs);
  onPhase?.('join', world.nowMs);
  const joinCpuMs = cpuMs() - startCpuMs;
  await scheduler.run(world.nowMs + quietMs);
  const before = traffic(world);
  const beginMs = world.nowMs;
  const beginCpuMs = cpuMs();
  for (const restart of restarts) {
    await scheduler.run(beginMs + restart.atMs);
    await world.begin(restart);
  }
  await scheduler.run(beginMs + minutes * 60_000);
  onPhase?.('churn', world.nowMs);
  const after = traffic(world);
  const agentSeconds = agentsCount * minutes * 60;
  const churnCpuMs = cpuMs() - beginCpuMs;
  onRecorded({ options, beginMs, recordings: hub?.recordings ?? [] });
  await scheduler.run(world.nowMs + 2 * downMs);
  const agreedAfterMs = await untilAgreed(world, agreeMaxMs);
  onPhase?.('settling', world.nowMs);
  return {
    joinedAfterMs: joinedAfterMs === undefined ? undefined : beginMs - quietMs,
    agreedAfterMs,
    bytesPerSecond: (after.bytes - before.bytes) / agentSeconds,
    datagramsPerSecond: (after.datagrams - before.datagrams) / agentSeconds,
    restartsCount: restarts.length,
    joinCpuMs,
    cpuMsPerAgentMinute: churnCpuMs / agentsCount / minutes,
  };
}

/**
 * One of them once more, with nobody around it.
 *
 * @returns What it cost during the churn, ms of processor a minute.
 * @throws Error when it did not do what it did among the others.
 */
export async function runAlone(
  { options, beginMs }: Omit<Recordings, 'recordings'>,
  recording: Recording,
  { cpuMs }: { readonly cpuMs: () => number },
): Promise<number> {
  let hub: ReplayingHub | undefined;
  const world = worldOf(options, (...parts) => {
    hub = new ReplayingHub(recording, ...parts);
    return hub;
  });
  await world.scheduler.run((recording.place - 1) * startEveryMs);
  await world.agent(recording.place).start();
  hub?.begin();
  await world.scheduler.run(beginMs);
  const beginCpuMs = cpuMs();
  await world.scheduler.run(beginMs + options.minutes * 60_000);
  const churnCpuMs = cpuMs() - beginCpuMs;
  if (hub?.hasSaidTheSame !== true) throw new Error(`agent ${recording.place} did something else when alone`);
  return churnCpuMs / options.minutes;
}

function worldOf(options: LargeClusterOptions, createHub: CreateHub): World {
  return new World(planOf(options), {
    witness: { input: () => {} },
    handlers: { onAnswer: () => {}, onConfirmed: () => {} },
    createHub,
  });
}

function planOf({ seed, agentsCount, minutes, settings = {}, recordedCount = 0 }: LargeClusterOptions): Plan {
  return {
    seed,
    agentsCount,
    attackers: [],
    predecessorsCount: 0,
    realSignatures: recordedCount > 0,
    syncs: false,
    settings,
    endMs: minutes * 60_000,
    happenings: [],
  };
}

/** Spread evenly; half of them crash, half stop in good order. The first two are everybody's seeds, and stay. */
function drawRestarts({ seed, agentsCount, minutes, churnShare }: LargeClusterOptions) {
  const random = seededRandom(seed, 'churn');
  const count = Math.round(agentsCount * churnShare * minutes);
  return Array.from({ length: count }, (_, index) => ({
    type: index % 2 === 0 ? ('crash' as const) : ('stop' as const),
    atMs: Math.round(((index + random.next()) / count) * minutes * 60_000),
    agent: 3 + Math.floor(random.next() * (agentsCount - 2)),
    forMs: downMs,
  })) satisfies readonly Happening[];
}

/** Spread over those that are neither seeds nor restarted. */
function undisturbed(
  { agentsCount, recordedCount = 0 }: LargeClusterOptions,
  restarts: readonly { readonly agent: Place }[],
): readonly Place[] {
  if (recordedCount === 0) return [];
  const restarted = new Set(restarts.map(({ agent }) => agent));
  const places: Place[] = [];
  for (let place = 3; place <= agentsCount; place++) if (!restarted.has(place)) places.push(place);
  return places.filter((_, index) => index % Math.ceil(places.length / recordedCount) === 0);
}

/** @returns How long it took, ms; `undefined` when they did not agree in time. */
async function untilAgreed({ scheduler, agents }: World, maxMs: number): Promise<number | undefined> {
  const startMs = scheduler.nowMs;
  for (;;) {
    if (isAgreed(agents)) return scheduler.nowMs - startMs;
    if (scheduler.nowMs - startMs >= maxMs) return undefined;
    await scheduler.run(scheduler.nowMs + checkEveryMs);
  }
}

/** The cheap questions first: among a thousand the dear ones take seconds. */
function isAgreed(agents: World['agents']): boolean {
  const roots = new Set(agents.map(agent => (agent.isUp ? agent.protocol.tree.root(0).root : 'down')));
  return roots.size === 1 && notAlive(agents).length === 0 && disagreements(agents).length === 0;
}

function traffic({ hub, agents }: World): { readonly bytes: number; readonly datagrams: number } {
  let bytes = 0;
  let datagrams = 0;
  for (const { place } of agents) {
    const sent = hub.traffic(place);
    bytes += sent.datagramBytes + sent.streamBytes;
    datagrams += sent.datagrams;
  }
  return { bytes, datagrams };
}
