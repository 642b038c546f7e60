/** Below this nothing comes back: what remains of a tombstone after it was reaped. */
import type { Dot, PeerId } from './record.ts';

export interface FloorEntry extends Dot {
  readonly author: PeerId;
}
