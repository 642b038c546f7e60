/**
 * Changes this agent's keyring, one step at a time: on disk first, so that an agent that is killed in the middle comes
 * back with what it has promised.
 */
import type { KeyAnswer, KeyCommand, KeyOutcome } from '../wire/keys.ts';
import { ClusterKey, type KeyId } from './cluster-key.ts';
import { type ClusterKeyring, type HeldKey, keysMaxCount } from './cluster-keyring.ts';
import { type KeyringPlace, type KeyringState, retiredMaxCount, saveKeyring } from './keyring-file.ts';

export interface KeyringKeeperOptions extends KeyringPlace {
  /** Where secrets come from that others hand over; for messages. */
  readonly source: string;
  /** How long a secret is accepted after another one took its place, ms. */
  readonly acceptOldMs: number;
}

export interface KeyringKeeperComponents {
  readonly keyring: ClusterKeyring;
  readonly retired: readonly KeyId[];
  readonly wallMs: () => number;
  /** Writes the state durably; the file in the data directory when not given. */
  readonly save?: (state: KeyringState) => Promise<void>;
  readonly onChanged: (what: 'added' | 'used' | 'dropped', id: KeyId) => void;
  readonly onFailed: (error: unknown) => void;
}

export class KeyringKeeper {
  readonly #options: KeyringKeeperOptions;
  readonly #parts: KeyringKeeperComponents;
  #retired: readonly KeyId[];
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KeyringKeeperOptions, components: KeyringKeeperComponents) {
    this.#options = options;
    this.#parts = components;
    this.#retired = components.retired;
  }

  get keyring(): ClusterKeyring {
    return this.#parts.keyring;
  }

  /** Of secrets that wait to be used. */
  get pending(): readonly KeyId[] {
    const { held } = this.#parts.keyring;
    return held
      .slice(1)
      .flatMap(({ key, acceptedUntilMs }) => (acceptedUntilMs === undefined ? [key.id] : []));
  }

  /** Of secrets that are accepted for some time still. */
  get older(): readonly KeyId[] {
    const { held } = this.#parts.keyring;
    return held
      .slice(1)
      .flatMap(({ key, acceptedUntilMs }) => (acceptedUntilMs === undefined ? [] : [key.id]));
  }

  /** Whether it was in use here, and another one took its place. */
  hasReplaced(id: KeyId): boolean {
    return this.older.includes(id) || this.#retired.includes(id);
  }

  /** Never rejects: an answer that tells of a failure is one that can be asked for again. */
  apply(command: KeyCommand): Promise<KeyAnswer> {
    return this.#inTurn(async () => this.#answer(await this.#apply(command)));
  }

  /** Takes out what was accepted for a time that is over. To be called now and then. */
  expire(): Promise<void> {
    return this.#inTurn(async () => {
      const { keyring, wallMs } = this.#parts;
      const nowMs = wallMs();
      const over = keyring.held
        .slice(1)
        .filter(({ acceptedUntilMs }) => acceptedUntilMs !== undefined && acceptedUntilMs <= nowMs);
      for (const { key } of over) await this.#apply({ type: 'drop', id: key.id });
    });
  }

  /** After whatever was begun before. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  async #apply(command: KeyCommand): Promise<KeyOutcome> {
    const { held } = this.#parts.keyring;
    switch (command.type) {
      case 'add': {
        const { cluster, source } = this.#options;
        const key = new ClusterKey({ cluster, secret: command.secret, source });
        const known = held.find(each => each.key.id === key.id);
        if (known === held[0] || (known !== undefined && known.acceptedUntilMs === undefined)) return 'done';
        if (known === undefined && held.length >= keysMaxCount) return 'full';
        const others = held.filter(each => each !== known);
        return this.#keep([...others, { key: known?.key ?? key }], 'added', key.id);
      }
      case 'use': {
        const next = held.find(({ key }) => key.id === command.id);
        if (next === undefined) return 'unknown';
        const [before, ...rest] = held as readonly [HeldKey, ...HeldKey[]];
        if (next === before) return 'done';
        const acceptedUntilMs = this.#parts.wallMs() + this.#options.acceptOldMs;
        const others = rest.filter(each => each !== next);
        return this.#keep(
          [{ key: next.key }, { key: before.key, acceptedUntilMs }, ...others],
          'used',
          next.key.id,
        );
      }
      case 'drop': {
        const [first, ...rest] = held as readonly [HeldKey, ...HeldKey[]];
        if (first.key.id === command.id) return 'in-use';
        const others = rest.filter(({ key }) => key.id !== command.id);
        if (others.length === rest.length) return 'done';
        return this.#keep([first, ...others], 'dropped', command.id);
      }
    }
  }

  async #keep(
    held: readonly HeldKey[],
    what: 'added' | 'used' | 'dropped',
    id: KeyId,
  ): Promise<'done' | 'failed'> {
    const { save = state => saveKeyring(this.#options, state), keyring, onChanged, onFailed } = this.#parts;
    const others = this.#retired.filter(each => each !== id);
    const retired = what === 'dropped' ? [id, ...others].slice(0, retiredMaxCount) : others;
    try {
      await save({ held, retired });
    } catch (error) {
      onFailed(error);
      return 'failed';
    }
    this.#retired = retired;
    keyring.replace(held);
    onChanged(what, id);
    return 'done';
  }

  #answer(outcome: KeyOutcome): KeyAnswer {
    return { outcome, ids: [this.#parts.keyring.primary.id, ...this.pending], older: this.older };
  }
}
