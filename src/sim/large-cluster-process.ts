/** A large cluster in a process of its own: options as JSON in the first argument, the result as JSON on standard output. */
import { type LargeClusterOptions, runLargeCluster } from './large-cluster.ts';

const options = JSON.parse(process.argv[2] ?? '') as LargeClusterOptions;
const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
console.log(JSON.stringify(await runLargeCluster(options, { cpuMs })));
