/**
 * Everything that a cluster with a secret does with it, behind one door: admission, the seal of datagrams, callers' bearer
 * secrets, changes of the secret, and handing it to members that were away while it changed.
 */
import type { PeerId } from '../core/record/record.ts';
import type { AdmissionFacts } from '../runtime/admission.ts';
import type {
  RotationMember,
  RotationRequest,
  RotationView,
  SecretPort,
  SecretView,
} from '../runtime/cluster-secret.ts';
import type { NetworkHandlers } from '../runtime/ports.ts';
import {
  decodeKeyAnswer,
  decodeKeyCommand,
  encodeKeyAnswer,
  encodeKeyCommand,
  type KeyAnswer,
  type KeyCommand,
} from '../wire/keys.ts';
import { ClusterKey, type KeyId } from './cluster-key.ts';
import { ClusterKeyring, keysMaxCount } from './cluster-keyring.ts';
import { DatagramSeal } from './datagram-seal.ts';
import { keyringFileName, type OpenedKeyring, openKeyring } from './keyring-file.ts';
import { KeyringKeeper } from './keyring-keeper.ts';
import { SecretAdmission } from './secret-admission.ts';
import { SecretRotation } from './secret-rotation.ts';

export interface ClusterSecretOptions {
  readonly cluster: string;
  /** The data directory. */
  readonly directory: string;
  /** What the operator configured, and where. */
  readonly secret: string;
  readonly source: string;
  /** How long a secret is accepted after another one took its place, ms. */
  readonly acceptOldMs: number;
}

export type SecretEvent = 'secret_outdated' | 'secret_changed' | 'secret_not_kept' | 'secret_not_handed_over';

export interface ClusterSecretComponents {
  readonly wallMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  /** For tests. */
  readonly lookIntervalMs?: number;
  readonly log: (event: SecretEvent, fields: Readonly<Record<string, unknown>>) => void;
}

/** Whom there is to ask. */
export interface ClusterSecretPeers {
  /** The other agents that are there. */
  readonly members: () => readonly RotationMember[];
  readonly contactOf: (peer: PeerId) => readonly string[];
  readonly ask: (peer: PeerId, multiaddrs: readonly string[], request: Uint8Array) => Promise<Uint8Array>;
  readonly admissionOf: (peer: PeerId) => AdmissionFacts | undefined;
  readonly linked: () => readonly PeerId[];
  readonly hangUp: (peer: PeerId) => void;
}

/**
 * How often secrets that ran out are taken out, and linked peers looked through: one that was frozen while the secret
 * changed has its old links still, and hears no datagram until it is given the new one.
 */
const lookIntervalMs = 5_000;
/** Guess: longer than a busy member takes to notice that it is linked. */
const stepTimeoutMs = 20_000;
/** So that not everybody is dialled anew at the same moment. */
const hangUpSpreadMs = 10_000;
/** Two may be bad luck; told once. */
const failuresLoggedAt = 3;

interface Given {
  readonly id: KeyId;
  /** It was the one in use here, and not one that waits. */
  readonly wasInUse: boolean;
}

/** Ids that are remembered of one peer: more than there are secrets at once. */
const givenMaxCount = 2 * keysMaxCount;

export class ClusterSecret implements SecretPort {
  readonly authority: SecretAdmission;
  readonly seal: DatagramSeal;
  readonly #parts: ClusterSecretComponents;
  readonly #keeper: KeyringKeeper;
  readonly #rotation: SecretRotation;
  readonly #timer: NodeJS.Timeout;
  /** What linked peers have confirmed since. */
  readonly #given = new Map<PeerId, readonly Given[]>();
  readonly #giving = new Set<PeerId>();
  /** How often in a row a peer could not be given what it lacks. */
  readonly #failures = new Map<PeerId, number>();
  readonly #configured: ClusterKey;
  #peers: ClusterSecretPeers | undefined;
  #stopped = false;

