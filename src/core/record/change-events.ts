/** What to tell when an entry, or how it stands, has changed. */
import { failureTexts, recoveryText } from '../backends/outcome.ts';
import type { Effect } from '../effects.ts';
import { type ListingChange, viewOf } from '../membership/listing.ts';
import type { CoreEvent, LivenessState, NodeView } from '../view.ts';
import type { NodeId } from './node.ts';
import type { VerifiedRecord } from './record.ts';
import type { Resolution } from './resolution.ts';

export type RecordChange = 'added' | 'updated' | 'departed';

export function event(told: CoreEvent): Effect {
  return { type: 'event', event: told };
}

export function changeBetween(
  before: VerifiedRecord | undefined,
  after: VerifiedRecord | undefined,
): RecordChange | undefined {
  const was = before?.body.type === 'entry';
  const is = after?.body.type === 'entry';
  if (!was) return is ? 'added' : undefined;
  if (!is) return 'departed';
  return before.digest === after.digest ? undefined : 'updated';
}

/** For events about entries whose agents are all gone: they have no place in the listing. */
export function unlistedView({ winner, vouchers }: Resolution): NodeView | undefined {
  if (winner?.body.type !== 'entry') return undefined;
  return viewOf(
    winner,
    { status: 'suspect', ailment: undefined },
    vouchers.map(record => record.author),
  );
}

/** @param goneState - What an entry is that is not listed. */
export function livenessEvents(
  id: NodeId,
  { before, after }: ListingChange,
  goneState: 'dead' | 'left',
  by: readonly NodeId[],
): readonly Effect[] {
  const from = livenessOf(before) ?? 'dead';
  const to = livenessOf(after) ?? goneState;
  return from === to ? [] : [event({ event: 'liveness', data: { id, from, to, by } })];
}

/** Whoever is unhealthy answers for itself through a living agent. */
function livenessOf(view: NodeView | undefined): LivenessState | undefined {
  return view?.status === 'unhealthy' ? 'alive' : view?.status;
}

/** Whatever appears counts as healthy until it is told otherwise; of what is gone nothing is told. */
export function healthEvents(id: NodeId, { before, after }: ListingChange): readonly Effect[] {
  if (after === undefined) return [];
  const wasWell = before?.ailment === undefined;
  if (wasWell === (after.ailment === undefined)) return [];
  const [from, to] = wasWell ? (['healthy', 'unhealthy'] as const) : (['unhealthy', 'healthy'] as const);
  const reason = after.ailment === undefined ? recoveryText : failureTexts[after.ailment];
  return [event({ event: 'health', data: { id, from, to, reason } })];
}
