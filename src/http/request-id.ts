/** A name for each request, in its answer and in the log; the caller's own where that is sane. */
import { randomBytes } from 'node:crypto';

const sane = /^[A-Za-z0-9._:-]{1,128}$/;

/** Counts within a random prefix per process: unique enough to search logs for, and free. */
export function requestIds(): (given: string | readonly string[] | undefined) => string {
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return given => {
    if (typeof given === 'string' && sane.test(given)) return given;
    count += 1;
    return `${prefix}-${count.toString(36)}`;
  };
}
