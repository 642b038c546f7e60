/** `firsthand watch`: live events, resumed after every interruption so that none is missed. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { FirsthandError } from '../../errors.ts';
import {
  type ConflictEventData,
  eventKinds,
  type HealthEventData,
  type LivenessEventData,
  type PartitionEventData,
  type PeerBody,
  type RecordEventData,
} from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { type Context, jsonText } from '../context.ts';
import { clockTime, safe, shortPeer } from '../display.ts';
import type { StreamEvent } from '../event-stream.ts';
import type { Io } from '../io.ts';
import { oneOf } from '../option-values.ts';
import { paint, stateColour } from '../table.ts';

const firstPauseMs = 250;
const longestPauseMs = 5_000;

export function define(command: Command, context: Context): void {
  const checked = oneOf('--kind', eventKinds);
  command
    .option(
      '--kind <kind>',
      `only ${eventKinds.join(', ')} (repeatable)`,
      (value: string, before: string[] = []) => [...before, ...value.split(',').map(checked)],
    )
    .action(async (options: { readonly kind?: readonly string[] }) => {
      const { io } = context;
      const client = await clientFor(io, context.globals());
      const ended = new AbortController();
      const cancel = io.onSignal(() => ended.abort());
      try {
        const path = options.kind === undefined ? '/events' : `/events?kind=${options.kind.join(',')}`;
        await follow(client, path, ended.signal, io, context.globals().json === true);
      } finally {
        cancel();
      }
    });
}

/** Ends when `signal` fires or nobody reads the output any more. */
async function follow(
  client: AgentClient,
  path: string,
  signal: AbortSignal,
  io: Io,
  json: boolean,
): Promise<void> {
  let lastEventId: string | undefined;
  let connectedOnce = false;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    let complaint = 'the agent closed the stream';
    try {
      for await (const event of client.events(path, lastEventId, signal)) {
        connectedOnce = true;
        pauseMs = firstPauseMs;
        if (event.id !== '') lastEventId = event.id;
        const line = json ? jsonLine(event) : textLine(event, io.colour);
        if (!(await io.out(`${line}\n`))) return;
      }
      connectedOnce = true;
    } catch (error) {
      // A wrong address or secret is told at once; an agent that was there may come back.
      if (!connectedOnce || !(error instanceof FirsthandError) || !error.kind.retry) throw error;
      complaint = error.message;
    }
    if (signal.aborted) return;
    if (pauseMs === firstPauseMs) io.err(`firsthand: ${safe(complaint)}; trying again until it is back\n`);
    await wait(pauseMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {
      // Only the signal ends the wait early, and the loop looks at it next.
    });
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
}

function jsonLine({ id, event, data }: StreamEvent): string {
  return jsonText({ id, event, data: parsed(data) });
}

function textLine({ event, data }: StreamEvent, colour: boolean): string {
  const fields = parsed(data);
  const at =
    typeof fields === 'object' && fields !== null && 'at' in fields
      ? new Date(String(fields.at))
      : new Date();
  const time = Number.isNaN(at.getTime()) ? '--:--:--.---' : clockTime(at);
  return `${paint(time, 'dim', colour)}  ${safe(event).padEnd(9)}  ${sentence(event, fields, colour)}`;
}

function sentence(event: string, fields: unknown, colour: boolean): string {
  switch (event) {
    case 'record':
      return recordSentence(fields as RecordEventData);
    case 'liveness': {
      const { by, ...change } = fields as LivenessEventData;
      return stateSentence(change, by.length === 0 ? '' : `accused by ${by.join(', ')}`, colour);
    }
    case 'health': {
      const { reason, ...change } = fields as HealthEventData;
      return stateSentence(change, reason, colour);
    }
    case 'partition':
      return partitionSentence(fields as PartitionEventData, colour);
    case 'conflict': {
      const { id, kind, authors } = fields as ConflictEventData;
      return safe(`${id}: ${kind} between ${authors.map(shortPeer).join(', ')}`);
    }
    case 'reset':
      return 'some events are gone: what is shown from here on may not follow from what came before';
    default:
      // A kind of a later agent: its data as it is.
      return safe(JSON.stringify(fields) ?? '');
  }
}

function recordSentence({ id, change, node, author, epoch, sequence }: RecordEventData): string {
  const says = change === 'departed' ? '' : `  ${nodeText(node)}`;
  return safe(`${id} ${change}${says}  by ${shortPeer(author)} ${epoch}/${sequence}`);
}

function nodeText(node: PeerBody): string {
  return `${node.address} ${node.node_type} metrics ${node.metrics_port} [${node.capabilities.join(',')}]`;
}

interface StateChange {
  readonly id: string;
  readonly from: string | null;
  readonly to: string;
}

function stateSentence({ id, from, to }: StateChange, why: string, colour: boolean): string {
  const change = `${safe(from ?? 'unknown')} -> ${paint(safe(to), stateColour(to), colour)}`;
  return `${safe(id)} ${change}${why === '' ? '' : `  (${safe(why)})`}`;
}

function partitionSentence({ state, reachable, known }: PartitionEventData, colour: boolean): string {
  return `${paint(safe(state), stateColour(state), colour)}: ${reachable} of ${known} known agents reachable`;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    // Shown as the text it is.
    return data;
  }
}
