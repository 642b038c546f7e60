/** A small disk that can be full: a file system in memory, for one agent. Needs root. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trouble } from './command.ts';

/** Why there can be none here; tried. */
export function diskProblem(): string | undefined {
  if (process.platform !== 'linux')
    return 'a disk of its own for an agent needs tmpfs, a file system of Linux';
  if (process.getuid?.() !== 0) return 'a disk of its own for an agent needs root, to mount it';
  const path = mkdtempSync(join(tmpdir(), 'firsthand-mount-'));
  try {
    const problem = mount(path, 1);
    if (problem !== undefined) return `no disk can be mounted: ${problem}`;
    unmount(path);
    return undefined;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

export class SmallDisk {
  readonly path: string;
  #isMounted = false;

  /** @throws Error with what `mount` said */
  constructor(path: string, sizeMib: number) {
    this.path = path;
    mkdirSync(path, { recursive: true });
    const problem = mount(path, sizeMib);
    if (problem !== undefined) throw new Error(problem);
    this.#isMounted = true;
  }

  /** Takes everything that is left but so much. */
  fill(leaveBytes: number): void {
    this.free();
    const { bavail, bsize } = statfsSync(this.path);
    writeFileSync(this.#filler, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes), 1));
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** With everything on it. Waits for nothing, so that it can be done while the process exits. */
  close(): void {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    unmount(this.path);
  }

  get #filler(): string {
    return join(this.path, 'filler');
  }
}

/** Lazily: a process that was just killed may hold a file for a moment. */
export function unmount(path: string): void {
  trouble('umount', ['--lazy', path]);
}

/** Disks under this folder that are still mounted. */
export function mountedUnder(folder: string): readonly string[] {
  if (process.platform !== 'linux') return [];
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[1] ?? '')
    .filter(path => path.startsWith(`${folder}/`));
}

function mount(path: string, sizeMib: number): string | undefined {
  return trouble('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', path]);
}
