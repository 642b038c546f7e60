/** Files that only their owner may read: whole or absent, and on the disk once they are said to be written. */
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FirsthandError } from '../errors.ts';

const passphraseMaxBytes = 1_024;

export type PrivateFile =
  | { readonly ok: true; readonly text: string }
  /** `problem` ends a sentence about the file. */
  | { readonly ok: false; readonly problem: string; readonly cause?: unknown };

/** `undefined` when there is no such file. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<PrivateFile | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    // Without waiting: a pipe in the place of the file must not hang the start.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    return { ok: false, problem: `cannot be read (${codeOf(error)})`, cause: error };
  }
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      return { ok: false, problem: `is open to other users (mode ${shown}); run: chmod 600 ${quoted(path)}` };
    }
    if (size > maxBytes) return { ok: false, problem: `has ${size} bytes, at most ${maxBytes} make sense` };
    return { ok: true, text: await file.readFile('utf8') };
  } catch (error) {
    return { ok: false, problem: `cannot be read (${codeOf(error)})`, cause: error };
  } finally {
    await file.close();
  }
}

/** In place of what was there; 0600. @throws NodeJS.ErrnoException */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(draft, { force: true }); // Of a write that was killed before the rename.
  await writeDurably(draft, text);
  await rename(draft, path);
  await flushDirectory(dirname(path));
}

/** Only where there is none. @returns False when there is one already. @throws NodeJS.ErrnoException */
export async function createPrivateFile(path: string, text: string): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeDurably(path, text);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  await flushDirectory(dirname(path));
  return true;
}

/** At the end of what was there. @throws NodeJS.ErrnoException */
export async function appendPrivateFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A name survives a power failure only when the directory is flushed too. */
export async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // Directories cannot be opened there.
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a passphrase file holds, without the newline at its end. @throws FirsthandError AUTHORITY_UNUSABLE */
export async function readPassphrase(path: string): Promise<string> {
  const file = (await readPrivateFile(path, passphraseMaxBytes)) ?? { ok: false, problem: 'does not exist' };
  const problem = file.ok ? (file.text.trim() === '' ? 'is empty' : undefined) : file.problem;
  if (!file.ok || problem !== undefined) {
    throw new FirsthandError('AUTHORITY_UNUSABLE', { text: `the passphrase file ${path} ${problem}`, path });
  }
  return file.text.replace(/\r?\n$/, '');
}

/** The system's word for what went wrong. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
