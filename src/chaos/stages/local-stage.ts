/**
 * Agents as processes of this machine: what the stages on loopback and in namespaces have in common.
 *
 * They differ in where an agent runs (`Seat`) and in who disturbs the network (`NetworkFaults`).
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage, StagedAgent, StageName, StageOptions } from '../stage.ts';
import { AgentProcess } from './agent-process.ts';
import { CpuThrottle } from './cpu-throttle.ts';
import { keptMark, openFolder, removeFolder, removeLeftovers } from './leftovers.ts';
import { type Member, memberAt, type Seat } from './local-member.ts';
import type { NetworkFaults } from './network-faults.ts';
import type { SmallDisk } from './small-disk.ts';

export interface LocalStageParts {
  readonly name: StageName;
  readonly ownAddress: string;
  readonly seats: readonly Seat[];
  readonly network: (ids: readonly string[], agentOf: (id: string) => LocalAgentView) => NetworkFaults;
}

export interface LocalAgentView {
  readonly url: string;
  readonly peerId: string;
  readonly isListening: boolean;
}

const cluster = 'chaos';
/** More at once would only wait for each other on a small machine. */
const startsAtOnceCount = 6;
/** The library looks at its file once a second. */
const clockSettlesMs = 1_500;
export class LocalStage implements Stage {
  readonly name: StageName;
  readonly cluster = cluster;
  readonly directory: string;
  readonly ownAddress: string;
  readonly #options: StageOptions;
  readonly #members = new Map<string, Member>();
  readonly #agents: StagedAgent[] = [];
  readonly #network: NetworkFaults;
  readonly #closing = new AbortController();
  readonly #unexpected: string[] = [];
  readonly #onExit = () => this.#cleanUp();
  #closed: Promise<void> | undefined;

