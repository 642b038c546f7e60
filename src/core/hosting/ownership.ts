/**
 * Whose an id is, where a service signs its registrations with a key of its own.
 *
 * The key is part of the entry, so every agent knows it. It stays with the id when leases run out, or whoever waits
 * for a service to be down would have its name; only its owner gives it up, by deregistering. Even then what it had
 * signed before counts no more: each departure tells how late the last word was that counted. Both last as long as
 * departures are kept.
 */

import { compareHybrid } from '../record/hybrid-time.ts';
import type { Owner, ServiceKey } from '../record/node.ts';
import type { VerifiedRecord } from '../record/record.ts';
import { type Resolution, resolve } from '../record/resolution.ts';

/** The key without which nobody changes this entry. */
export function keyHolding(
  records: readonly VerifiedRecord[],
  { winner }: Resolution,
): ServiceKey | undefined {
  // Hints come from those that do not sign, and hide only from the listing what hosts have said.
  const last = winner?.authority === 'hint' ? resolve(records.filter(isOfHost)).winner : winner;
  if (last?.body.type === 'entry') return last.body.node.publicKey;
  if (last?.body.type !== 'departure' || last.body.reason !== 'withdrawn') return undefined;
  return records
    .filter(({ body }) => body.type === 'departure' && body.reason === 'withdrawn' && body.owner)
    .sort((a, b) => compareHybrid(b.time, a.time))
    .map(record => ownerIn(record)?.publicKey)[0];
}

/** When a key last said something about this id that counted, whole Unix seconds. */
export function lastWordS(records: readonly VerifiedRecord[], key: ServiceKey): number | undefined {
  const times = records.flatMap(record => {
    const owner = ownerIn(record);
    return owner?.publicKey === key ? [owner.lastUpdatedS] : [];
  });
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Whether one owner said both, and `other` first; a departure may be of the same second as what it ended. */
export function isLaterWord(record: VerifiedRecord, other: VerifiedRecord): boolean {
  const [later, earlier] = [ownerIn(record), ownerIn(other)];
  if (later === undefined || earlier?.publicKey !== later.publicKey) return false;
  const isDeparture = record.body.type === 'departure';
  return later.lastUpdatedS > earlier.lastUpdatedS - (isDeparture ? 1 : 0);
}

export function ownerIn({ body }: Pick<VerifiedRecord, 'body'>): Owner | undefined {
  if (body.type === 'departure') return body.owner;
  if (body.type !== 'entry' || body.node.publicKey === undefined) return undefined;
  const { publicKey, lastUpdatedS } = body.node;
  return { publicKey, lastUpdatedS };
}

function isOfHost({ authority }: VerifiedRecord): boolean {
  return authority === 'host';
}
