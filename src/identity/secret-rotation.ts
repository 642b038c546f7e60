/**
 * Changes the cluster's secret without losing anybody: every member accepts the new one, then every member uses it,
 * then the old one goes. Source: memberlist's keyring.
 *
 * The agent that is asked goes through the members itself and does each step last, so its own keyring tells how far
 * a change has come: what waits there to be used is a change that is not over, and asking again goes on with it,
 * also after a restart. A step begins when every member that is there has confirmed the one before; members that
 * are away learn by presenting the old secret when they come back. A vote was rejected: whoever knows the secret
 * could hold one, and an agent that cannot be reached would block it.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { PeerId } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { RotationMember, RotationRequest, RotationView } from '../runtime/cluster-secret.ts';
import type { KeyAnswer, KeyCommand } from '../wire/keys.ts';
import { ClusterKey, type KeyId } from './cluster-key.ts';
import type { KeyringKeeper } from './keyring-keeper.ts';

export interface SecretRotationOptions {
  readonly cluster: string;
  /** For each of the three steps, ms. */
  readonly stepTimeoutMs: number;
}

export interface SecretRotationComponents {
  readonly keeper: KeyringKeeper;
  /** The other agents that are there. */
  readonly members: () => readonly RotationMember[];
  /** Rejects when there is no answer in time. */
  readonly ask: (member: RotationMember, command: KeyCommand) => Promise<KeyAnswer>;
}

/** Guess: a member that starts at this moment is there by then. */
const retryPauseMs = 500;
const asksAtOnceMaxCount = 16;
const newSecretBytes = 32;

type Step = RotationView['step'];
interface Missing {
  readonly member: RotationMember;
  readonly why: string;
}

export class SecretRotation {
  readonly #options: SecretRotationOptions;
  readonly #parts: SecretRotationComponents;
  #underWay: Promise<RotationView> | undefined;

  constructor(options: SecretRotationOptions, components: SecretRotationComponents) {
    this.#options = options;
    this.#parts = components;
  }

