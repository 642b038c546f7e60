/**
 * Folders of runs, and what runs that were killed have left behind: processes, disks and folders.
 *
 * A folder's name holds the pid of the process that made it, so that what a dead one left can be told from
 * what is in use. Only processes that were started on a data directory in such a folder are ended.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountedUnder, unmount } from './small-disk.ts';

const prefix = 'firsthand-chaos-';

/** A new folder for this process. */
export function openFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
}

/** With the disks in it. Waits for nothing, so that it can be done while the process exits. */
export function removeFolder(folder: string): void {
  for (const disk of mountedUnder(folder)) unmount(disk);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** @returns What was taken away, in words. */
export function removeLeftovers(): readonly string[] {
  const abandoned = readdirSync(tmpdir())
    .filter(name => {
      const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
      // Kept ones have no processes and no disks; whoever asked for them removes them.
      return pid !== undefined && !isAlive(Number(pid)) && !existsSync(join(tmpdir(), name, keptMark));
    })
    .map(name => join(tmpdir(), name));
  return abandoned.map(folder => {
    const pids = agentsIn(folder);
    for (const pid of pids) kill(pid);
    removeFolder(folder);
    return `${folder} with ${pids.length} agents still running`;
  });
}

/** A file with this name says that somebody wants the folder. */
export const keptMark = 'kept';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function agentsIn(folder: string): readonly number[] {
  if (!existsSync('/proc/self/cmdline')) return []; // Elsewhere than on Linux nobody can be told for sure.
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words[words.indexOf('--data-dir') + 1]?.startsWith(`${folder}/`) === true;
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}
