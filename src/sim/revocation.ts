/**
 * A member is shut out in the middle of a bad minute: who still deals with it, and for how long.
 *
 * The list is handed to one agent. What is measured is the time until nobody of the others has a link to the
 * revoked member, takes its datagrams, or lists what it says; and who is out of reach at first hears of it
 * later. In the end all the others have to hold the same table, without the revoked one.
 */
import type { ProtocolSettings } from '../core/protocol.ts';
import type { SimAgent } from './agent.ts';
import { SimAuthority } from './authority.ts';
import { disagreements } from './checkers.ts';
import type { Fault, Plan } from './plan.ts';
import { World } from './world.ts';

export interface RevocationOptions {
  readonly seed: number;
  readonly agentsCount: number;
  /** Certificates are valid so long, ms. */
  readonly lifetimeMs: number;
  /** From joining to the revocation, ms. */
  readonly beforeMs: number;
  /** Under way when the list is handed over; times count from that moment. */
  readonly faults?: readonly Fault[];
  readonly settings?: Partial<ProtocolSettings>;
}

export interface RevocationResult {
  /** From the list until nobody who can be reached deals with the revoked member, ms; `undefined`: they still did after a minute. */
  readonly effectiveAfterMs: number | undefined;
  /** From the end of the faults until everybody agreed, ms. */
  readonly agreedAfterMs: number | undefined;
  /** What is wrong in the end. */
  readonly complaints: readonly string[];
  /** Members that renewed their certificate at least once. */
  readonly renewedCount: number;
}

const joinMaxMs = 60_000;
const effectMaxMs = 60_000;
const agreeMaxMs = 90_000;
const fineMs = 10;
const coarseMs = 500;
/** Hands the list on, and renews. */
const issuerPlace = 1;

export async function runRevocation(options: RevocationOptions): Promise<RevocationResult> {
  const { seed, lifetimeMs, beforeMs, faults = [] } = options;
  const world = new World(planOf(options), {
    witness: { input: () => {} },
    handlers: { onAnswer: () => {}, onConfirmed: () => {} },
    authority: keys => new SimAuthority({ seed, lifetimeMs, issuer: issuerPlace }, { keys }),
  });
  const { scheduler, agents } = world;
  const authority = world.authority as SimAuthority;
  for (const agent of agents) await agent.start();
  await until(world, joinMaxMs, coarseMs, () => disagreements(agents).length === 0);
  const first = new Map(agents.map(agent => [agent, authority.certificateOf(agent)]));
  const revoked = agents.at(-1) as SimAgent;
  const honest = agents.filter(agent => agent !== revoked);
  await register(world, revoked);
  await scheduler.run(world.nowMs + beforeMs);

  for (const fault of faults) await world.begin({ ...fault, atMs: world.nowMs });
  await scheduler.run(world.nowMs + 1);
  const reached = honest.filter(agent => agent.isUp && isReachable(faults, agent));
  const issuer = world.agent(issuerPlace);
  const list = authority.revoke({ serials: [authority.serialOf(revoked)] }, issuer.machine.wallMs);
  issuer.process?.driver.publishRevocations(list);
  const isShutOut = () => reached.every(agent => dealings(agent, revoked).length === 0);
  const effectiveAfterMs = await until(world, effectMaxMs, fineMs, isShutOut);

  await scheduler.run(world.nowMs + Math.max(0, ...faults.map(({ forMs }) => forMs)) + 1_000);
  const isOver = () => complaintsAbout(honest, revoked).length === 0;
  const agreedAfterMs = await until(world, agreeMaxMs, coarseMs, isOver);
  return {
    effectiveAfterMs,
    agreedAfterMs,
    complaints: complaintsAbout(honest, revoked),
    renewedCount: honest.filter(agent => first.get(agent) !== authority.certificateOf(agent)).length,
  };
}

function planOf({ seed, agentsCount, settings = {} }: RevocationOptions): Plan {
  return {
    seed,
    agentsCount,
    attackers: [],
    predecessorsCount: 0,
    realSignatures: false,
    syncs: true,
    settings,
    endMs: 0,
    happenings: [],
  };
}

async function register({ scheduler }: World, agent: SimAgent): Promise<void> {
  void agent.register(serviceOf(agent), 8_000);
  await scheduler.run(scheduler.nowMs + 2_000);
}

function serviceOf({ place }: SimAgent): string {
  return `service-of-${place}`;
}

/** Whether what the issuer says can reach an agent while the faults last. */
function isReachable(faults: readonly Fault[], { place }: SimAgent): boolean {
  return faults.every(fault => {
    if (fault.type === 'partition') return fault.side.includes(place) === fault.side.includes(issuerPlace);
    return fault.type !== 'pause' || fault.agent !== place;
  });
}

/** In which ways an agent still deals with one that was revoked. */
function dealings({ id, process, protocol }: SimAgent, revoked: SimAgent): readonly string[] {
  const { table, detector, links } = protocol;
  const wallMs = process?.clock.now().wallMs ?? 0;
  const ways = [
    [links.has(revoked.peer), 'has a link to it'],
    [protocol.isMember(revoked.peer, wallMs), 'takes its datagrams'],
    [table.listing.get(revoked.id) !== undefined, 'lists it'],
    [table.listing.get(serviceOf(revoked)) !== undefined, 'lists its service'],
    [table.ledger.subjectsOf(revoked.peer).size > 0, 'holds what it said'],
    [detector.member(revoked.peer) !== undefined, 'probes it'],
  ] as const;
  return ways.filter(([is]) => is).map(([, way]) => `${id} ${way}`);
}

function complaintsAbout(honest: readonly SimAgent[], revoked: SimAgent): readonly string[] {
  return [
    ...disagreements(honest),
    ...honest.filter(({ isUp }) => isUp).flatMap(agent => dealings(agent, revoked)),
  ];
}

/** @returns How long it took, ms; `undefined` when it did not come true in time. */
async function until(
  { scheduler }: World,
  maxMs: number,
  everyMs: number,
  isTrue: () => boolean,
): Promise<number | undefined> {
  const startMs = scheduler.nowMs;
  for (;;) {
    if (isTrue()) return scheduler.nowMs - startMs;
    if (scheduler.nowMs - startMs >= maxMs) return undefined;
    await scheduler.run(scheduler.nowMs + everyMs);
  }
}
