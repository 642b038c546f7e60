/**
 * The secrets that this agent takes at the moment: one that it uses, and a few that it accepts from others.
 *
 * More than one only while the secret is being changed, in three steps after memberlist's keyring: every member
 * accepts the new one, then every member uses it, then the old one goes. At no moment are there two members
 * without a secret in common.
 */
import type { ClusterKey, KeyId } from './cluster-key.ts';

export interface HeldKey {
  readonly key: ClusterKey;
  /** Wall clock; absent: as long as nobody takes it out. */
  readonly acceptedUntilMs?: number;
}

/** The one in use included. One change at a time needs two, one that was begun anew three. */
export const keysMaxCount = 4;

export class ClusterKeyring {
  #held: readonly HeldKey[];
  #keys: readonly ClusterKey[];

  /** @param held - The one to use first. @throws RangeError unless there are 1 to `keysMaxCount`, each once. */
  constructor(held: readonly HeldKey[]) {
    this.#held = checked(held);
    this.#keys = held.map(({ key }) => key);
  }

  get primary(): ClusterKey {
    return this.#keys[0] as ClusterKey;
  }

  /** All of them, the one in use first. */
  get keys(): readonly ClusterKey[] {
    return this.#keys;
  }

  /** As callers show them. */
  get secrets(): readonly string[] {
    return this.#keys.map(key => key.reveal());
  }

  get held(): readonly HeldKey[] {
    return this.#held;
  }

  key(id: KeyId): ClusterKey | undefined {
    return this.#keys.find(key => key.id === id);
  }

  /** Whole at once, so that there is no moment without a key. @throws RangeError as the constructor. */
  replace(held: readonly HeldKey[]): void {
    this.#held = checked(held);
    this.#keys = held.map(({ key }) => key);
  }
}

function checked(held: readonly HeldKey[]): readonly HeldKey[] {
  const count = new Set(held.map(({ key }) => key.id)).size;
  if (count !== held.length || count === 0 || count > keysMaxCount) {
    throw new RangeError(`a keyring of ${count} keys in ${held.length} places`);
  }
  return held;
}
