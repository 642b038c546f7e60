/** A process of a swarm: is sent one seed after the other, and answers with a report each. */
import { runSeed, type SeedTask } from './seed-report.ts';

process.on('message', (task: SeedTask) => {
  void runSeed(task).then(report => process.send?.(report));
});
