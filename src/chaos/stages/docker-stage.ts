/** Agents in containers of their own, on a network without a way out: what `compose/Dockerfile` makes, in trouble. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Fault, Stage, StagedAgent, StageKind, StageOptions } from '../stage.ts';
import { ContainerFaults, packetsProblem } from './container-faults.ts';
import { addressIn, createNetwork, outsideAddressIn } from './container-network.ts';
import { ContainerProcess } from './container-process.ts';
import { docker, dockerProblem, labelOfThisRun, removeAbandonedRuns, removeThisRun } from './docker.ts';
import { keptMark, openFolder, removeFolder, removeLeftovers } from './leftovers.ts';

const cluster = 'chaos';
const swarmPort = 7_946;
const httpPort = 7_980;
/** What an agent's process needs besides its objects, MiB; guess, above the 75 MiB that an idle one takes in all. */
const processMib = 128;
const startsAtOnceCount = 6;
/** An agent takes 10 s at most. */
const stopLimitS = 12;
/** Services of a drill are not there, so nobody should look for them. */
const quietHealth = { FIRSTHAND_HEALTH_CHECK_INTERVAL_MS: '3600000' };

interface Member {
  readonly id: string;
  readonly container: string;
  readonly address: string;
  process: ContainerProcess | undefined;
  isPaused: boolean;
  isStarved: boolean;
  /** Of processes that have ended. */
  pastLog: string;
}

/** @param image - Of the agents; has to be there. */
export function dockerStage(image = 'firsthand:local'): StageKind {
  return {
    name: 'docker',
    summary: `agents in containers of the image ${image}; docker, and root to cut them off`,
    unusable: async () => dockerProblem(image),
    lacks: async (fault: Fault) => {
      if (fault === 'cut' || fault === 'loss') return packetsProblem();
      if (fault === 'latency') return 'packets of containers are not delayed: use another stage';
      if (fault === 'disk') return 'a small disk that outlives its container is not made: use another stage';
      if (fault === 'clock') return 'containers share the clock of their machine: use another stage';
      return undefined;
    },
    open: (options: StageOptions) => DockerStage.open(image, options),
  };
}

class DockerStage implements Stage {
  readonly name = 'docker';
  readonly cluster = cluster;
  readonly directory: string;
  readonly ownAddress: string;
  readonly #options: StageOptions;
  readonly #members = new Map<string, Member>();
  readonly #agents: StagedAgent[] = [];
  readonly #network: ContainerFaults;
  readonly #closing = new AbortController();
  readonly #unexpected: string[] = [];
  readonly #onExit = () => this.#cleanUp();
  #closed: Promise<void> | undefined;

