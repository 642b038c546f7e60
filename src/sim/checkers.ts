/** What must hold when the faults are over. Each answers with sentences; none means it holds. */
import { metricsUrl } from '../core/backends/checks.ts';
import type { ConfirmationOutcome } from '../core/confirm/confirmation.ts';
import type { NodeId } from '../core/record/node.ts';
import type { SimAgent } from './agent.ts';
import type { Clinic } from './clinic.ts';

/** Agents that hold different records, list different nodes, or do not list everybody as alive. */
export function disagreements(agents: readonly SimAgent[]): readonly string[] {
  const [first, ...others] = agents.filter(agent => agent.isUp);
  if (first === undefined) return ['nobody is up'];
  const found: string[] = [];
  const fingerprint = first.protocol.table.ledger.fingerprint;
  const listed = listing(first);
  for (const agent of others) {
    const { ledger } = agent.protocol.table;
    if (ledger.fingerprint !== fingerprint) found.push(`${agent.id} and ${first.id} hold different records`);
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

/** Members that are said to hold what an agent wrote, and hold nothing of it. To be asked when it is said. */
export function brokenPromises(
  origin: SimAgent,
  id: NodeId,
  { confirmed }: ConfirmationOutcome,
  agents: readonly SimAgent[],
): readonly string[] {
  return agents
    .filter(agent => agent.isUp && confirmed.includes(agent.id))
    .filter(agent => agent.protocol.table.ledger.recordBy(origin.peer, id) === undefined)
    .map(agent => `${agent.id} does not hold ${id}, which ${origin.id} believes`);
}

function listing(agent: SimAgent): string {
  return [...agent.protocol.table.listing.nodes()]
    .map(({ id, address, status, authors }) => `${id} ${address} ${status} ${authors.join()}`)
    .sort()
    .join('\n');
}
