/** Questions for receipt, and how they are answered. */
import type { Effect } from '../effects.ts';
import type { Ledger } from '../record/ledger.ts';
import type { PeerId } from '../record/record.ts';
import { type HeldItem, heldItemsPerFrameMaxCount, shortDigest } from '../sync/message.ts';

/** In as many frames as it takes; none where there is nothing to ask. */
export function questions(to: PeerId, items: readonly HeldItem[]): readonly Effect[] {
  const effects: Effect[] = [];
  for (let i = 0; i < items.length; i += heldItemsPerFrameMaxCount) {
    const part = items.slice(i, i + heldItemsPerFrameMaxCount);
    effects.push({ type: 'send', to, message: { type: 'held?', items: part } });
  }
  return effects;
}

/** What a member asks us for and we have; it is told once that is on our disk. Of the rest nothing is said. */
export function receipt(from: PeerId, items: readonly HeldItem[], ledger: Ledger): readonly Effect[] {
  const digests = items
    .slice(0, heldItemsPerFrameMaxCount)
    .filter(({ subject, digest }) => {
      const record = ledger.recordBy(from, subject);
      return record !== undefined && shortDigest(record.digest) === digest;
    })
    .map(({ digest }) => digest);
  if (digests.length === 0) return [];
  const told: Effect = { type: 'send', to: from, message: { type: 'held', digests } };
  return [{ type: 'persist', operations: [], then: [told] }];
}
