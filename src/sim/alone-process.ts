/**
 * Recorded agents, one after the other, in a process that has nothing else to do: the file in the first argument, what
 * each cost in ms of processor a minute as JSON on standard output.
 */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { type Recordings, runAlone } from './large-cluster.ts';
import { cpuMs } from './process-cpu.ts';

/** An agent runs for days; what is compiled in its first seconds is not charged. */
const warmUpRounds = 4;
const rounds = 3;

const { recordings, ...run } = deserialize(readFileSync(process.argv[2] ?? '')) as Recordings;
const measured: number[] = [];
for (let round = -warmUpRounds; round < rounds; round++) {
  for (const recording of recordings) {
    const ms = await runAlone(run, recording, { cpuMs });
    if (round >= 0) measured.push(ms);
  }
}
console.log(JSON.stringify(measured));
