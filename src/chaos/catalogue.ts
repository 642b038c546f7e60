/** Every drill and every stage, by name. */
import type { Drill } from './drill.ts';
import { byzantine } from './drills/byzantine.ts';
import { killRestart, powerLoss, rollingRestart } from './drills/crashes.ts';
import { latency, loss } from './drills/links.ts';
import { monkey } from './drills/monkey.ts';
import { brokenLink, flapping, isolateOne, oneWay, partitionHalves } from './drills/partitions.ts';
import { clockSkew, cpuStarvation, fullDisk, memoryLimit, pause } from './drills/starvation.ts';
import { storm } from './drills/storm.ts';
import { remembering, type StageKind } from './stage.ts';
import { dockerStage } from './stages/docker-stage.ts';
import { namespaceStage } from './stages/namespace-stage.ts';
import { processStage } from './stages/process-stage.ts';

export const drills: readonly Drill[] = [
  partitionHalves,
  isolateOne,
  oneWay,
  brokenLink,
  flapping,
  loss,
  latency,
  killRestart,
  rollingRestart,
  powerLoss,
  pause,
  cpuStarvation,
  memoryLimit,
  fullDisk,
  clockSkew,
  storm,
  byzantine,
  monkey,
];

export const stageKinds: readonly StageKind[] = [processStage, namespaceStage, dockerStage()].map(
  remembering,
);
