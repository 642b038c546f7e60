/**
 * Where a drill takes place: real agents in processes of their own, and what can be done to them.
 *
 * A drill only knows this port, so the same drill runs on loopback, in network namespaces or in containers.
 * Network faults act on what an agent *receives*, as a packet filter in front of it would: whoever is cut off
 * falls silent, nobody is told, and bytes already on their way may arrive late. They add up until `heal`.
 * Whatever a stage cannot do it says before anything is started; a method that belongs to a fault which
 * `lacks` names is never called.
 */

/** What a stage may be asked to do to the agents and between them. */
export const faults = [
  'cut', // Nothing of one agent reaches another one, one way or both.
  'loss', // A share of what an agent receives is lost. What is carried by TCP comes late instead.
  'latency', // What an agent receives comes later.
  'kill', // SIGKILL, and a later start with the same data.
  'stop', // SIGTERM, the orderly way.
  'pause', // The process stands still and does not know.
  'cpu', // The process gets a share of the time it wants.
  'memory', // The process has little memory.
  'disk', // The disk under the data directory can be filled.
  'clock', // The wall clock can be set, for one agent alone.
  'member', // The drill's own process can join the cluster as a member.
] as const;

export type Fault = (typeof faults)[number];

export type StageName = 'process' | 'namespace' | 'docker';

export interface StageKind {
  readonly name: StageName;
  /** For `chaos list`: half a sentence. */
  readonly summary: string;
  /** Why it cannot be used on this machine, in one sentence; `undefined` if it can. Tried, not guessed. */
  unusable(): Promise<string | undefined>;
  /** Why it cannot do this, though usable otherwise; one sentence that says what to install or to be. */
  lacks(fault: Fault): Promise<string | undefined>;
  /**
   * Starts the agents, all members of one cluster; resolves when each is ready. What an earlier run that was
   * killed has left behind is taken away first.
   *
   * @throws Error with what an agent wrote, when one does not become ready. Nothing is left then.
   */
  open(options: StageOptions): Promise<Stage>;
}

export interface StageOptions {
  readonly agentsCount: number;
  /** For every agent, as `FIRSTHAND_…` variables. */
  readonly settings: Readonly<Record<string, string>>;
  /** What agents need from their start on for faults that come later; nothing if not named. */
  readonly equipment?: Equipment;
  /** Leaves data directories and logs; `Stage.directory` says where. */
  readonly keep: boolean;
  /** Of everything that is left to chance in the faults. */
  readonly seed: number;
}

/** For all agents, or for those named. */
export interface Equipment {
  /** For `memory`: MiB that an agent may use, roughly; what "use" means is the stage's to say. */
  readonly memoryMaxMib?: { readonly mib: number; readonly ids: readonly string[] };
  /** For `disk`: the data directory is on a disk of its own, of so many MiB. */
  readonly diskMib?: { readonly mib: number; readonly ids: readonly string[] };
  /** For `clock`: the wall clock of these can be set later. */
  readonly clocks?: readonly string[];
}

export interface StagedAgent {
  /** Node id, `agent-1` to `agent-N`. */
  readonly id: string;
  /** Base URL of its HTTP shim, from this process; the same after a restart. */
  readonly url: string;
  readonly peerId: string;
  /** To join through, from where `member` agents are. */
  readonly multiaddr: string;
}

/** Ids are those of `agents`; an unknown one is a mistake in the drill and throws a TypeError. */
export interface Stage {
  readonly name: StageName;
  readonly cluster: string;
  /** All of them, whether they run at the moment or not, in order. */
  readonly agents: readonly StagedAgent[];
  /** Data directories and logs lie in here. */
  readonly directory: string;
  /** The address at which agents reach a member in this process; for `member`. */
  readonly ownAddress: string;

  /** Nothing of `from` reaches `to` any more; the way back stays open. An agent always hears itself. */
  cut(from: readonly string[], to: readonly string[]): Promise<void>;
  /** Of what these receive such a share is lost, 0 to 1; the latest share counts. */
  loss(share: number, ids: readonly string[]): Promise<void>;
  /** What these receive comes so much later, give or take the jitter; the latest call counts. */
  latency(delay: { readonly ms: number; readonly jitterMs: number }, ids: readonly string[]): Promise<void>;
  /** Ends all of the above. */
  heal(): Promise<void>;

  /** All at the same time. Resolves when the processes are gone. */
  kill(ids: readonly string[]): Promise<void>;
  /** SIGTERM. @returns Exit codes, in order; `null` for one that a signal ended. */
  stop(ids: readonly string[]): Promise<readonly (number | null)[]>;
  /** Those that were killed, stopped or ended: with their data and at their address. Resolves when ready. */
  start(ids: readonly string[]): Promise<void>;
  pause(ids: readonly string[]): Promise<void>;
  resume(ids: readonly string[]): Promise<void>;
  /** The process runs for this share of the time only, above 0 to 1; 1 ends it. */
  starveCpu(share: number, ids: readonly string[]): Promise<void>;
  /** Leaves so many bytes free on the disk of its own. */
  fillDisk(leaveBytes: number, id: string): Promise<void>;
  freeDisk(id: string): Promise<void>;
  /** The wall clock shows the true time plus this from now on; timers are not affected. */
  skewClock(offsetMs: number, id: string): Promise<void>;

  /** Whether its process is there, paused or not. */
  isRunning(id: string): boolean;
  /** Processes that ended although nobody asked them to, since the start: id and how. */
  unexpectedEnds(): readonly string[];
  /** What it wrote to standard error since the start of the drill, restarts included. */
  log(id: string): string;
  /** Ends everything and leaves nothing behind. Safe to call twice, and while another call is under way. */
  close(): Promise<void>;
}

/** Finds out each thing once: trying takes its time, and a machine does not change while it is asked. */
export function remembering(kind: StageKind): StageKind {
  const lacking = new Map<Fault, Promise<string | undefined>>();
  let unusable: Promise<string | undefined> | undefined;
  return {
    name: kind.name,
    summary: kind.summary,
    open: options => kind.open(options),
    unusable: () => {
      unusable ??= kind.unusable();
      return unusable;
    },
    lacks: fault => {
      const known = lacking.get(fault) ?? kind.lacks(fault);
      lacking.set(fault, known);
      return known;
    },
  };
}

/** Agents of different sides hear nothing of each other; those of no side hear everybody. */
export async function partition(
  stage: Pick<Stage, 'cut'>,
  sides: readonly (readonly string[])[],
): Promise<void> {
  await Promise.all(
    sides.map(side =>
      stage.cut(
        sides.filter(other => other !== side).flatMap(other => [...other]),
        side,
      ),
    ),
  );
}
