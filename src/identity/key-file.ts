/**
 * The key of an agent on disk: PKCS#8 in PEM, readable by its owner only.
 *
 * Written under another name, flushed, and renamed, so that the file is whole or absent. Call this
 * while the store of the same directory is open: its lock keeps a second process from making a key
 * at the same moment.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { FirsthandError } from '../errors.ts';
import { AgentKey } from './agent-key.ts';
import { replaceDurably } from './durable-file.ts';

export const keyFileName = 'identity.key';

/** The PEM of an Ed25519 key has 119 bytes. */
const fileMaxBytes = 4_096;

/**
 * Reads the key, or makes one when there is none.
 *
 * @throws FirsthandError KEY_UNUSABLE when there is a file but no usable key in it, or when a new one
 *   cannot be written: it is never replaced, for the identity would be lost with it.
 */
export async function openKeyFile(options: { readonly directory: string }): Promise<AgentKey> {
  const path = join(options.directory, keyFileName);
  return (await readKey(path)) ?? (await makeKey(options.directory, path));
}

/** The key in a file, or `undefined` without one. @throws FirsthandError KEY_UNUSABLE */
export async function readKey(path: string): Promise<AgentKey | undefined> {
  const file = await openForReading(path);
  if (file === undefined) return undefined;
  try {
    return parseKey(path, await readText(path, file));
  } finally {
    await file.close();
  }
}

async function openForReading(path: string): Promise<FileHandle | undefined> {
  try {
    // Without waiting: a pipe in the place of the file must not hang the start.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw unusable(path, `cannot be read (${reasonOf(error)})`, error);
  }
}

async function readText(path: string, file: FileHandle): Promise<string> {
  const { mode, size } = await file.stat();
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw unusable(path, `is open to other users (mode ${shown}); run: chmod 600 ${quoted(path)}`);
  }
  if (size > fileMaxBytes) throw unusable(path, `has ${size} bytes, which no key has`);
  try {
    return await file.readFile('utf8');
  } catch (error) {
    throw unusable(path, `cannot be read (${reasonOf(error)})`, error);
  }
}

function parseKey(path: string, text: string): AgentKey {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey({ key: text, format: 'pem' });
  } catch (error) {
    throw unusable(path, 'is not an unencrypted private key in PEM form', error);
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw unusable(path, `holds a key of type ${key.asymmetricKeyType}, not Ed25519`);
  }
  return new AgentKey(key);
}

/** A new key in a file of this name, whole and flushed. @throws FirsthandError KEY_UNUSABLE */
export async function makeKey(directory: string, path: string): Promise<AgentKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await replaceDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  } catch (error) {
    throw unusable(path, `cannot be written (${reasonOf(error)})`, error);
  }
  return new AgentKey(privateKey);
}

export async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename survives a power failure only when the directory is flushed too. */
export async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return; // Directories cannot be opened there.
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function unusable(path: string, what: string, cause?: unknown): FirsthandError {
  return new FirsthandError('KEY_UNUSABLE', { text: `the identity key ${path} ${what}`, path }, cause);
}

export function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
