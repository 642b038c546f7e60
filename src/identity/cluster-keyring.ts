/**
 * The secrets that this agent takes at the moment: one that it uses, and a few that it accepts from others.
 *
 * More than one only while the secret is being changed, in three steps after memberlist's keyring: every member
 * accepts the new one, then every member uses it, then the old one goes. At no moment are there two members
 * without a secret in common.
 */
import type { ClusterKey, KeyId } from './cluster-key.ts';

/** The one in use included. One change at a time needs two, one that was begun anew three. */
export const keysMaxCount = 4;

export class ClusterKeyring {
  #keys: readonly ClusterKey[];
  readonly #listeners = new Set<() => void>();

  /** @param keys - The one to use first. @throws RangeError unless there are 1 to `keysMaxCount`. */
  constructor(keys: readonly ClusterKey[]) {
    this.#keys = distinct(keys);
  }

  get primary(): ClusterKey {
    return this.#keys[0] as ClusterKey;
  }

  /** All of them, the one in use first. */
  get keys(): readonly ClusterKey[] {
    return this.#keys;
  }

  key(id: KeyId): ClusterKey | undefined {
    return this.#keys.find(key => key.id === id);
  }

  /** Whole at once, so that there is no moment without a key. @throws RangeError as the constructor. */
  replace(keys: readonly ClusterKey[]): void {
    this.#keys = distinct(keys);
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }
}

function distinct(keys: readonly ClusterKey[]): readonly ClusterKey[] {
  const result = keys.filter((key, index) => keys.findIndex(({ id }) => id === key.id) === index);
  if (result.length === 0 || result.length > keysMaxCount) {
    throw new RangeError(`a keyring of ${result.length} keys`);
  }
  return result;
}
