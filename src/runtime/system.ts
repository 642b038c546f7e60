/** The machine's own clock and chance. */
import { randomBytes } from 'node:crypto';
import type { Random } from '../core/random.ts';
import type { Clock } from './ports.ts';

export const systemClock: Clock = {
  now: () => ({ monoMs: performance.now(), wallMs: Date.now() }),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon: callback => {
    setImmediate(callback);
  },
};

export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};
