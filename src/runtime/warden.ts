/** Who is shut out and why, as operators see it; and how what they decide becomes a signed statement. */
import type { Protocol } from '../core/protocol.ts';
import { compareText, type PeerId } from '../core/record/record.ts';
import { banReasonMaxLength, isBanReason } from '../core/reputation/ban.ts';
import { FirsthandError } from '../errors.ts';
import type { BanRequest, EvidenceView, NamedBan, NamedReputation } from './agent-port.ts';
import type { Driver } from './driver.ts';
import type { Clock, RecordCodec } from './ports.ts';

export interface WardenComponents {
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly codec: Pick<RecordCodec, 'sealBan'>;
  readonly clock: Clock;
}

const evidenceIdLength = 16;
const peerIdPattern = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;
export const banMaxMs = 10 * 365 * 24 * 3_600_000;

export class Warden {
  readonly #cluster: string;
  readonly #parts: WardenComponents;

  constructor(options: { readonly cluster: string }, components: WardenComponents) {
    this.#cluster = options.cluster;
    this.#parts = components;
  }

  reputation(): readonly NamedReputation[] {
    const { protocol, clock } = this.#parts;
    return protocol.reputation
      .views(clock.now().monoMs)
      .map(view => ({ ...this.#named(view.peer), ...view }));
  }

  bans(): readonly NamedBan[] {
    const { protocol, clock } = this.#parts;
    return protocol.exclusion.bans.views(clock.now().wallMs).map(view => {
      const issuerId = protocol.nodeIdOf(view.issuer);
      return { ...this.#named(view.peer), ...view, ...(issuerId === undefined ? {} : { issuerId }) };
    });
  }

  evidence(): readonly EvidenceView[] {
    return [...this.#parts.protocol.table.ledger.proofs.values()]
      .map(({ author, first, second }) => ({
        id: first.digest.slice(0, evidenceIdLength),
        author,
        subject: first.subject,
        epoch: first.epoch,
        sequence: first.sequence,
        cluster: this.#cluster,
        first: first.wire,
        second: second.wire,
      }))
      .sort((a, b) => compareText(a.author, b.author));
  }

  ban({ who, forMs, reason }: BanRequest): Promise<PeerId> {
    if (forMs !== undefined && (!Number.isInteger(forMs) || forMs < 1 || forMs > banMaxMs)) {
      throw new FirsthandError('INVALID_BAN', { text: 'for must be 1 ms to 10 years', field: 'for' });
    }
    return this.#decide(who, reason, forMs ?? 0, false);
  }

  pardon({ who, reason }: Omit<BanRequest, 'forMs'>): Promise<PeerId> {
    return this.#decide(who, reason, 0, true);
  }

  async #decide(who: string, reason: string, forMs: number, isLifted: boolean): Promise<PeerId> {
    const { protocol, driver, codec, clock } = this.#parts;
    if (!isBanReason(reason)) {
      const text = `reason must be at most ${banReasonMaxLength} printable ASCII characters on one line`;
      throw new FirsthandError('INVALID_BAN', { text, field: 'reason' });
    }
    const subject = this.#keyOf(who);
    const issuer = protocol.author.peer;
    if (subject === issuer) {
      const text = `${who} is this agent itself: 'firsthand leave' stops it, 'firsthand keys revoke' ends its key`;
      throw new FirsthandError('INVALID_BAN', { text, field: 'who' });
    }
    const { wallMs } = clock.now();
    const untilMs = forMs === 0 ? 0 : wallMs + forMs;
    await driver.decide(
      codec.sealBan({ issuer, subject, issuedAtMs: this.#after(subject, wallMs), untilMs, isLifted, reason }),
    );
    return subject;
  }

  /** What was said last counts, also when the clock has been set back since. */
  #after(subject: PeerId, wallMs: number): number {
    const { bans } = this.#parts.protocol.exclusion;
    const last = bans.latestAbout(subject)?.issuedAtMs ?? 0;
    return Math.max(wallMs, last + 1);
  }

  #keyOf(who: string): PeerId {
    if (peerIdPattern.test(who)) return who;
    const { table, detector } = this.#parts.protocol;
    const { winner } = table.ledger.resolution(who);
    if (winner?.authority === 'self') return winner.author;
    const member = [...detector.members()].find(({ id }) => id === who);
    if (member !== undefined) return member.peer;
    const text =
      winner === undefined
        ? `no agent is called ${who}; a key (12D3…) can be banned before it is met`
        : `${who} is no agent but a service: deregister it with the agent that hosts it, or ban that agent`;
    throw new FirsthandError('UNKNOWN_NODE', { text, field: 'who' });
  }

  #named(peer: PeerId): { readonly id?: string } {
    const id = this.#parts.protocol.nodeIdOf(peer) ?? this.#lastNameOf(peer);
    return id === undefined ? {} : { id };
  }

  /** Of somebody who is no member any more. */
  #lastNameOf(peer: PeerId): string | undefined {
    const { ledger } = this.#parts.protocol.table;
    return [...ledger.subjectsOf(peer)].find(id => {
      const record = ledger.recordBy(peer, id);
      return record?.authority === 'self' && record.body.type !== 'health';
    });
  }
}
