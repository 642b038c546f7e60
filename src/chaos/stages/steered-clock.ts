/**
 * A wall clock for one process alone, by libfaketime, which stands between the process and the system.
 *
 * Only the wall clock moves; timers keep to the monotonic one. The library reads the offset from a file, so
 * that it can change while the process runs.
 */
import { globSync, renameSync, writeFileSync } from 'node:fs';

const places = ['/usr/lib/*/faketime', '/usr/lib/faketime', '/usr/local/lib/faketime', '/usr/lib64/faketime'];
const library = 'libfaketimeMT.so.1';

/** Why there can be none here. */
export function clockProblem(): string | undefined {
  if (process.platform !== 'linux') return 'setting the clock of one process needs libfaketime on Linux';
  return libraryPath() === undefined
    ? 'setting the clock of one process needs libfaketime (apt-get install libfaketime)'
    : undefined;
}

export class SteeredClock {
  readonly #file: string;

  /** @param file - Is made; where the offset stands. */
  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  /** What the process has to be started with. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: libraryPath() ?? '',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      // Reading the file at each look at the clock would cost more than the agent's own work.
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  set(offsetMs: number): void {
    // In one step: the process may read at any moment.
    writeFileSync(`${this.#file}.new`, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1_000}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

function libraryPath(): string | undefined {
  return globSync(places.map(place => `${place}/${library}`))[0];
}
