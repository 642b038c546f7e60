/** What one member with a valid key can do to the others by accusing all of them, all the time. */
import { HostileMember } from '../../src/chaos/hostile-member.ts';
import { type Figure, median, never } from './figures.ts';
import { agentsUsualCount, pairs, pause, progress, withFleet } from './fleet.ts';
import type { BenchOptions } from './options.ts';

const shoutEveryMs = 2_000;
/** Of the fleet's agents, who are started without a name for theirs. */
const cluster = 'default';

export function liar({ agents = agentsUsualCount, seconds = 60 }: BenchOptions): Promise<readonly Figure[]> {
  return withFleet({ agents }, async fleet => {
    const [seed] = fleet.ids;
    const liar = new HostileMember({ cluster, seed: fleet.agent(seed as string).seed });
    const mark = fleet.mark();
    let lies = 0;
    try {
      await liar.start();
      progress(`liar: has joined ${agents} agents, shouts for ${seconds} s`);
      for (const untilMs = performance.now() + seconds * 1_000; performance.now() < untilMs; ) {
        lies += liar.shout();
        await pause(shoutEveryMs);
      }
      const scores = await Promise.all(
        fleet.ids.map(async id => {
          const { members } = await fleet
            .agent(id)
            .get<{ members: readonly { readonly id: string; readonly score: number }[] }>('/detector');
          return members.find(member => member.id === liar.id)?.score ?? Number.NaN;
        }),
      );
      const isHonest = (id: string) => id !== liar.id;
      const seen = fleet.since(mark);
      return [
        never(
          `liar: healthy agents declared dead, ${agents} agents, ${lies} lies`,
          pairs(seen, 'dead', isHonest).size,
          'pairs',
        ),
        {
          name: 'liar: healthy agents suspected',
          value: pairs(seen, 'suspect', isHonest).size,
          unit: 'pairs',
        },
        { name: 'liar: its score at the others in the end, p50', value: median(scores), unit: 'of 100' },
      ];
    } finally {
      await liar.stop();
    }
  });
}
