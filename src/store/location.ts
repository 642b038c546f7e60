/** Where the database lies, and what to tell a person when it cannot be opened there. */
import { constants } from 'node:fs';
import { access, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FirsthandError } from '../errors.ts';

/** Apart from the identity key, so that a damaged database can be moved away and the identity stays. */
export function storeLocation(directory: string): string {
  return join(directory, 'store');
}

/**
 * Makes the data directory, and looks for what LevelDB would answer with a fresh start.
 *
 * @throws FirsthandError DATA_DIR_UNUSABLE, STORE_CORRUPT
 */
export async function prepareDirectory(directory: string): Promise<void> {
  const location = storeLocation(directory);
  let files: readonly string[];
  try {
    await mkdir(location, { recursive: true, mode: 0o700 });
    await access(location, constants.R_OK | constants.W_OK | constants.X_OK);
    files = await readdir(location);
  } catch (error) {
    throw unusable(directory, (error as Error).message, error);
  }
  // Without CURRENT LevelDB takes the folder for an empty one and clears away what it finds.
  if (!files.includes('CURRENT') && files.some(file => /\.(?:ldb|sst|log)$/.test(file))) {
    throw corrupt(directory, 'its file CURRENT is missing', undefined);
  }
}

/** Reasons that lie in the directory, not in what the database wrote. */
const environmental = /Permission denied|Operation not permitted|Read-only|No space|quota|Too many open/i;

export function openFailure(directory: string, error: unknown): FirsthandError {
  const cause = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
  if (cause.code === 'LEVEL_LOCKED') {
    const text = `another process holds the data directory ${directory}; stop it or use another directory`;
    return new FirsthandError('STORE_LOCKED', { text, directory }, error);
  }
  if (cause.code === 'LEVEL_CORRUPTION') return corrupt(directory, cause.message, error);
  if (cause.code === 'LEVEL_IO_ERROR' && !environmental.test(cause.message)) {
    return corrupt(directory, cause.message, error);
  }
  return unusable(directory, cause.message, error);
}

/** Opened, but something in it cannot be read. */
export function readFailure(directory: string, error: unknown): FirsthandError {
  return corrupt(directory, (error as Error).message, error);
}

export function tooNew(directory: string, found: number, known: number): FirsthandError {
  const text = `the database in ${directory} has schema version ${found} and this version of Firsthand knows ${known}; start a later Firsthand or use another directory`;
  return new FirsthandError('STORE_TOO_NEW', { text, directory, found, known });
}

function corrupt(directory: string, reason: string, cause: unknown): FirsthandError {
  const location = resolve(storeLocation(directory));
  const command = `mv ${quoted(location)} ${quoted(`${location}.damaged-${Date.now()}`)}`;
  const text =
    `the database in ${location} is damaged (${reason}); its files were kept. ` +
    `To go on, run: ${command} — and start again: the table comes back from the peers, ` +
    'services that were registered here must register again';
  return new FirsthandError('STORE_CORRUPT', { text, directory, command }, cause);
}

function unusable(directory: string, reason: string, cause: unknown): FirsthandError {
  const text = `the data directory ${directory} cannot be used: ${reason}`;
  return new FirsthandError('DATA_DIR_UNUSABLE', { text, directory }, cause);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