  private constructor(directory: string, block: number, options: StageOptions) {
    this.directory = directory;
    this.ownAddress = outsideAddressIn(block);
    this.#options = options;
    process.once('exit', this.#onExit);
    for (let number = 1; number <= options.agentsCount; number++) {
      const id = `agent-${number}`;
      const container = `firsthand-chaos-${process.pid}-${block}-${id}`;
      const address = addressIn(block, number);
      const member = { id, container, address, process: undefined, pastLog: '' };
      this.#members.set(id, { ...member, isPaused: false, isStarved: false });
    }
    const members = [...this.#members.values()];
    this.#network = new ContainerFaults(
      members.map(({ id }) => id),
      members.map(({ address }) => address),
      { agentOf: id => ({ ...this.#member(id), isRunning: this.isRunning(id) }) },
    );
  }

  static async open(image: string, options: StageOptions): Promise<DockerStage> {
    removeAbandonedRuns();
    removeLeftovers();
    const { network, block } = await createNetwork();
    const stage = new DockerStage(await openFolder(), block, options);
    try {
      const members = [...stage.#members.values()];
      await Promise.all(members.map(member => stage.#create(image, network, member)));
      const ids = members.map(({ id }) => id);
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

  latency(): Promise<void> {
    throw new TypeError('latency is a fault that this stage lacks');
  }

  heal(): Promise<void> {
    return this.#network.heal();
  }

  async kill(ids: readonly string[]): Promise<void> {
    await this.resume(ids.filter(id => this.#member(id).isPaused));
    const ended = this.#end(ids);
    await docker('kill', '--signal', 'KILL', ...this.#containers(ids));
    await Promise.all(ended);
  }

  async stop(ids: readonly string[]): Promise<readonly (number | null)[]> {
    const ended = this.#end(ids);
    await docker('stop', '--time', String(stopLimitS), ...this.#containers(ids));
    return Promise.all(ended);
  }

  async start(ids: readonly string[]): Promise<void> {
    await Promise.all(
      ids.map(async id => {
        const member = this.#member(id);
        if (this.isRunning(id)) throw new TypeError(`${id} runs already`);
        await this.#launch(member);
        await this.#network.restore(id);
      }),
    );
  }

  async pause(ids: readonly string[]): Promise<void> {
    await this.#each(ids, 'pause');
    for (const id of ids) this.#member(id).isPaused = true;
  }

  async resume(ids: readonly string[]): Promise<void> {
    await this.#each(ids, 'unpause');
    for (const id of ids) this.#member(id).isPaused = false;
  }

  async starveCpu(share: number, ids: readonly string[]): Promise<void> {
    const cpus = share < 1 ? share : availableParallelism();
    await this.#each(ids, 'update', '--cpus', String(cpus));
    for (const id of ids) this.#member(id).isStarved = share < 1;
  }

  fillDisk(): Promise<void> {
    throw new TypeError('disk is a fault that this stage lacks');
  }

  freeDisk(): Promise<void> {
    return this.fillDisk();
  }

  skewClock(): Promise<void> {
    throw new TypeError('clock is a fault that this stage lacks');
  }

  isRunning(id: string): boolean {
    return this.#member(id).process?.isRunning === true;
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
    for (const member of this.#members.values()) void this.#forget(member);
    this.#closing.abort();
    process.off('exit', this.#onExit);
    this.#cleanUp();
  }

  #cleanUp(): void {
    if (this.#options.keep) this.#keep();
    removeThisRun();
    if (!this.#options.keep) removeFolder(this.directory);
  }

  #keep(): void {
    writeFileSync(join(this.directory, keptMark), '');
    for (const { id, container } of this.#members.values()) {
      writeFileSync(join(this.directory, `${id}.log`), this.log(id));
      execFileSync('docker', ['cp', `${container}:/data`, join(this.directory, `${id}-data`)], {
        stdio: 'ignore',
      });
    }
  }

  async #create(image: string, network: string, { id, container, address }: Member): Promise<void> {
    const { settings, equipment = {} } = this.#options;
    const { memoryMaxMib } = equipment;
    const memory = memoryMaxMib?.ids.includes(id) ? `${memoryMaxMib.mib + processMib}m` : undefined;
    const [first] = this.#members.values();
    const env = { ...quietHealth, FIRSTHAND_LOG_LEVEL: 'info', ...settings };
    await docker(
      'create',
      ...labelOfThisRun(),
      ...['--name', container, '--network', network, '--ip', address],
      ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges:true'],
      ...(memory === undefined ? [] : ['--memory', memory, '--memory-swap', memory]),
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      image,
      ...['start', '--id', id, '--cluster', cluster, '--no-mdns'],
      ...(first === undefined || first.id === id ? [] : ['--seed', `/ip4/${first.address}/tcp/${swarmPort}`]),
    );
  }

  async #launch(member: Member): Promise<void> {
    const { id, container, address } = member;
    member.pastLog = this.log(id);
    member.process = undefined;
    const agent = await ContainerProcess.start(container, this.#closing.signal);
    member.process = agent;
    void agent.ended().then(code => {
      if (member.process !== agent) return;
      this.#unexpected.push(
        `${id}: ${code === null ? 'ended by a signal, or without memory' : `exit code ${code}`}`,
      );
    });
    if (this.#agents.some(known => known.id === id)) return;
    const [multiaddr = ''] = agent.ready.multiaddrs;
    const url = `http://${address}:${httpPort}`;
    this.#agents.push({ id, url, peerId: agent.ready.peer_id, multiaddr });
    this.#agents.sort((a, b) => numberOf(a.id) - numberOf(b.id));
  }

  /** From now on their ends are expected. @returns Their exit codes, when they have ended. */
  #end(ids: readonly string[]): readonly Promise<number | null>[] {
    return ids.map(async id => {
      const member = this.#member(id);
      if (member.process === undefined) throw new TypeError(`${id} does not run`);
      const wasStarved = member.isStarved;
      const code = await this.#forget(member);
      // The next process in this container has the time it wants, as any new one.
      if (wasStarved) await this.starveCpu(1, [id]);
      return code;
    });
  }

  async #forget(member: Member): Promise<number | null> {
    const agent = member.process;
    member.process = undefined;
    if (agent === undefined) return null;
    const code = await agent.ended();
    member.pastLog += agent.log;
    return code;
  }

  async #each(ids: readonly string[], ...command: readonly string[]): Promise<void> {
    if (ids.length > 0) await docker(...command, ...this.#containers(ids));
  }

  #containers(ids: readonly string[]): readonly string[] {
    return ids.map(id => this.#member(id).container);
  }

  #member(id: string): Member {
    const member = this.#members.get(id);
    if (member === undefined) throw new TypeError(`${id} is not on this stage`);
    return member;
  }
}

function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1));
}
