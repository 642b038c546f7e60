/**
 * A large cluster in a process of its own: options as JSON in the first argument, the result as JSON on standard
 * output. A second argument names the file that recordings go to.
 */
import { writeFileSync } from 'node:fs';
import { serialize } from 'node:v8';
import { type LargeClusterOptions, runLargeCluster } from './large-cluster.ts';
import { cpuMs } from './process-cpu.ts';

const [, , options = '', file] = process.argv;
const result = await runLargeCluster(JSON.parse(options) as LargeClusterOptions, {
  cpuMs,
  onRecorded: recordings => {
    if (file !== undefined) writeFileSync(file, serialize(recordings));
  },
});
console.log(JSON.stringify(result));
