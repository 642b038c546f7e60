/**
 * How soon all agents know that one of them was killed, froze, or left, and whom they wrong meanwhile.
 *
 * What counts is the last agent to learn it, and the time from the fault itself: "everywhere" in a figure
 * means that. An agent that never says so within the deadline makes the figure infinite, not the run fail.
 * Agents here are processes on loopback; what needs a network of its own is in liveness-network.ts.
 */
import { readFileSync } from 'node:fs';
import { type Figure, median, never, spreadMs } from './figures.ts';
import {
  agentsUsualCount,
  type Fleet,
  pairs,
  pause,
  progress,
  type Sighting,
  type State,
  withFleet,
} from './fleet.ts';
import type { BenchOptions } from './options.ts';

const verdictDeadlineMs = 60_000;
const knownDeadlineMs = 20_000;
/** After the last departure: the longest that a suspicion against one who left could take. */
const aftermathMs = 12_000;
const fastProfile = { FIRSTHAND_DETECTOR_PROFILE: 'fast' };

/** `kill -9` one of them, restart it with the same data and address, and so on. */
export function kill({
  agents = agentsUsualCount,
  repetitions = 20,
}: BenchOptions): Promise<readonly Figure[]> {
  return withFleet({ agents }, async fleet => {
    const suspectMs: number[] = [];
    const deadMs: number[] = [];
    const backMs: number[] = [];
    const wronged = new Set<string>();
    let staleLists = 0;
    for (let round = 1; round <= repetitions; round++) {
      await anyPhase();
      const id = fleet.anyone();
      const observers = fleet.others(id);
      const mark = fleet.mark();
      const victim = fleet.expectEnd(id);
      const startedMs = performance.now();
      victim.signal('SIGKILL');
      await fleet.until(() => allSay(fleet, observers, id, 'dead'), verdictDeadlineMs);
      const seen = fleet.since(mark);
      suspectMs.push(lastToSay(seen, observers, id, ['suspect', 'dead']) - startedMs);
      deadMs.push(lastToSay(seen, observers, id, ['dead']) - startedMs);
      staleLists += (await fleet.stillListedBy(id)).length;

      await victim.ended();
      const restartedMs = performance.now();
      await fleet.add(id);
      backMs.push((await fleet.untilAllAlive(`after the restart of ${id}`)) - restartedMs);
      for (const pair of pairs(fleet.since(mark), 'dead', other => other !== id))
        wronged.add(`${round} ${pair}`);
      progress(
        `kill ${round} of ${repetitions}, ${id}: ${text(suspectMs)} to suspect, ${text(deadMs)} to dead, ${text(backMs)} from restart to alive again`,
      );
    }
    return [
      ...spreadMs(`kill: suspected everywhere, ${agents} agents`, suspectMs, { p50: 500, p99: 1_500 }),
      ...spreadMs(`kill: dead everywhere, ${agents} agents`, deadMs, { p50: 2_000, p99: 5_000 }),
      ...spreadMs(`kill: alive everywhere after its restart, ${agents} agents`, backMs, {}),
      never('kill: lists that held the dead after the verdict', staleLists, 'lists'),
      never('kill: healthy agents declared dead meanwhile', wronged.size, 'pairs'),
    ];
  });
}

/** With the settings of a local network, and with those for haste where the agent has them. */
export async function freeze(options: BenchOptions): Promise<readonly Figure[]> {
  const figures = [...(await freezeWith('lan', {}, 6_500, options))];
  if (knowsProfiles()) figures.push(...(await freezeWith('fast', fastProfile, 4_000, options)));
  else progress('profile fast: not available, this agent has no detector_profile');
  return figures;
}

/** SIGSTOP one of them until it is dead everywhere, then SIGCONT. */
function freezeWith(
  profile: string,
  env: Readonly<Record<string, string>>,
  deadGoalMs: number,
  { agents = agentsUsualCount, repetitions = 7 }: BenchOptions,
): Promise<readonly Figure[]> {
  return withFleet({ agents, env }, async fleet => {
    const suspectMs: number[] = [];
    const deadMs: number[] = [];
    const backMs: number[] = [];
    const wronged = new Set<string>();
    let staleLists = 0;
    for (let round = 1; round <= repetitions; round++) {
      await anyPhase();
      const id = fleet.anyone();
      const observers = fleet.others(id);
      const mark = fleet.mark();
      const stoppedMs = performance.now();
      fleet.agent(id).signal('SIGSTOP');
      await fleet.until(() => allSay(fleet, observers, id, 'dead'), verdictDeadlineMs);
      const seen = fleet.since(mark);
      suspectMs.push(lastToSay(seen, observers, id, ['suspect', 'dead']) - stoppedMs);
      deadMs.push(lastToSay(seen, observers, id, ['dead']) - stoppedMs);
      staleLists += (await fleet.stillListedBy(id)).length;

      const continuedMs = performance.now();
      fleet.agent(id).signal('SIGCONT');
      backMs.push((await fleet.untilAllAlive(`after ${id} went on`)) - continuedMs);
      for (const pair of pairs(fleet.since(mark), 'dead', other => other !== id))
        wronged.add(`${round} ${pair}`);
      progress(
        `freeze (${profile}) ${round} of ${repetitions}, ${id}: ${text(suspectMs)} to suspect, ${text(deadMs)} to dead, ${text(backMs)} to alive again`,
      );
    }
    const where = `profile ${profile}, ${agents} agents`;
    return [
      { name: `freeze: suspected everywhere, ${where}, p50`, value: median(suspectMs), unit: 'ms' },
      ...spreadMs(`freeze: dead everywhere, ${where}`, deadMs, { p50: deadGoalMs }),
      ...spreadMs(`freeze: alive everywhere after it went on, ${where}`, backMs, { p50: 2_000 }),
      never(`freeze: lists that held the dead after the verdict, ${where}`, staleLists, 'lists'),
      never(`freeze: healthy agents declared dead meanwhile, ${where}`, wronged.size, 'pairs'),
    ];
  });
}

