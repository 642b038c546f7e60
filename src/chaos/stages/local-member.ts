/** An agent of a local stage: where it runs, with what, and its process while there is one. */
import { join } from 'node:path';
import type { StageOptions } from '../stage.ts';
import type { AgentProcess } from './agent-process.ts';
import type { CpuThrottle } from './cpu-throttle.ts';
import { SmallDisk } from './small-disk.ts';
import { SteeredClock } from './steered-clock.ts';

/** Where an agent is, also after a restart. */
export interface Seat {
  /** For `firsthand start`: fixed addresses, so that it comes back to where it was. */
  readonly flags: readonly string[];
  /** Before the command, to get there. */
  readonly wrapper: readonly string[];
  readonly url: string;
}

export interface Member {
  readonly id: string;
  readonly seat: Seat;
  readonly dataDir: string;
  readonly disk: SmallDisk | undefined;
  readonly clock: SteeredClock | undefined;
  readonly env: Readonly<Record<string, string>>;
  process: AgentProcess | undefined;
  isPaused: boolean;
  throttle: CpuThrottle | undefined;
  /** Of processes that have ended. */
  pastLog: string;
}

/** Services of a drill are not there, so nobody should look for them. */
const quietHealth = { FIRSTHAND_HEALTH_CHECK_INTERVAL_MS: '3600000' };

/** With what it needs from its start on; nothing is started yet. */
export function memberAt(
  place: { readonly id: string; readonly seat: Seat; readonly directory: string },
  { equipment = {}, settings }: StageOptions,
): Member {
  const { id, seat, directory } = place;
  const { memoryMaxMib, diskMib, clocks = [] } = equipment;
  const home = join(directory, id);
  const disk = diskMib?.ids.includes(id) ? new SmallDisk(home, diskMib.mib) : undefined;
  const clock = clocks.includes(id) ? new SteeredClock(join(directory, `${id}.clock`)) : undefined;
  const memory = memoryMaxMib?.ids.includes(id)
    ? { NODE_OPTIONS: `--max-old-space-size=${memoryMaxMib.mib}` }
    : {};
  return {
    id,
    seat,
    dataDir: join(home, 'data'),
    disk,
    clock,
    env: { ...quietHealth, FIRSTHAND_DEBUG: '1', ...settings, ...clock?.env, ...memory },
    process: undefined,
    isPaused: false,
    throttle: undefined,
    pastLog: '',
  };
}
