/** Every drill and every stage, by name. */
import type { Drill } from './drill.ts';
import { brokenLink, flapping, isolateOne, oneWay, partitionHalves } from './drills/partitions.ts';
import type { StageKind } from './stage.ts';
import { processStage } from './stages/process-stage.ts';

export const drills: readonly Drill[] = [partitionHalves, isolateOne, oneWay, brokenLink, flapping];

export const stageKinds: readonly StageKind[] = [processStage];
