/**
 * Files that are whole or absent, whatever happens while they are written: under another name first, flushed, then
 * renamed. Readable by their owner only.
 */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

export async function replaceDurably(path: string, text: string): Promise<void> {
  const draft = `${path}.tmp`;
  await rm(draft, { force: true }); // Of a process that was killed before the rename.
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await flushDirectory(dirname(path));
}

/** A rename survives a power failure only when the directory is flushed too. */
async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // Directories cannot be opened there.
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
