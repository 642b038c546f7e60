/** Bugs that the simulator has to notice: who checks the checkers? */

import { answerBugs } from './planted/answer-bugs.ts';
import type { PlantedBug } from './planted/bug.ts';
import { conductBugs } from './planted/conduct-bugs.ts';
import { detectorBugs } from './planted/detector-bugs.ts';
import { outboxBugs } from './planted/outbox-bugs.ts';
import { recordBugs } from './planted/record-bugs.ts';
import { syncBugs } from './planted/sync-bugs.ts';

export const plantedBugs: readonly PlantedBug[] = [
  ...recordBugs,
  ...syncBugs,
  ...detectorBugs,
  ...conductBugs,
  ...outboxBugs,
  ...answerBugs,
];
