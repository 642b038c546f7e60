/**
 * The key of an agent on disk: PKCS#8 in PEM, readable by its owner only, and encrypted where there is something to
 * encrypt it with.
 *
 * The file is whole or absent. Call this while the store of the same directory is open: its lock keeps a second
 * process from making a key at the same moment.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { FirsthandError } from '../errors.ts';
import { AgentKey } from './agent-key.ts';
import { codeOf, readPrivateFile, writePrivateFile } from './private-file.ts';

export const keyFileName = 'identity.key';

/** The PEM of an Ed25519 key has 119 bytes, an encrypted one 300. */
const fileMaxBytes = 4_096;
const cipher = 'aes-256-cbc';

export interface KeyFileOptions {
  readonly directory: string;
  /** The first one encrypts, the others may still decrypt; none: the file is not encrypted. */
  readonly passphrases?: readonly string[];
}

/**
 * Reads the key, or makes one when there is none. One that is not encrypted as it should be is written anew.
 *
 * @throws FirsthandError KEY_UNUSABLE when there is a file but no usable key in it, or when a new one
 *   cannot be written: it is never replaced, for the identity would be lost with it.
 */
export async function openKeyFile({ directory, passphrases = [] }: KeyFileOptions): Promise<AgentKey> {
  const path = join(directory, keyFileName);
  return (await readKey(path, passphrases)) ?? (await makeKey(path, passphrases));
}

/** The key in a file, or `undefined` without one. @throws FirsthandError KEY_UNUSABLE */
export async function readKey(
  path: string,
  passphrases: readonly string[] = [],
): Promise<AgentKey | undefined> {
  const file = await readPrivateFile(path, fileMaxBytes);
  if (file === undefined) return undefined;
  if (!file.ok) throw unusable(path, file.problem, file.cause);
  const { key, passphrase } = parseKey(path, file.text, passphrases);
  const [present] = passphrases;
  // What was encrypted stays so: whoever takes the passphrase out of the configuration may have lost it.
  if (present !== undefined && passphrase !== present) await writeKey(path, key, present);
  return new AgentKey(key);
}

/** A new key in a file of this name, whole and flushed. @throws FirsthandError KEY_UNUSABLE */
export async function makeKey(path: string, passphrases: readonly string[] = []): Promise<AgentKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeKey(path, privateKey, passphrases[0]);
  return new AgentKey(privateKey);
}

function parseKey(path: string, text: string, passphrases: readonly string[]) {
  const isEncrypted = text.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
  if (isEncrypted && passphrases.length === 0)
    throw unusable(path, 'is encrypted, and no key is given; store_key says where it is');
  for (const passphrase of isEncrypted ? passphrases : [undefined]) {
    const key = keyOf(text, passphrase);
    if (key === undefined) continue;
    if (key.asymmetricKeyType !== 'ed25519')
      throw unusable(path, `holds a key of type ${key.asymmetricKeyType}, not Ed25519`);
    return { key, passphrase };
  }
  throw unusable(path, isEncrypted ? 'is encrypted with another key' : 'is not a private key in PEM form');
}

function keyOf(text: string, passphrase: string | undefined): KeyObject | undefined {
  try {
    return createPrivateKey({
      key: text,
      format: 'pem',
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch {
    return undefined; // Whatever is wrong, there is no key.
  }
}

async function writeKey(path: string, key: KeyObject, passphrase: string | undefined): Promise<void> {
  const sealed = passphrase === undefined ? {} : { cipher, passphrase };
  try {
    await writePrivateFile(path, key.export({ type: 'pkcs8', format: 'pem', ...sealed }).toString());
  } catch (error) {
    throw unusable(path, `cannot be written (${codeOf(error)})`, error);
  }
}

export function unusable(path: string, what: string, cause?: unknown): FirsthandError {
  return new FirsthandError('KEY_UNUSABLE', { text: `the identity key ${path} ${what}`, path }, cause);
}
