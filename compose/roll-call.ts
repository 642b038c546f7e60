/**
 * Asks every agent of the cluster whom it sees, from within the cluster's network.
 *
 * `scripts/cluster` feeds it to a node in one of the containers, so that it needs neither published ports
 * nor anything on the host but docker:
 *
 *     docker exec -i CONTAINER node --input-type=module-typescript - wait SECONDS ID=STATE... < roll-call.ts
 *     docker exec -i CONTAINER node --input-type=module-typescript - show ID=STATE...         < roll-call.ts
 *
 * `wait` ends when every agent sees every other one alive, itself included, or with 5 when time runs out.
 * `show` prints one table. STATE is the container's; whoever is not `running` is not asked and not waited for.
 */

interface Expected {
  readonly id: string;
  readonly state: string;
}

interface Peer {
  readonly id: string;
  readonly address: string;
  readonly node_type: string;
  readonly status: string;
  readonly capabilities: readonly string[];
}

interface Answer extends Expected {
  /** Absent: it did not answer. */
  readonly peers?: readonly Peer[];
  readonly isReady?: boolean;
  readonly root?: string;
}

const requestTimeoutMs = 2_000;
const pauseMs = 200;
const timedOutCode = 5;

const [mode = '', ...rest] = process.argv.slice(2);
const seconds = mode === 'wait' ? Number(rest.shift()) : 0;
const expected: readonly Expected[] = rest.map(word => {
  const [id = '', state = ''] = word.split('=');
  return { id, state };
});
const running = expected.filter(({ state }) => state.startsWith('running'));

async function get(id: string, path: string): Promise<Response> {
  return fetch(`http://${id}:7980${path}`, { signal: AbortSignal.timeout(requestTimeoutMs) });
}

async function ask(agent: Expected): Promise<Answer> {
  if (!running.includes(agent)) return agent;
  try {
    const [peers, ready, sync] = await Promise.all([
      get(agent.id, '/peers').then(answer => answer.json()),
      get(agent.id, '/health/ready'),
      get(agent.id, '/sync').then(answer => answer.json()),
    ]);
    return {
      ...agent,
      peers: peers as readonly Peer[],
      isReady: ready.ok,
      root: String((sync as { readonly root?: unknown }).root ?? ''),
    };
  } catch {
    return agent; // Shown as "no answer".
  }
}

function alive({ peers = [] }: Answer): readonly string[] {
  return running
    .map(({ id }) => id)
    .filter(id => peers.some(peer => peer.id === id && peer.status === 'alive'));
}

async function wait(): Promise<number> {
  const untilMs = performance.now() + seconds * 1_000;
  for (;;) {
    const answers = await Promise.all(running.map(ask));
    const missing = answers.filter(answer => alive(answer).length < running.length);
    if (missing.length === 0) return 0;
    if (performance.now() > untilMs) {
      for (const answer of missing) {
        const sees = answer.peers === undefined ? 'does not answer' : `sees only ${alive(answer).join(', ')}`;
        console.error(`${answer.id} ${sees}`);
      }
      return timedOutCode;
    }
    await new Promise(resolve => setTimeout(resolve, pauseMs));
  }
}

async function show(): Promise<number> {
  const answers = await Promise.all(expected.map(ask));
  const rows = answers.map(answer => {
    const own = answer.peers?.find(({ id }) => id === answer.id);
    if (answer.peers === undefined) {
      const says = answer.state.startsWith('running') ? 'no answer' : '-';
      return [answer.id, answer.state, says, '-', '-', '-'];
    }
    return [
      answer.id,
      answer.state,
      answer.isReady ? 'ready' : 'not ready',
      `${alive(answer).length} of ${expected.length}`,
      (answer.root ?? '').slice(0, 8),
      own?.node_type ?? '-',
    ];
  });
  printTable([['AGENT', 'CONTAINER', 'SAYS', 'SEES ALIVE', 'TABLE', 'TYPE'], ...rows]);
  printServices(answers);
  const isWhole = answers.every(answer => alive(answer).length === expected.length);
  return isWhole ? 0 : timedOutCode;
}

/** As the first agent that answers sees them. */
function printServices(answers: readonly Answer[]): void {
  const asked = answers.find(({ peers }) => peers !== undefined);
  if (asked === undefined) return;
  const agents = new Set(expected.map(({ id }) => id));
  const services = (asked.peers ?? []).filter(({ id }) => !agents.has(id));
  const words = services.map(({ id, status }) => `${id} ${status}`).sort();
  console.log(`\nServices, as ${asked.id} lists them: ${words.join(', ') || 'none'}`);
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  }
}

process.exitCode = await (mode === 'wait' ? wait() : show());
