/**
 * Everything that a cluster with a secret does with it, behind one door: admission, the seal of datagrams, callers' bearer
 * secrets, changes of the secret, and handing it to members that were away while it changed.
 */
import { setTimeout as wait } from 'node:timers/promises';
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
import { ClusterKey } from './cluster-key.ts';
import { ClusterKeyring } from './cluster-keyring.ts';
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

const expiryIntervalMs = 30_000;
/** Guess: longer than a busy member takes to notice that it is linked. */
const stepTimeoutMs = 20_000;
/** So that not everybody is dialled anew at the same moment. */
const hangUpSpreadMs = 10_000;
const handOverTriesMaxCount = 3;
const handOverPauseMs = 1_000;

export class ClusterSecret implements SecretPort {
  readonly authority: SecretAdmission;
  readonly seal: DatagramSeal;
  readonly #parts: ClusterSecretComponents;
  readonly #keeper: KeyringKeeper;
  readonly #rotation: SecretRotation;
  readonly #timer: NodeJS.Timeout;
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
    return new ClusterSecret(options, components, opened);
  }

  private constructor(
    options: ClusterSecretOptions,
    components: ClusterSecretComponents,
    { held, retired }: OpenedKeyring,
  ) {
    const { cluster, directory } = options;
    const keyring = new ClusterKeyring(held);
    this.#parts = components;
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
    this.#timer = setInterval(() => void this.#keeper.expire(), expiryIntervalMs);
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
        void this.#handOver(peer);
      },
      onLinkDown: peer => handlers.onLinkDown(peer),
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

  /** Never rejects. */
  async #handOver(peer: PeerId): Promise<void> {
    const known = this.#peers?.admissionOf(peer)?.keyIds;
    if (known === undefined) return;
    const { keyring, pending } = this.#keeper;
    const given = keyring.keys.filter(
      ({ id }) => !known.includes(id) && (id === keyring.primary.id || pending.includes(id)),
    );
    for (let tried = 1; given.length > 0 && !this.#stopped; tried += 1) {
      try {
        return await this.#give(peer, given);
      } catch (error) {
        if (tried === handOverTriesMaxCount)
          return this.#parts.log('secret_not_handed_over', { peer, error });
        await wait(handOverPauseMs, undefined, { ref: false });
      }
    }
  }

  async #give(peer: PeerId, keys: readonly ClusterKey[]): Promise<void> {
    const multiaddrs = this.#peers?.contactOf(peer) ?? [];
    const { primary } = this.#keeper.keyring;
    for (const key of keys) {
      const { ids } = await this.#ask(peer, multiaddrs, { type: 'add', secret: key.reveal() });
      // One that we have replaced: it was away. Otherwise it takes part in another change, and would be torn between.
      const isBehind = ids[0] !== undefined && this.#keeper.hasReplaced(ids[0]);
      if (key === primary && isBehind) await this.#ask(peer, multiaddrs, { type: 'use', id: key.id });
    }
  }

  async #ask(peer: PeerId, multiaddrs: readonly string[], command: KeyCommand): Promise<KeyAnswer> {
    if (this.#peers === undefined) throw new Error('there is no network yet');
    const answer = decodeKeyAnswer(await this.#peers.ask(peer, multiaddrs, encodeKeyCommand(command)));
    if (answer === undefined) throw new Error('its answer cannot be understood');
    return answer;
  }
}
