/** What must hold when the faults are over. Each answers with sentences; none means it holds. */
import { metricsUrl } from '../core/backends/checks.ts';
import type { ConfirmationOutcome } from '../core/confirm/confirmation.ts';
import { isSameContent, type NodeId } from '../core/record/node.ts';
import { expiryEpochMs } from '../core/sync/expiry.ts';
import type { SimAgent } from './agent.ts';
import type { Clinic } from './clinic.ts';
import type { Predecessors } from './predecessors.ts';

/** Agents that hold different records, list different nodes, or do not list everybody as alive. */
export function disagreements(agents: readonly SimAgent[]): readonly string[] {
  const [first, ...others] = agents.filter(agent => agent.isUp);
  if (first === undefined) return ['nobody is up'];
  const found: string[] = [];
  // What is about to be forgotten may be so at some already: nobody compares that.
  const since = Math.max(...agents.filter(({ isUp }) => isUp).map(comparedSince));
  const { root } = first.protocol.tree.root(since);
  const listed = listing(first);
  for (const agent of others) {
    if (agent.protocol.tree.root(since).root !== root)
      found.push(`${agent.id} and ${first.id} hold different records: ${difference(agent, first)}`);
    else if (listing(agent) !== listed)
      found.push(`${agent.id} and ${first.id} hold the same but list differently`);
  }
  for (const agent of agents.filter(({ isUp }) => isUp)) {
    for (const { id } of agents) {
      const status = agent.protocol.table.listing.get(id)?.status;
      if (status !== 'alive') found.push(`${agent.id} lists ${id} as ${status ?? 'absent'}`);
    }
  }
  return found;
}

/** Services that are ill and not listed so, or the other way round. */
export function misjudgements(agents: readonly SimAgent[], clinic: Clinic): readonly string[] {
  return agents
    .filter(({ isUp }) => isUp)
    .flatMap(agent =>
      agent.protocol.table.listing
        .nodes()
        .filter(({ peerId }) => peerId === undefined)
        .flatMap(({ id, address, metricsPort, status }) => {
          const host = address.slice(0, address.lastIndexOf(':'));
          const expected = clinic.isWell(metricsUrl({ host, port: metricsPort })) ? 'alive' : 'unhealthy';
          return status === expected ? [] : [`${agent.id} lists ${id} as ${status}, and it is ${expected}`];
        }),
    );
}

/** Pairs of running agents of which one does not see the other alive. */
export function notAlive(agents: readonly SimAgent[]): readonly string[] {
  const up = agents.filter(({ isUp }) => isUp);
  return up.flatMap(({ id, peer, protocol }) =>
    up
      .filter(other => other.peer !== peer && protocol.livenessOf(other.peer) !== 'alive')
      .map(other => `${id} takes ${other.id} for ${protocol.livenessOf(other.peer)}`),
  );
}

/** Nodes of the predecessor that an agent does not list as they are, and services that they have not heard of. */
export function unbridged(agents: readonly SimAgent[], predecessors: Predecessors): readonly string[] {
  const running = agents.filter(({ isUp }) => isUp);
  const unseen = running.flatMap(agent =>
    predecessors.nodes
      .filter(({ id, node }) => {
        const listed = agent.protocol.table.listing.get(id);
        return listed === undefined || !isSameContent(listed, node);
      })
      .map(({ id }) => `${agent.id} does not list ${id} as it is`),
  );
  const untold = running.flatMap(agent =>
    agent.protocol.bridge
      .views(0)
      .filter(({ url }) => predecessors.isUp(url))
      .flatMap(({ url }) => untoldServices(agent, url, predecessors)),
  );
  return [...unseen, ...untold];
}

/** Among the services of an agent that the cluster sees as that agent says them. */
function untoldServices(agent: SimAgent, url: string, predecessors: Predecessors): readonly string[] {
  const { hosting, table } = agent.protocol;
  return [...hosting.hostedIds()]
    .filter(id => {
      const { winner, vouchers } = table.ledger.resolution(id);
      if (winner?.body.type !== 'entry' || !vouchers.some(({ author }) => author === agent.peer))
        return false;
      const known = predecessors.knows(url, id);
      return known === undefined || !isSameContent(known, winner.body.node);
    })
    .map(id => `${agent.id} hosts ${id}, and ${url} has not heard of it`);
}

/** Services that their own host believes to host, and that are not in its table. */
export function lostWrites(agents: readonly SimAgent[]): readonly string[] {
  return agents.flatMap(agent => {
    if (!agent.isUp) return [`${agent.id} is down in the end`];
    const { hosting, table } = agent.protocol;
    return [...hosting.hostedIds()]
      .filter(id => table.ledger.recordBy(agent.peer, id)?.body.type !== 'entry')
      .map(id => `${agent.id} hosts ${id} but holds no entry of its own about it`);
  });
}

/** Where departures are kept for less than an epoch, some have forgotten what is in the present one. */
function comparedSince({ protocol, machine }: SimAgent): number {
  const { wallMs } = machine;
  const since = protocol.sync.since({ monoMs: 0, wallMs });
  return since * expiryEpochMs >= wallMs - expiryEpochMs ? Number.POSITIVE_INFINITY : since;
}

/**
 * Members that are said to hold what an agent wrote, and hold nothing of it; and names that do not say who is meant.
 * To be asked when it is said. Whoever lost its disk since it answered has another key, and is not asked.
 */
export function brokenPromises(
  origin: SimAgent,
  id: NodeId,
  { confirmed, missing }: ConfirmationOutcome,
  agents: readonly SimAgent[],
): readonly string[] {
  const { ledger } = origin.protocol.table;
  const names = [...confirmed, ...missing];
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  // Who has no name is called by its key.
  const keyOf = (name: NodeId) => ledger.resolution(name).winner?.author ?? name;
  return [
    ...twice.map(name => `${origin.id} calls two members ${name} that hold ${id} or should`),
    ...confirmed.flatMap(name =>
      agents
        .filter(({ isUp, peer }) => isUp && peer === keyOf(name))
        .filter(agent => agent.protocol.table.ledger.recordBy(origin.peer, id) === undefined)
        .map(agent => `${agent.id} does not hold ${id}, which ${origin.id} believes of ${name}`),
    ),
  ];
}

/** The first few records that only one of two agents holds. */
function difference(a: SimAgent, b: SimAgent): string {
  const only = (one: SimAgent, other: SimAgent) => {
    const held = new Set(Array.from(other.protocol.table.ledger.records(), ({ digest }) => digest));
    return [...one.protocol.table.ledger.records()]
      .filter(({ digest }) => !held.has(digest))
      .slice(0, 3)
      .map(
        ({ subject, author, epoch, sequence, body }) =>
          `only ${one.id} the ${body.type} of ${subject} by ${author.slice(-6)} ${epoch}/${sequence}`,
      );
  };
  return [...only(a, b), ...only(b, a)].join('; ');
}

function listing(agent: SimAgent): string {
  return [...agent.protocol.table.listing.nodes()]
    .map(({ id, address, status, authors }) => `${id} ${address} ${status} ${authors.join()}`)
    .sort()
    .join('\n');
}
