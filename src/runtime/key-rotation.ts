/**
 * An agent changes its key while it runs, step by step; see docs/DESIGN.md, "A key that is replaced".
 *
 *   1. the next key is made and written beside the present one; where an authority says who is a member, an issuing
 *      agent makes a certificate for it, which is written beside the present one too;
 *   2. it takes the place of the present one on the disk: a process that ends now goes on with it;
 *   3. codecs and core change over in one turn: all that is said from here on is signed with it;
 *   4. what the core says anew has a moment to leave over the present links;
 *   5. the network starts again with the new key; datagrams, callers and the table never stop;
 *   6. when the overlap is over the former key ends, by its own word, and is destroyed.
 */
import type { NodeId } from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { KeysView } from './agent-port.ts';
import type { Driver } from './driver.ts';
import type { Clock, KeyKeeper, MembershipPort } from './ports.ts';

export interface KeyRotationOptions {
  readonly id: NodeId;
  /** How long what the former key has said still counts, ms. */
  readonly overlapMs: number;
}

export interface KeyRotationComponents {
  readonly keeper: KeyKeeper;
  readonly driver: Driver;
  readonly clock: Clock;
  readonly self: () => PeerId;
  readonly epoch: () => number;
  readonly isReady: () => boolean;
  /** Starts the network again, with the present key. */
  readonly moveNetwork: () => Promise<void>;
  /** Where an authority says who is a member. */
  readonly membership?: Pick<MembershipPort, 'keepNext'> | undefined;
  /** Whatever else a person should hear of. */
  readonly onFailed: (step: string, error: unknown) => void;
}

/** What was just said goes round in some 50 ms. Guess: long enough for most, and sync has the rest. */
const leaveMs = 150;
const endAgainMs = 10_000;

export class KeyRotation {
  readonly #options: KeyRotationOptions;
  readonly #parts: KeyRotationComponents;
  #isUnderWay = false;
  #endsAtMonoMs: number | undefined;
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(options: KeyRotationOptions, components: KeyRotationComponents) {
    this.#options = options;
    this.#parts = components;
    // An earlier run has not come to the end.
    if (components.keeper.former !== undefined) this.#endAfter(options.overlapMs);
  }

  view(): KeysView {
    const { keeper, clock, self } = this.#parts;
    const { former } = keeper;
    const leftMs = Math.max(0, (this.#endsAtMonoMs ?? 0) - clock.now().monoMs);
    return {
      id: this.#options.id,
      peerId: self(),
      ...(former === undefined || former === self()
        ? {}
        : { former: { peerId: former, endsInMs: Math.round(leftMs) } }),
    };
  }

  /** @throws FirsthandError NOT_READY, NO_ISSUER, KEY_CHANGING, KEY_UNUSABLE, MEMBERSHIP_UNUSABLE, ADDRESS_IN_USE */
  async rotate(): Promise<KeysView> {
    const { keeper } = this.#parts;
    if (!this.#parts.isReady()) throw new FirsthandError('NOT_READY');
    if (this.#isUnderWay || keeper.former !== undefined) {
      const leftS = Math.ceil((this.view().former?.endsInMs ?? 0) / 1_000);
      const text = `the key was changed a moment ago; the former one ends in ${leftS} s, ask again then`;
      throw new FirsthandError('KEY_CHANGING', { text, retry_after_s: Math.max(1, leftS) });
    }
    this.#isUnderWay = true;
    try {
      await this.#changeOver();
    } finally {
      this.#isUnderWay = false;
    }
    return this.view();
  }

  async #changeOver(): Promise<void> {
    const { keeper, driver, clock, moveNetwork } = this.#parts;
    const certificate = await this.#prepare();
    await keeper.commit();
    await driver.settled();
    const { peer, predecessor } = keeper.adopt();
    // In the same turn, and nothing in between: whoever signs and whoever speaks are the same at any moment.
    const said = driver.rekey(peer, predecessor, certificate);
    this.#endAfter(this.#options.overlapMs);
    await said;
    await new Promise<void>(resolve => clock.after(leaveMs, resolve));
    await moveNetwork();
  }

  /** The next key, and its certificate where one is needed: after that nobody else has a say in the change. */
  async #prepare(): Promise<Uint8Array | undefined> {
    const { keeper, driver, membership, onFailed } = this.#parts;
    const next = await keeper.prepare();
    if (membership === undefined) return undefined;
    try {
      const certificate = await driver.certifyNext(next);
      await membership.keepNext(certificate);
      return certificate;
    } catch (error) {
      // What stays behind is removed by the next start or the next attempt.
      await keeper.discard().catch(each => onFailed('discard', each));
      throw error;
    }
  }

  /** Ends the present key; the agent should be stopped then. @throws FirsthandError NOT_READY, STORE_FULL, STORE_FAILED */
  async revoke(): Promise<void> {
    if (this.#isUnderWay) throw new FirsthandError('KEY_CHANGING');
    await this.#parts.driver.revokeKey();
    // Where this fails the next start finds in its store that the key has ended, and does it.
    await this.#parts.keeper.setAside().catch(error => this.#parts.onFailed('set aside', error));
  }

  /** Safe to call twice. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #endAfter(afterMs: number): void {
    const { clock } = this.#parts;
    this.#cancel();
    this.#endsAtMonoMs = clock.now().monoMs + afterMs;
    this.#cancel = clock.after(afterMs, () => void this.#end());
  }

  async #end(): Promise<void> {
    const { keeper, driver, isReady, epoch, onFailed } = this.#parts;
    if (keeper.former === undefined || this.#isStopped) return;
    if (this.#isUnderWay || !isReady()) return this.#endAfter(endAgainMs);
    try {
      await driver.endKey(keeper.endOfFormer(epoch()));
      await keeper.finish();
      this.#endsAtMonoMs = undefined;
    } catch (error) {
      if (this.#isStopped) return;
      onFailed('end of the former key', error);
      this.#endAfter(endAgainMs);
    }
  }
}
