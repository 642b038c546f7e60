/** What survives when an agent is killed again and again while it is written to. */
import { Playground } from '../../src/chaos/stages/agent-process.ts';
import { crashUnderLoad } from '../../test/cluster/crash-load.ts';
import { type Figure, never } from './figures.ts';
import type { BenchOptions } from './options.ts';

export async function crash({ repetitions = 100 }: BenchOptions): Promise<readonly Figure[]> {
  const playground = await Playground.open();
  try {
    const { broken, acknowledged } = await crashUnderLoad(playground, repetitions, Math.random);
    for (const text of broken) console.error(text);
    return [
      { name: `registrations acknowledged over ${repetitions} kills`, value: acknowledged, unit: '' },
      never('registrations lost or written twice', broken.length, ''),
    ];
  } finally {
    await playground.close();
  }
}