/** As `firsthand leave` does it; each that left is replaced by a newcomer. */
export function leave({
  agents = agentsUsualCount,
  repetitions = 10,
}: BenchOptions): Promise<readonly Figure[]> {
  return withFleet({ agents }, async fleet => {
    const knownMs: number[] = [];
    const goneMs: number[] = [];
    const departed = new Set<string>();
    const mark = fleet.mark();
    let staleLists = 0;
    for (let round = 1; round <= repetitions; round++) {
      const id = fleet.anyone();
      const observers = fleet.others(id);
      const leaver = fleet.expectEnd(id);
      departed.add(id);
      // Also gives our own reader the time to hang up: the agent would wait for it.
      await anyPhase();
      const startedMs = performance.now();
      const answered = fetch(`${leaver.ready.http}/admin/leave`, { method: 'POST' });
      const [atMs, endedMs, answer] = await Promise.all([
        fleet.until(() => allSay(fleet, observers, id, 'left'), knownDeadlineMs),
        leaver.ended().then(() => performance.now()),
        answered,
      ]);
      if (!answer.ok) throw new Error(`leave answered ${answer.status}: ${await answer.text()}`);
      knownMs.push((atMs ?? Number.POSITIVE_INFINITY) - startedMs);
      goneMs.push(endedMs - startedMs);
      staleLists += (await fleet.stillListedBy(id)).length;
      progress(
        `leave ${round} of ${repetitions}, ${id}: ${text(knownMs)} to known everywhere, ${text(goneMs)} to its end`,
      );
      await fleet.add(`agent-${agents + round - 1}`);
      await fleet.untilAllAlive('after a newcomer');
    }
    await pause(aftermathMs);
    const accused = fleet
      .since(mark)
      .filter(({ id, to }) => departed.has(id) && (to === 'suspect' || to === 'dead'));
    return [
      ...spreadMs(`leave: known everywhere, ${agents} agents`, knownMs, { p50: 300, p99: 300 }),
      ...spreadMs('leave: process gone', goneMs, { p50: 1_000, p99: 1_000 }),
      never('leave: lists that held who had left', staleLists, 'lists'),
      never('leave: shown as suspect or dead instead of left', accused.length, 'events'),
      never(
        'leave: others declared dead meanwhile',
        pairs(fleet.since(mark), 'dead', id => !departed.has(id)).size,
        'pairs',
      ),
    ];
  });
}

/** One of them stands still for 80 % of the time, in bursts: it must not drag others down with it. */
export function flapping({
  agents = agentsUsualCount,
  seconds = 120,
}: BenchOptions): Promise<readonly Figure[]> {
  return withFleet({ agents }, async fleet => {
    const id = fleet.anyone();
    const mark = fleet.mark();
    const untilMs = performance.now() + seconds * 1_000;
    progress(`flapping: ${id} for ${seconds} s`);
    let bursts = 0;
    let continuedMs = performance.now();
    while (performance.now() < untilMs) {
      const burstMs = 200 + Math.random() * 3_800;
      fleet.agent(id).signal('SIGSTOP');
      await pause(burstMs);
      fleet.agent(id).signal('SIGCONT');
      continuedMs = performance.now();
      await pause(burstMs / 4);
      bursts += 1;
    }
    const backMs = Math.max(0, (await fleet.untilAllAlive(`after ${id} calmed down`)) - continuedMs);
    const seen = fleet.since(mark);
    const where = `${agents} agents, ${bursts} bursts`;
    return [
      never(
        `flapping: healthy agents declared dead, ${where}`,
        pairs(seen, 'dead', other => other !== id).size,
        'pairs',
      ),
      {
        name: 'flapping: healthy agents suspected',
        value: pairs(seen, 'suspect', other => other !== id).size,
        unit: 'pairs',
      },
      {
        name: 'flapping: the flapping one declared dead',
        value: seen.filter(sighting => sighting.id === id && sighting.to === 'dead').length,
        unit: 'times',
      },
      { name: 'flapping: alive everywhere after the last burst, at most', value: backMs, unit: 'ms' },
    ];
  });
}

/** Whether all of them think so now. */
function allSay(fleet: Fleet, observers: readonly string[], id: string, state: State): boolean {
  return observers.every(observer => fleet.stateOf(observer, id) === state);
}

/** When the last of the observers said one of these for the first time; infinite when one of them never did. */
function lastToSay(
  seen: readonly Sighting[],
  observers: readonly string[],
  id: string,
  states: readonly State[],
): number {
  const firstMs = observers.map(
    observer =>
      seen.find(
        sighting => sighting.observer === observer && sighting.id === id && states.includes(sighting.to),
      )?.atMs ?? Number.POSITIVE_INFINITY,
  );
  return Math.max(...firstMs);
}

/** So that a fault does not always hit the same moment of the agents' own rhythms. */
function anyPhase(): Promise<void> {
  return pause(500 + Math.random() * 1_500);
}

function knowsProfiles(): boolean {
  const document = readFileSync(new URL('../../docs/CONFIG.md', import.meta.url), 'utf8');
  return document.includes('FIRSTHAND_DETECTOR_PROFILE');
}

/** The latest of them. */
function text(valuesMs: readonly number[]): string {
  return `${(valuesMs.at(-1) ?? Number.NaN).toFixed(0)} ms`;
}
