/** The keys of a running agent: what its codecs sign with, the files behind it, and how one follows the other. */
import type { NodeId } from '../core/record/node.ts';
import type { PeerId, Predecessor } from '../core/record/record.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import type { KeyKeeper, NextKey } from '../runtime/ports.ts';
import type { AgentKey } from './agent-key.ts';
import type { KeyRotationFiles, OpenedKeys } from './key-rotation-files.ts';
import type { SignedProbeCodec } from './probe-codec.ts';
import type { SignedRecordCodec } from './record-codec.ts';
import { askToFollow, handOver } from './succession.ts';

export interface KeyKeeperComponents {
  readonly files: KeyRotationFiles;
  readonly codec: SignedRecordCodec;
  readonly probeCodec: SignedProbeCodec;
}

export class AgentKeyKeeper implements KeyKeeper {
  readonly #options: { readonly cluster: string; readonly id: NodeId };
  readonly #parts: KeyKeeperComponents;
  #key: AgentKey;
  #former: AgentKey | undefined;
  #next: AgentKey | undefined;

  constructor(
    options: { readonly cluster: string; readonly id: NodeId; readonly keys: OpenedKeys },
    components: KeyKeeperComponents,
  ) {
    this.#options = options;
    this.#parts = components;
    this.#key = options.keys.key;
    this.#former = options.keys.former;
  }

  /** To be handed to the network and nowhere else. */
  get key(): AgentKey {
    return this.#key;
  }

  get former(): PeerId | undefined {
    return this.#former?.peerId;
  }

  get predecessor(): Predecessor | undefined {
    if (this.#former === undefined) return undefined;
    const { cluster, id } = this.#options;
    return handOver({ cluster, subject: id, successor: this.#key.peerId }, this.#former);
  }

  async prepare(): Promise<NextKey> {
    const next = await this.#parts.files.prepare();
    this.#next = next;
    const words = { cluster: this.#options.cluster, former: this.#key.peerId };
    return { peer: next.peerId, signature: askToFollow(words, next) };
  }

  async discard(): Promise<void> {
    this.#next = undefined;
    await this.#parts.files.discard();
  }

  async commit(): Promise<void> {
    await this.#parts.files.commit();
  }

  adopt(): { readonly peer: PeerId; readonly predecessor: Predecessor } {
    if (this.#next === undefined) throw new TypeError('no key is prepared');
    this.#former = this.#key;
    this.#key = this.#next;
    this.#next = undefined;
    this.#parts.codec.takeKey(this.#key);
    this.#parts.probeCodec.takeKey(this.#key);
    return { peer: this.#key.peerId, predecessor: this.predecessor as Predecessor };
  }

  endOfFormer(epoch: number): VerifiedClaim {
    if (this.#former === undefined) throw new TypeError('there is no former key');
    const { peerId } = this.#former;
    return this.#parts.probeCodec.sealClaimWith(this.#former, {
      kind: 'revoked',
      issuer: peerId,
      subject: peerId,
      refused: false,
      epoch,
      incarnation: 0,
    });
  }

  async finish(): Promise<void> {
    await this.#parts.files.finish();
    this.#former = undefined;
  }

  async setAside(): Promise<void> {
    await this.#parts.files.setAside();
  }
}