  /**
   * Goes on with a change that is not over, or begins one.
   *
   * @throws FirsthandError ROTATION_CONFLICT when another change is under way, STORE_FAILED when this agent cannot
   *   write its keyring
   */
  rotate(request: RotationRequest): Promise<RotationView> {
    if (this.#underWay !== undefined) {
      throw new FirsthandError('ROTATION_CONFLICT', { text: 'this agent is changing the secret already' });
    }
    this.#underWay = this.#run(request).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #run(request: RotationRequest): Promise<RotationView> {
    const { keeper } = this.#parts;
    const isOpen = this.#finishesOldOne(request) || (await this.#isUnfinished(request));
    const id = isOpen ? keeper.keyring.primary.id : await this.#target(request);
    const secret = keeper.keyring.key(id)?.reveal();
    if (secret === undefined) throw new TypeError('the new secret is not in the keyring');
    const added = await this.#everybody('add', id, [{ type: 'add', secret }]);
    if (added.missing.length > 0) return added;
    // Who came in the meantime has to accept it first.
    const used = await this.#everybody('use', id, [
      { type: 'add', secret },
      { type: 'use', id },
    ]);
    if (used.missing.length > 0) return used;
    await this.#own({ type: 'use', id });
    if (!request.dropOld) return { ...used, status: 'done' };
    const others = [...keeper.older, ...keeper.pending];
    const drops = others.map(each => ({ type: 'drop', id: each }) as const);
    const dropped = await this.#everybody('drop', id, drops);
    if (dropped.missing.length > 0) return dropped;
    for (const drop of drops) await this.#own(drop);
    return { ...dropped, status: 'done' };
  }

  /** The secret has been changed already, and what is left to do is to take the old one out. */
  #finishesOldOne({ secret, dropOld }: RotationRequest): boolean {
    const { keeper } = this.#parts;
    return dropOld && secret === undefined && keeper.pending.length === 0 && keeper.older.length > 0;
  }

  /** Members hand the new secret on as well, so this agent may use it already while somebody else does not. */
  async #isUnfinished({ secret }: RotationRequest): Promise<boolean> {
    const { keeper, members, ask } = this.#parts;
    if (secret !== undefined || keeper.pending.length > 0 || keeper.older.length === 0) return false;
    const { primary } = keeper.keyring;
    const command = { type: 'add', secret: primary.reveal() } as const;
    const inUse = await Promise.all(
      members().map(member =>
        ask(member, command).then(
          ({ ids }) => ids[0],
          () => undefined, // It cannot be told, and then nothing new should begin.
        ),
      ),
    );
    return inUse.some(id => id !== primary.id);
  }

  /** The secret to change to, which this agent accepts once this resolves. */
  async #target({ secret }: RotationRequest): Promise<KeyId> {
    const { keeper } = this.#parts;
    const { cluster } = this.#options;
    const [waiting] = keeper.pending.toSorted();
    if (secret === undefined && waiting !== undefined) return waiting;
    const text = secret ?? randomBytes(newSecretBytes).toString('base64url');
    const { id } = new ClusterKey({ cluster, secret: text, source: '' });
    if (waiting !== undefined && waiting !== id) {
      throw new FirsthandError('ROTATION_CONFLICT', {
        text: `a change to the secret with id ${waiting} is not over; go on with it first, without a secret`,
      });
    }
    await this.#own({ type: 'add', secret: text });
    return id;
  }

  async #own(command: KeyCommand): Promise<void> {
    const { outcome } = await this.#parts.keeper.apply(command);
    if (outcome === 'done') return;
    if (outcome === 'full') {
      throw new FirsthandError('ROTATION_CONFLICT', {
        text: 'this agent accepts as many secrets as it may; take the old ones out first (--drop-old)',
      });
    }
    throw new FirsthandError('STORE_FAILED', { text: 'the keyring could not be written' });
  }

  /** Until everybody who is there has confirmed, or the time is over. */
  async #everybody(step: Step, keyId: KeyId, commands: readonly KeyCommand[]): Promise<RotationView> {
    const confirmed = new Set<PeerId>();
    const deadlineMs = performance.now() + this.#options.stepTimeoutMs;
    for (;;) {
      const open = this.#parts.members().filter(({ peer }) => !confirmed.has(peer));
      const missing: Missing[] = [];
      for (let at = 0; at < open.length; at += asksAtOnceMaxCount) {
        const some = open.slice(at, at + asksAtOnceMaxCount);
        const failures = await Promise.all(some.map(member => this.#convince(member, keyId, commands)));
        for (const [index, member] of some.entries()) {
          const why = failures[index];
          if (why === undefined) confirmed.add(member.peer);
          else missing.push({ member, why });
        }
      }
      const isOver = performance.now() >= deadlineMs;
      // Looked at once more after everybody had confirmed: somebody may have come.
      if (open.length === 0 || isOver) {
        return {
          status: 'waiting',
          step,
          keyId,
          confirmed: confirmed.size + 1,
          missing: missing.map(({ member: { id, peer }, why }) => ({ id, peerId: peer, why })),
        };
      }
      if (missing.length > 0) await wait(retryPauseMs);
    }
  }

  /** @returns Why not, for a person; `undefined` when it has done all of it. */
  async #convince(
    member: RotationMember,
    keyId: KeyId,
    commands: readonly KeyCommand[],
  ): Promise<string | undefined> {
    const known = new Set([keyId, ...this.#parts.keeper.keyring.keys.map(({ id }) => id)]);
    for (const command of commands) {
      let answer: KeyAnswer;
      try {
        answer = await this.#parts.ask(member, command);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
      if (answer.outcome === 'full') return 'it accepts as many secrets as it may';
      if (answer.outcome !== 'done') return 'it could not write its keyring';
      const foreign = answer.ids.find(id => !known.has(id));
      if (foreign !== undefined) {
        throw new FirsthandError('ROTATION_CONFLICT', {
          text: `${member.id} has been given another secret (id ${foreign}); finish that change at the agent where it was begun`,
        });
      }
    }
    return undefined;
  }
}
