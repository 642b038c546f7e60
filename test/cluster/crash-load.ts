/** An agent that is killed at random instants while it is written to, and what must hold when it is back. */
import { type AgentProcess, eventually, type Playground } from '../../src/chaos/stages/agent-process.ts';

export interface CrashReport {
  readonly crashes: number;
  readonly acknowledged: number;
  /** One sentence for each promise that was broken. */
  readonly broken: readonly string[];
}

interface Written {
  /** The value of the last registration that was answered 200. */
  acknowledged: number;
  /** The last that was sent: it may have been written without anybody hearing of it. */
  sent: number;
}

interface RecordRow {
  readonly id: string;
  readonly records: readonly { readonly author: string; readonly epoch: number; readonly sequence: number }[];
}

const writersCount = 8;
const idsPerWriterCount = 10;
const firstPort = 10_000;

/** @param random - In [0, 1). */
export async function crashUnderLoad(
  playground: Playground,
  crashes: number,
  random: () => number,
): Promise<CrashReport> {
  const witness = await playground.start('witness');
  const written = new Map<string, Written>();
  const broken: string[] = [];
  let acknowledged = 0;
  let agent = await playground.start('victim', ['--seed', witness.seed]);
  for (let crash = 1; crash <= crashes; crash++) {
    const load = new Load(agent, written);
    await new Promise(resolve => setTimeout(resolve, 20 + 300 * random()));
    await agent.kill();
    acknowledged += await load.ended();
    agent = await playground.start('victim', ['--seed', witness.seed]);
    broken.push(...(await lostOrDoubled(agent, written)).map(text => `crash ${crash}: ${text}`));
  }
  await eventually(
    'the witness holds the same',
    async () => [await dotsOf(agent), await dotsOf(witness)].map(dots => [...dots].sort().join('\n')),
    ([here, there]) => here === there,
  );
  return { crashes, acknowledged, broken };
}

/** Writes without a pause until the agent is gone. */
class Load {
  readonly #writers: readonly Promise<number>[];

  constructor(agent: AgentProcess, written: Map<string, Written>) {
    this.#writers = Array.from({ length: writersCount }, (_, writer) => write(agent, writer, written));
  }

  /** How many were answered 200. */
  async ended(): Promise<number> {
    return (await Promise.all(this.#writers)).reduce((sum, count) => sum + count, 0);
  }
}

async function write(agent: AgentProcess, writer: number, written: Map<string, Written>): Promise<number> {
  for (let count = 0; ; count++) {
    const id = `svc-${writer}-${count % idsPerWriterCount}`;
    const row = written.get(id) ?? { acknowledged: 0, sent: 0 };
    row.sent += 1;
    written.set(id, row);
    const { sent } = row;
    try {
      const answer = await agent.register(id, addressOf(sent));
      if (answer.status !== 200) throw new Error(`answered ${answer.status}: ${await answer.text()}`);
      row.acknowledged = sent;
    } catch (error) {
      // What `fetch` says when the other end is gone; anything else is what this is about.
      if (error instanceof TypeError) return count;
      throw error;
    }
  }
}

async function lostOrDoubled(
  agent: AgentProcess,
  written: ReadonlyMap<string, Written>,
): Promise<readonly string[]> {
  const broken: string[] = [];
  const addresses = new Map((await agent.peers()).map(({ id, address }) => [id, address]));
  for (const [id, row] of written) {
    const address = addresses.get(id);
    const value = address === undefined ? 0 : Number(address.split(':')[1]) - firstPort;
    if (value < row.acknowledged || value > row.sent) {
      broken.push(`${id} is at ${value}, was acknowledged at ${row.acknowledged} and last sent ${row.sent}`);
    }
  }
  const before = await dotsOf(agent);
  const dots = [...before].map(line => line.slice(line.indexOf(' ') + 1));
  if (new Set(dots).size < dots.length) broken.push('two records have one number');
  // Whoever got no answer sends again what is there already: nothing may come of it.
  const again = [...addresses].filter(([id]) => written.has(id));
  for (const [id, address] of again) {
    const { status } = await agent.register(id, address);
    if (status !== 200) broken.push(`${id} was answered ${status} when it was sent again`);
  }
  const after = await dotsOf(agent);
  for (const line of after)
    if (!before.has(line) && line.startsWith('svc-')) broken.push(`${line} was written twice`);
  return broken;
}

/** `<id> <author> <epoch>/<sequence>` of all that an agent holds about services. */
export async function dotsOf(agent: AgentProcess): Promise<ReadonlySet<string>> {
  const dots = new Set<string>();
  for (let after: string | null = ''; after !== null; ) {
    const query: string = after === '' ? '' : `&after=${after}`;
    const page: { readonly records: readonly RecordRow[]; readonly next: string | null } = await agent.get(
      `/records?limit=500${query}`,
    );
    for (const { id, records } of page.records)
      for (const { author, epoch, sequence } of records) dots.add(`${id} ${author} ${epoch}/${sequence}`);
    after = page.next;
  }
  return dots;
}

function addressOf(value: number): string {
  return `127.0.0.1:${firstPort + value}`;
}
