/** Events as server-sent events: `id`, `event` and one line of JSON `data`. */
import type { AgentEvent, NodeView } from '../core/view.ts';
import type { AgentPort, EventEntry } from '../runtime/agent-port.ts';
import { nodeJson } from './node-json.ts';

/** All kinds that the contract names; a caller may filter for one that does not happen here. */
export const eventKinds = ['record', 'liveness', 'health', 'partition', 'conflict'] as const;
export type EventKind = (typeof eventKinds)[number];

/** One event ready to be written, with what filters look at. */
export interface EventFrame {
  readonly kind: AgentEvent['event'];
  /** The node that it is about; absent when it is about the cluster. */
  readonly subject?: string;
  readonly text: string;
}

export function frameOf(entry: EventEntry): EventFrame {
  return frame(entry.event, entry.id);
}

/** What is known now, as if it had just happened, without ids: there is nothing to resume within. */
export function* snapshotFrames(agent: AgentPort, at: string): Generator<EventFrame> {
  for (const node of agent.listing.nodes()) {
    const event = addedEvent(agent, node, at);
    if (event !== undefined) yield frame(event);
  }
  for (const { id, state } of agent.status().agents) {
    yield frame({ event: 'liveness', data: { at, id, from: null, to: state, by: [] } });
  }
  const { state, reachable, known } = agent.partition();
  if (state !== 'whole') yield frame({ event: 'partition', data: { at, state, reachable, known } });
}

function addedEvent(agent: AgentPort, node: NodeView, at: string): AgentEvent | undefined {
  const subject = agent.subject(node.id);
  const winner = subject?.records.find(record => record.digest === subject.winner);
  // Gone since the list was taken: its departure follows as an event of its own.
  if (winner === undefined) return undefined;
  const { author, epoch, sequence } = winner;
  return { event: 'record', data: { at, id: node.id, change: 'added', node, author, epoch, sequence } };
}

/** The reader missed events and must ask anew for what it wants to know. */
export function resetText(at: string, reason: 'too-old' | 'too-slow', lastId: string | undefined): string {
  return sse('reset', { at, reason }, lastId);
}

function frame(event: AgentEvent, id?: string): EventFrame {
  const data = event.event === 'record' ? { ...event.data, node: nodeJson(event.data.node) } : event.data;
  const text = sse(event.event, data, id);
  return event.event === 'partition'
    ? { kind: event.event, text }
    : { kind: event.event, subject: event.data.id, text };
}

/** JSON has no line breaks, so `data` is always one line. */
function sse(event: string, data: object, id: string | undefined): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
