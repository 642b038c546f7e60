/** Chance from a seed, the same on every machine: sfc32 (Doty-Humphrey, PractRand). */
import type { Random } from '../core/random.ts';

/** @param stream - Tells independent streams of one seed apart, so that adding draws to one does not move the others. */
export function seededRandom(seed: number, stream = ''): Random {
  let a = seed >>> 0;
  let b = hash(stream);
  let c = Math.floor(seed / 2 ** 32) >>> 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) next();
  return { next };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
