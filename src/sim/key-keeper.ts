/** The keys of a simulated agent: files that outlive its process, written in steps that a crash comes between. */
import type { NodeId } from '../core/record/node.ts';
import type { PeerId, Predecessor } from '../core/record/record.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import type { SigningKey } from '../identity/agent-key.ts';
import type { SignedProbeCodec } from '../identity/probe-codec.ts';
import type { SignedRecordCodec } from '../identity/record-codec.ts';
import { askToFollow, handOver } from '../identity/succession.ts';
import type { KeyKeeper, NextKey } from '../runtime/ports.ts';

/** What lies in the data directory. */
export interface KeyDisk {
  current: SigningKey;
  former: SigningKey | undefined;
}

export interface SimKeyKeeperComponents {
  readonly disk: KeyDisk;
  readonly codec: Pick<SignedRecordCodec, 'takeKey'>;
  readonly probeCodec: SignedProbeCodec;
  readonly makeKey: () => SigningKey;
  /** A write takes its time; a process that ends meanwhile does not come back from it. */
  readonly write: () => Promise<void>;
}

export class SimKeyKeeper implements KeyKeeper {
  readonly #options: { readonly cluster: string; readonly id: NodeId };
  readonly #parts: SimKeyKeeperComponents;
  #next: SigningKey | undefined;

  constructor(
    options: { readonly cluster: string; readonly id: NodeId },
    components: SimKeyKeeperComponents,
  ) {
    this.#options = options;
    this.#parts = components;
  }

  get former(): PeerId | undefined {
    return this.#parts.disk.former?.peerId;
  }

  get predecessor(): Predecessor | undefined {
    const { former, current } = this.#parts.disk;
    return former && handOver({ ...this.#words, successor: current.peerId }, former);
  }

  async prepare(): Promise<NextKey> {
    const { disk, write, makeKey } = this.#parts;
    await write();
    this.#next = makeKey();
    const words = { cluster: this.#options.cluster, former: disk.current.peerId };
    return { peer: this.#next.peerId, signature: askToFollow(words, this.#next) };
  }

  async discard(): Promise<void> {
    await this.#parts.write();
    this.#next = undefined;
  }

  async commit(): Promise<void> {
    const { disk, write } = this.#parts;
    if (this.#next === undefined) throw new TypeError('no key is prepared');
    await write();
    [disk.former, disk.current] = [disk.current, this.#next];
    await write();
  }

  adopt(): { readonly peer: PeerId; readonly predecessor: Predecessor } {
    const { disk, codec, probeCodec } = this.#parts;
    codec.takeKey(disk.current);
    probeCodec.takeKey(disk.current);
    return { peer: disk.current.peerId, predecessor: this.predecessor as Predecessor };
  }

  endOfFormer(epoch: number): VerifiedClaim {
    const { former, probeCodec } = { ...this.#parts.disk, ...this.#parts };
    if (former === undefined) throw new TypeError('there is no former key');
    return probeCodec.sealClaimWith(former, {
      kind: 'revoked',
      issuer: former.peerId,
      subject: former.peerId,
      refused: false,
      epoch,
      incarnation: 0,
    });
  }

  async finish(): Promise<void> {
    await this.#parts.write();
    this.#parts.disk.former = undefined;
  }

  async setAside(): Promise<void> {
    const { disk, write, makeKey } = this.#parts;
    await write();
    disk.former = undefined;
    disk.current = makeKey();
  }

  get #words() {
    return { cluster: this.#options.cluster, subject: this.#options.id };
  }
}