  /** @throws FirsthandError KEY_UNUSABLE when the keyring of an earlier change cannot be used. */
  static async open(
    options: ClusterSecretOptions,
    components: ClusterSecretComponents,
  ): Promise<ClusterSecret> {
    const configured = new ClusterKey(options);
    const opened = await openKeyring(options, configured, components.wallMs());
    const current = opened.held[0]?.key;
    if (opened.configured === 'replaced' || opened.configured === 'accepted') {
      const { source, id } = configured;
      components.log('secret_outdated', { source, id, in_use: current?.id, in_use_from: current?.source });
    }
    return new ClusterSecret(options, components, opened, configured);
  }

  private constructor(
    options: ClusterSecretOptions,
    components: ClusterSecretComponents,
    { held, retired }: OpenedKeyring,
    configured: ClusterKey,
  ) {
    const { cluster, directory } = options;
    const keyring = new ClusterKeyring(held);
    this.#parts = components;
    this.#configured = configured;
    this.authority = new SecretAdmission({ cluster }, { keyring });
    this.seal = new DatagramSeal({ cluster }, { keyring });
    this.#keeper = new KeyringKeeper(
      { ...options, source: `${directory}/${keyringFileName}` },
      {
        keyring,
        retired,
        wallMs: components.wallMs,
        onChanged: (what, id) => {
          components.log('secret_changed', { what, id });
          if (what === 'dropped') this.#hangUpSome();
        },
        onFailed: error => components.log('secret_not_kept', { error }),
      },
    );
    this.#rotation = new SecretRotation(
      { cluster, stepTimeoutMs },
      {
        keeper: this.#keeper,
        members: () => this.#peers?.members() ?? [],
        ask: ({ peer, multiaddrs }, command) => this.#ask(peer, multiaddrs, command),
      },
    );
    this.#timer = setInterval(() => this.#look(), components.lookIntervalMs ?? lookIntervalMs);
    this.#timer.unref();
  }

  /** Once there is a network. */
  attach(peers: ClusterSecretPeers): void {
    this.#peers = peers;
  }

  /** What callers may show. */
  accepted(): readonly string[] {
    return this.#keeper.keyring.secrets;
  }

  secrets(): readonly SecretView[] {
    const { pending, keyring } = this.#keeper;
    return keyring.held.map(({ key: { id, source }, acceptedUntilMs }, index) => ({
      id,
      source,
      use: index === 0 ? 'in-use' : pending.includes(id) ? 'waits' : 'accepted',
      ...(acceptedUntilMs === undefined ? {} : { acceptedUntilMs }),
    }));
  }

  findings(): readonly string[] {
    const { primary } = this.#keeper.keyring;
    const { id, source } = this.#configured;
    if (id === primary.id) return [];
    return [
      `the secret from ${source} was replaced by the one with id ${primary.id}: put what is first in ${primary.source} there`,
    ];
  }

  async rotate(request: RotationRequest): Promise<RotationView> {
    return this.#rotation.rotate(request);
  }

  /** What a member asks; `undefined` for what cannot be understood. */
  readonly answer = async (_from: PeerId, request: Uint8Array): Promise<Uint8Array | undefined> => {
    const command = decodeKeyCommand(request);
    return command && encodeKeyAnswer(await this.#keeper.apply(command));
  };

  /** Handlers of the network that also give what it lacks to a member that was away. */
  watching(handlers: NetworkHandlers): NetworkHandlers {
    return {
      onGossip: (from, bytes) => handlers.onGossip(from, bytes),
      onFrame: (from, bytes) => handlers.onFrame(from, bytes),
      onLinkUp: (peer, address) => {
        handlers.onLinkUp(peer, address);
        this.#forget(peer);
        void this.#handOver(peer);
      },
      onLinkDown: peer => {
        handlers.onLinkDown(peer);
        this.#forget(peer);
      },
      onSubscribed: peer => handlers.onSubscribed(peer),
      onDialEnded: (key, outcome) => handlers.onDialEnded(key, outcome),
      onPing: (peer, rttMs) => handlers.onPing(peer, rttMs),
      onDiscovered: (peer, multiaddrs, source) => handlers.onDiscovered(peer, multiaddrs, source),
      onForeign: address => handlers.onForeign(address),
    };
  }

  /** Safe to call twice. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    void this.#keeper.expire();
    for (const peer of this.#peers?.linked() ?? []) void this.#handOver(peer);
  }

  #forget(peer: PeerId): void {
    this.#given.delete(peer);
    this.#failures.delete(peer);
  }

  /** A connection does not outlive the secret that it was admitted by; members have another one and come back. */
  #hangUpSome(): void {
    const peers = this.#peers;
    for (const peer of peers?.linked() ?? []) {
      const again = () => {
        const proved = peers?.admissionOf(peer)?.keyIds ?? [];
        const isGood = proved.some(id => this.#keeper.keyring.key(id) !== undefined);
        if (!isGood && !this.#stopped) peers?.hangUp(peer);
      };
      setTimeout(again, this.#parts.random() * hangUpSpreadMs).unref();
    }
  }

  /** Gives a peer what it is not known to have. Never rejects; what fails is tried again soon. */
  async #handOver(peer: PeerId): Promise<void> {
    const proved = this.#peers?.admissionOf(peer)?.keyIds;
    if (proved === undefined || this.#giving.has(peer) || this.#stopped) return;
    const { keyring, pending } = this.#keeper;
    const { primary } = keyring;
    const given = this.#given.get(peer) ?? [];
    // What it was given while that waited here it was not told to use.
    const isKnown = ({ id }: ClusterKey) =>
      proved.includes(id) || given.some(each => each.id === id && (each.wasInUse || id !== primary.id));
    const lacking = keyring.keys.filter(
      key => !isKnown(key) && (key === primary || pending.includes(key.id)),
    );
    if (lacking.length === 0) return;
    this.#giving.add(peer);
    try {
      await this.#give(peer, lacking, primary);
      const now = lacking.map(key => ({ id: key.id, wasInUse: key === primary }));
      this.#given.set(peer, [...given, ...now].slice(-givenMaxCount));
      this.#failures.delete(peer);
    } catch (error) {
      const count = (this.#failures.get(peer) ?? 0) + 1;
      this.#failures.set(peer, count);
      if (count === failuresLoggedAt) this.#parts.log('secret_not_handed_over', { peer, error });
    } finally {
      this.#giving.delete(peer);
    }
  }

  async #give(peer: PeerId, keys: readonly ClusterKey[], primary: ClusterKey): Promise<void> {
    const multiaddrs = this.#peers?.contactOf(peer) ?? [];
    for (const key of keys) {
      const { outcome, ids } = await this.#ask(peer, multiaddrs, { type: 'add', secret: key.reveal() });
      if (outcome !== 'done') throw new Error(`it could not take the secret (${outcome})`);
      // One that we have replaced: it was away. Otherwise it takes part in another change, and would be torn between.
      const isBehind = ids[0] !== undefined && this.#keeper.hasReplaced(ids[0]);
      if (key !== primary || !isBehind) continue;
      const used = await this.#ask(peer, multiaddrs, { type: 'use', id: key.id });
      if (used.outcome !== 'done') throw new Error(`it could not use the secret (${used.outcome})`);
    }
  }

  async #ask(peer: PeerId, multiaddrs: readonly string[], command: KeyCommand): Promise<KeyAnswer> {
    if (this.#peers === undefined) throw new Error('there is no network yet');
    const answer = decodeKeyAnswer(await this.#peers.ask(peer, multiaddrs, encodeKeyCommand(command)));
    if (answer === undefined) throw new Error('its answer cannot be understood');
    return answer;
  }
}
