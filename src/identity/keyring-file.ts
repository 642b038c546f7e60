/**
 * The cluster's secrets on disk, once they have been changed through the cluster.
 *
 * Before the first change there is no file: what the operator configured is the only secret, and nothing that has
 * not proved itself is kept. Afterwards the configured one may be the one that was replaced: the file knows that,
 * and the agent comes back with the one in use. A configured secret that the file has never heard of is the
 * operator's own change, and counts alone.
 */
import { join } from 'node:path';
import { FirsthandError } from '../errors.ts';
import { ClusterKey, type KeyId } from './cluster-key.ts';
import { type HeldKey, keysMaxCount } from './cluster-keyring.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';

export const keyringFileName = 'cluster-secrets.json';
/** Ids of secrets that were taken out, so that a configuration which still has one is recognised. */
export const retiredMaxCount = 16;
const fileMaxBytes = 16 * 1_024;
const format = 1;

export interface KeyringState {
  readonly held: readonly HeldKey[];
  readonly retired: readonly KeyId[];
}

export interface OpenedKeyring extends KeyringState {
  /** How the configured secret stands to the others. */
  readonly configured: 'in-use' | 'accepted' | 'replaced' | 'only';
}

export interface KeyringPlace {
  readonly cluster: string;
  readonly directory: string;
}

/**
 * @param configured - What the operator gave.
 * @throws FirsthandError KEY_UNUSABLE when there is a file that cannot be used: without it the agent might try to
 *   come back with a secret that nobody accepts.
 */
export async function openKeyring(
  place: KeyringPlace,
  configured: ClusterKey,
  nowMs: number,
): Promise<OpenedKeyring> {
  const stored = await readKeyring(place);
  if (stored === undefined) return { held: [{ key: configured }], retired: [], configured: 'only' };
  const held = stored.held.filter(
    ({ acceptedUntilMs }, index) => index === 0 || acceptedUntilMs === undefined || acceptedUntilMs > nowMs,
  );
  const expired = stored.held.filter(each => !held.includes(each)).map(({ key }) => key.id);
  const retired = [...expired, ...stored.retired].slice(0, retiredMaxCount);
  const at = held.findIndex(({ key }) => key.id === configured.id);
  if (at === -1 && !retired.includes(configured.id)) {
    return { held: [{ key: configured }], retired, configured: 'only' };
  }
  // Where the operator has it too, messages should name the place that the operator knows.
  const named = held.map(each => (each.key.id === configured.id ? { ...each, key: configured } : each));
  return { held: named, retired, configured: at === -1 ? 'replaced' : at === 0 ? 'in-use' : 'accepted' };
}

/** Durable once it resolves. */
export async function saveKeyring({ directory, cluster }: KeyringPlace, state: KeyringState): Promise<void> {
  const keys = state.held.map(({ key, acceptedUntilMs }) => ({
    secret: key.reveal(),
    ...(acceptedUntilMs === undefined ? {} : { accepted_until_ms: acceptedUntilMs }),
  }));
  const text = JSON.stringify({ format, cluster, keys, retired: state.retired }, undefined, 2);
  await writePrivateFile(join(directory, keyringFileName), `${text}\n`);
}

async function readKeyring({ directory, cluster }: KeyringPlace): Promise<KeyringState | undefined> {
  const path = join(directory, keyringFileName);
  const text = await readText(path);
  if (text === undefined) return undefined;
  const file = parsed(path, text);
  if (file.cluster !== cluster) throw unusable(path, `belongs to cluster ${file.cluster}`);
  const held = file.keys.map(({ secret, accepted_until_ms: acceptedUntilMs }) => ({
    key: new ClusterKey({ cluster, secret, source: path }),
    ...(acceptedUntilMs === undefined ? {} : { acceptedUntilMs }),
  }));
  if (new Set(held.map(({ key }) => key.id)).size !== held.length) throw unusable(path, 'has a secret twice');
  return { held, retired: file.retired };
}

async function readText(path: string): Promise<string | undefined> {
  const file = await readPrivateFile(path, fileMaxBytes);
  if (file !== undefined && !file.ok) throw unusable(path, file.problem, file.cause);
  return file?.text;
}

interface KeyringFile {
  readonly cluster: string;
  readonly keys: readonly { readonly secret: string; readonly accepted_until_ms?: number }[];
  readonly retired: readonly string[];
}

function parsed(path: string, text: string): KeyringFile {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    // Without the parser's own message, which may quote a secret.
    throw unusable(path, 'is damaged');
  }
  if (!isKeyringFile(file)) throw unusable(path, 'is damaged, or was written by a later version');
  return file;
}

function isKeyringFile(file: unknown): file is KeyringFile {
  if (typeof file !== 'object' || file === null) return false;
  const { format: version, cluster, keys, retired } = file as Record<string, unknown>;
  if (version !== format || typeof cluster !== 'string') return false;
  if (!Array.isArray(retired) || !retired.every(id => typeof id === 'string')) return false;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > keysMaxCount) return false;
  return keys.every((each: unknown) => {
    if (typeof each !== 'object' || each === null) return false;
    const { secret, accepted_until_ms: until } = each as Record<string, unknown>;
    return (
      typeof secret === 'string' && secret !== '' && (until === undefined || Number.isSafeInteger(until))
    );
  });
}

function unusable(path: string, what: string, cause?: unknown): FirsthandError {
  const text = `the keyring ${path} ${what}; to start with the configured secret alone, move it away`;
  return new FirsthandError('KEY_UNUSABLE', { text, path }, cause);
}
