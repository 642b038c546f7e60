/**
 * Which part of the cluster an answer speaks for.
 *
 * A list is never held back because some agents are silent: it says `Firsthand-View: 7/12`, and whoever
 * must not act on less than most of the cluster asks with `?require=majority`.
 */
import type { FastifyReply } from 'fastify';
import type { PartitionView } from '../core/view.ts';
import { FirsthandError } from '../errors.ts';
import type { AgentPort } from '../runtime/agent-port.ts';
import type { Query } from './query.ts';

/** `<reachable>/<known>` agents, the one that answers included in both. */
export const viewHeader = 'firsthand-view';

export function markView(reply: FastifyReply, agent: AgentPort): PartitionView {
  const partition = agent.partition();
  reply.header(viewHeader, `${partition.reachable}/${partition.known}`);
  return partition;
}

/** @throws FirsthandError INVALID_QUERY; NO_MAJORITY when one is required and not there. */
export function checkRequired(query: Query, { isMajority, reachable, known }: PartitionView): void {
  if (query.choice('require', ['majority']) === undefined || isMajority) return;
  throw new FirsthandError('NO_MAJORITY', {
    text: `this agent reaches ${reachable} of ${known} known agents, no majority`,
  });
}