  private constructor(directory: string, parts: LocalStageParts, options: StageOptions) {
    this.name = parts.name;
    this.directory = directory;
    this.ownAddress = parts.ownAddress;
    this.#options = options;
    process.once('exit', this.#onExit);
    for (const [index, seat] of parts.seats.entries()) {
      const member = memberAt({ id: `agent-${index + 1}`, seat, directory }, options);
      this.#members.set(member.id, member);
    }
    this.#network = parts.network([...this.#members.keys()], id => this.#viewOf(id));
  }

  static async open(parts: LocalStageParts, options: StageOptions): Promise<LocalStage> {
    removeLeftovers();
    const directory = await openFolder();
    let stage: LocalStage;
    try {
      stage = new LocalStage(directory, parts, options);
    } catch (error) {
      removeFolder(directory);
      throw error;
    }
    try {
      const ids = [...stage.#members.keys()];
      await stage.start(ids.slice(0, 1));
      for (let i = 1; i < ids.length; i += startsAtOnceCount)
        await stage.start(ids.slice(i, i + startsAtOnceCount));
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get agents(): readonly StagedAgent[] {
    return this.#agents;
  }

  cut(from: readonly string[], to: readonly string[]): Promise<void> {
    return this.#network.cut(from, to);
  }

  loss(share: number, ids: readonly string[]): Promise<void> {
    return this.#network.loss(share, ids);
  }

  latency(delay: { readonly ms: number; readonly jitterMs: number }, ids: readonly string[]): Promise<void> {
    return this.#network.latency(delay, ids);
  }

  heal(): Promise<void> {
    return this.#network.heal();
  }

  async kill(ids: readonly string[]): Promise<void> {
    await Promise.all(this.#end(ids).map(agent => agent.kill()));
  }

  stop(ids: readonly string[]): Promise<readonly (number | null)[]> {
    return Promise.all(this.#end(ids).map(agent => agent.stop()));
  }

  async start(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map(async id => {
        const member = this.#member(id);
        if (member.process?.end === undefined && member.process !== undefined)
          throw new TypeError(`${id} runs already`);
        await this.#launch(member);
        await this.#network.restore(id);
      }),
    );
  }

  async pause(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#member(id).isPaused = true;
      this.#process(id).signal('SIGSTOP');
    }
  }

  async resume(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#member(id).isPaused = false;
      this.#process(id).signal('SIGCONT');
    }
    await Promise.all(ids.map(id => this.#network.restore(id)));
  }

  async starveCpu(share: number, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const member = this.#member(id);
      const agent = this.#process(id);
      member.throttle?.stop();
      member.throttle = share < 1 ? new CpuThrottle(share, signal => agent.signal(signal)) : undefined;
    }
  }

  async fillDisk(leaveBytes: number, id: string): Promise<void> {
    this.#disk(id).fill(leaveBytes);
  }

  async freeDisk(id: string): Promise<void> {
    this.#disk(id).free();
  }

  async skewClock(offsetMs: number, id: string): Promise<void> {
    const { clock } = this.#member(id);
    if (clock === undefined) throw new TypeError(`${id} was not started with a clock of its own`);
    clock.set(offsetMs);
    await new Promise(resolve => setTimeout(resolve, clockSettlesMs));
  }

  isRunning(id: string): boolean {
    const { process } = this.#member(id);
    return process !== undefined && process.end === undefined;
  }

  unexpectedEnds(): readonly string[] {
    return this.#unexpected;
  }

  log(id: string): string {
    const { pastLog, process } = this.#member(id);
    return pastLog + (process?.log ?? '');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    for (const member of this.#members.values()) member.throttle?.stop();
    await Promise.all([...this.#members.values()].map(({ process }) => process?.kill()));
    await this.#network.close();
    process.off('exit', this.#onExit);
    this.#cleanUp();
  }

  /** What is left when the processes are gone. Waits for nothing. */
  #cleanUp(): void {
    const members = [...this.#members.values()];
    if (this.#options.keep) {
      writeFileSync(join(this.directory, keptMark), '');
      for (const { id, disk, dataDir } of members) {
        writeFileSync(join(this.directory, `${id}.log`), this.log(id));
        // The disk goes, what is on it stays.
        if (disk !== undefined) cpSync(dataDir, join(this.directory, `${id}-data`), { recursive: true });
      }
    }
    for (const { disk } of members) disk?.close();
    if (!this.#options.keep) removeFolder(this.directory);
  }

  async #launch(member: Member): Promise<void> {
    const [first] = this.#agents;
    const seeds = first === undefined || first.id === member.id ? [] : ['--seed', first.multiaddr];
    const { id, dataDir, env, seat } = member;
    member.pastLog = this.log(id);
    member.process = undefined;
    const agent = await AgentProcess.start({
      id,
      dataDir,
      env,
      wrapper: seat.wrapper,
      flags: ['--cluster', cluster, ...seat.flags, ...seeds],
      signal: this.#closing.signal,
    });
    member.process = agent;
    member.isPaused = false;
    void agent.ended().then(() => {
      if (member.process === agent) this.#unexpected.push(`${id}: ${agent.end}`);
    });
    if (this.#agents.some(known => known.id === id)) return;
    this.#agents.push({ id, url: seat.url, peerId: agent.ready.peer_id, multiaddr: agent.seed });
    this.#agents.sort((a, b) => numberOf(a.id) - numberOf(b.id));
  }

  /** From now on their ends are expected. */
  #end(ids: readonly string[]): readonly AgentProcess[] {
    return ids.map(id => {
      const member = this.#member(id);
      const agent = this.#process(id);
      member.throttle?.stop();
      member.throttle = undefined;
      member.process = undefined;
      // Its last words come until it is gone.
      void agent.ended().then(() => {
        member.pastLog += agent.log;
      });
      return agent;
    });
  }

  #viewOf(id: string): LocalAgentView {
    const { seat, isPaused } = this.#member(id);
    const agent = this.#agents.find(known => known.id === id);
    return { url: seat.url, peerId: agent?.peerId ?? '', isListening: this.isRunning(id) && !isPaused };
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new TypeError(`${id} is not on this stage`);
    return member;
  }

  #process(id: string): AgentProcess {
    const { process } = this.#member(id);
    if (process === undefined) throw new TypeError(`${id} does not run`);
    return process;
  }

  #disk(id: string): SmallDisk {
    const { disk } = this.#member(id);
    if (disk === undefined) throw new TypeError(`${id} was not started on a disk of its own`);
    return disk;
  }
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}
