/** Everything a drill does to the agents: done on the stage, written into the timeline, told to the person. */
import type { Recorder } from './recorder.ts';
import { type Fault, partition, type Stage } from './stage.ts';

type EndWindow = () => void;

export class Injector {
  readonly #stage: Stage;
  readonly #recorder: Recorder;
  /** Open windows of the network, which end together. */
  readonly #network: EndWindow[] = [];
  /** The others, by fault and agent. */
  readonly #open = new Map<string, EndWindow>();

  constructor(components: { readonly stage: Stage; readonly recorder: Recorder }) {
    this.#stage = components.stage;
    this.#recorder = components.recorder;
  }

  /**
   * Nothing of `from` reaches `to`; the way back stays open.
   *
   * @param targets - Whom the others may miss; those who are not heard, if not told.
   */
  async cut(from: readonly string[], to: readonly string[], targets = from): Promise<void> {
    const title = `cut ${named(from)} to ${named(to)}, one way`;
    this.#recorder.step(title);
    const cuts = from.flatMap(one =>
      to.filter(other => other !== one).map(other => ({ from: one, to: other })),
    );
    this.#network.push(this.#recorder.open({ fault: 'cut', title, targets, cuts }));
    await this.#stage.cut(from, to);
  }

  /** @param targets - Whose side is the one that is missed; the smaller one, if not told. */
  async partition(sides: readonly (readonly string[])[], targets = smallest(sides)): Promise<void> {
    const title = `partition: ${sides.map(named).join(' | ')}`;
    this.#recorder.step(title);
    const cuts = sides.flatMap(side =>
      sides
        .filter(other => other !== side)
        .flatMap(other => side.flatMap(from => other.map(to => ({ from, to })))),
    );
    this.#network.push(this.#recorder.open({ fault: 'cut', title, targets, cuts }));
    await partition(this.#stage, sides);
  }

  async loss(share: number, ids: readonly string[]): Promise<void> {
    this.#openNetwork('loss', `${Math.round(share * 100)} % of what reaches ${named(ids)} is lost`, ids);
    await this.#stage.loss(share, ids);
  }

  async latency(
    delay: { readonly ms: number; readonly jitterMs: number },
    ids: readonly string[],
  ): Promise<void> {
    const title = `${delay.ms} ± ${delay.jitterMs} ms on the way to ${named(ids)}`;
    this.#openNetwork('latency', title, ids);
    await this.#stage.latency(delay, ids);
  }

  /** Ends what disturbs the network. */
  async heal(): Promise<void> {
    if (this.#network.length === 0) return;
    await this.#stage.heal();
    this.#recorder.step('the network is whole again');
    for (const end of this.#network.splice(0)) end();
  }

  async kill(ids: readonly string[]): Promise<void> {
    this.#openEach('kill', `kill -9 ${named(ids)}`, ids);
    await this.#stage.kill(ids);
    for (const id of ids) this.#recorder.process(id, false);
  }

  /** @returns Exit codes, in order. */
  async stop(ids: readonly string[]): Promise<readonly (number | null)[]> {
    this.#openEach('stop', `stop ${named(ids)}`, ids);
    const codes = await this.#stage.stop(ids);
    for (const id of ids) this.#recorder.process(id, false);
    return codes;
  }

  async start(ids: readonly string[]): Promise<void> {
    this.#recorder.step(`start ${named(ids)} with what ${ids.length === 1 ? 'it' : 'they'} had on disk`);
    await this.#stage.start(ids);
    for (const id of ids) {
      this.#recorder.process(id, true);
      this.#end('kill', id);
      this.#end('stop', id);
    }
    this.#recorder.step(`${named(ids)} ${ids.length === 1 ? 'is' : 'are'} ready`);
  }

  async pause(ids: readonly string[]): Promise<void> {
    this.#openEach('pause', `pause ${named(ids)}`, ids);
    await this.#stage.pause(ids);
  }

  async resume(ids: readonly string[]): Promise<void> {
    await this.#stage.resume(ids);
    this.#recorder.step(`resume ${named(ids)}`);
    for (const id of ids) this.#end('pause', id);
  }

  async starveCpu(share: number, ids: readonly string[]): Promise<void> {
    this.#openEach('cpu', `${named(ids)} may run ${Math.round(share * 100)} % of the time`, ids);
    await this.#stage.starveCpu(share, ids);
  }

  async feedCpu(ids: readonly string[]): Promise<void> {
    await this.#stage.starveCpu(1, ids);
    this.#recorder.step(`${named(ids)} may run freely again`);
    for (const id of ids) this.#end('cpu', id);
  }

  async fillDisk(leaveBytes: number, id: string): Promise<void> {
    this.#openEach('disk', `fill the disk of ${id}, but for ${Math.round(leaveBytes / 1_024)} KiB`, [id]);
    await this.#stage.fillDisk(leaveBytes, id);
  }

  async freeDisk(id: string): Promise<void> {
    await this.#stage.freeDisk(id);
    this.#recorder.step(`make room on the disk of ${id}`);
    this.#end('disk', id);
  }

  /** An offset of 0 ends it. */
  async skewClock(offsetMs: number, id: string): Promise<void> {
    this.#end('clock', id);
    const seconds = offsetMs / 1_000;
    const title = `the clock of ${id} is ${offsetMs === 0 ? 'right again' : `off by ${seconds > 0 ? '+' : ''}${seconds} s`}`;
    if (offsetMs === 0) this.#recorder.step(title);
    else this.#openEach('clock', title, [id]);
    await this.#stage.skewClock(offsetMs, id);
  }

  /** Little memory, a hostile member: what lasts from now until the function that it returns is called. */
  lasting(fault: Fault, title: string, targets: readonly string[]): EndWindow {
    this.#recorder.step(title);
    return this.#recorder.open({ fault, title, targets, cuts: [] });
  }

  /** Ends every fault that is left, and brings back whoever is gone. */
  async endAll(ids: readonly string[]): Promise<void> {
    const open = (fault: Fault) => ids.filter(id => this.#open.has(`${fault} ${id}`));
    const paused = open('pause');
    if (paused.length > 0) await this.resume(paused);
    const starved = open('cpu');
    if (starved.length > 0) await this.feedCpu(starved);
    await this.heal();
    for (const id of open('disk')) await this.freeDisk(id);
    for (const id of open('clock')) await this.skewClock(0, id);
    const gone = ids.filter(id => !this.#stage.isRunning(id));
    if (gone.length > 0) await this.start(gone);
  }

  #openNetwork(fault: Fault, title: string, targets: readonly string[]): void {
    this.#recorder.step(title);
    this.#network.push(this.#recorder.open({ fault, title, targets, cuts: [] }));
  }

  #openEach(fault: Fault, title: string, ids: readonly string[]): void {
    this.#recorder.step(title);
    for (const id of ids) {
      const name = ids.length === 1 ? title : `${title} (${id})`;
      this.#open.set(`${fault} ${id}`, this.#recorder.open({ fault, title: name, targets: [id], cuts: [] }));
    }
  }

  #end(fault: Fault, id: string): void {
    this.#open.get(`${fault} ${id}`)?.();
    this.#open.delete(`${fault} ${id}`);
  }
}

/** `agent-1, agent-2`; more than six are counted. */
export function named(ids: readonly string[]): string {
  return ids.length <= 6 ? ids.join(', ') : `${ids.slice(0, 5).join(', ')} and ${ids.length - 5} more`;
}

/** Two groups; the first one has one more where they cannot be equal. */
export function halves(ids: readonly string[]): readonly [readonly string[], readonly string[]] {
  const middle = Math.ceil(ids.length / 2);
  return [ids.slice(0, middle), ids.slice(middle)];
}

function smallest(sides: readonly (readonly string[])[]): readonly string[] {
  return [...sides].sort((a, b) => a.length - b.length)[0] ?? [];
}
