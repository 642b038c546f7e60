/** What a person reads while only a part of the cluster can be reached. */
import type { PartitionBody } from './bodies.ts';
import { duration } from './display.ts';

/** Ids named in one sentence; a cluster can lose hundreds at once. */
const namedMaxCount = 12;

export function partitionSentence(partition: PartitionBody): string | undefined {
  const { state, since_ms, reachable, known, here, there } = partition;
  const since = since_ms === undefined ? '' : ` since ${duration(since_ms / 1_000)}`;
  switch (state) {
    case 'whole':
      return undefined;
    case 'suspected':
      return `${reachable} of ${known} known agents reachable; a partition is suspected${since}: here ${named(here)}; silent: ${named(there)}`;
    case 'isolated':
      return `isolated${since}: none of the ${known - 1} other known agents can be reached (${named(there)})`;
  }
}

export function named(ids: readonly string[]): string {
  if (ids.length <= namedMaxCount) return ids.join(', ');
  return `${ids.slice(0, namedMaxCount).join(', ')} and ${ids.length - namedMaxCount} more`;
}
