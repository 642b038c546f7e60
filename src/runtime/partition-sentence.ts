/** What a person reads while only a part of the cluster can be reached. */
import type { PartitionView } from '../core/view.ts';

/** Ids named in one sentence; a cluster can lose hundreds at once. */
const namedMaxCount = 12;

export function partitionSentence(partition: PartitionView): string | undefined {
  const { state, sinceMs = 0, reachable, known, isMajority, here, there } = partition;
  const since = `for ${Math.round(sinceMs / 1_000)} s`;
  switch (state) {
    case 'whole':
      return undefined;
    case 'suspected': {
      const side = isMajority ? '' : ', no majority';
      return `${reachable} of ${known} known agents reachable${side}; a partition is suspected ${since}: here ${named(here)}; silent: ${named(there)}`;
    }
    case 'isolated':
      return `isolated ${since}: none of the ${known - 1} other known agents can be reached (${named(there)})`;
  }
}

export function named(ids: readonly string[]): string {
  if (ids.length <= namedMaxCount) return ids.join(', ');
  return `${ids.slice(0, namedMaxCount).join(', ')} and ${ids.length - namedMaxCount} more`;
}
