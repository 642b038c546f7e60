/**
 * What leaves this agent's detector: datagrams with their heading, and the claims that ride on them.
 *
 * While there is news it is also pushed to a few members per interval (source: memberlist, gossip). All but one of
 * them are told over links: these have said who they are once, and a datagram says it each time, which takes as much
 * again as a claim, and two signatures. One is anybody, for over links alone those who have few of them hear late.
 */
import type { Effect } from '../effects.ts';
import { drawn, type Random } from '../random.ts';
import type { PeerId } from '../record/record.ts';
import type { TreeRoot } from '../sync/tree.ts';
import type { Now } from '../time.ts';
import type { ClaimDraft, Life, VerifiedClaim } from './claim.ts';
import { Dissemination, type Room } from './dissemination.ts';
import type { Tracked } from './member.ts';
import { datagramBaseBytes, type ProbeBody, pingRoomBytes, type ReceivedProbe } from './message.ts';
import type { SwimSettings } from './settings.ts';
import { retransmitLimit } from './timing.ts';

export interface MailerComponents {
  readonly random: Random;
  readonly sealClaim: (draft: ClaimDraft) => VerifiedClaim;
  /** Members that count as alive. */
  readonly alive: () => readonly Tracked[];
  /** The same, as far as we hold a link to them. */
  readonly linked: () => readonly Tracked[];
  /** This agent and everybody who should be there. */
  readonly participantsCount: () => number;
  /**
   * What this agent holds, for pings and acks; those of an agent without one say nothing of it.
   *
   * @param since - The first epoch that the peer compares, when it has told.
   */
  readonly tableRoot?: (now: Now, since: number | undefined) => TreeRoot;
  readonly emit: (effect: Effect) => void;
}

export interface Letter {
  /** Claims that the receiver should hear before all others. */
  readonly first?: readonly VerifiedClaim[];
  /** For these alone; absent: as much as such a datagram has room for, news included. */
  readonly budgetBytes?: number;
  /** Absent: the member's own. */
  readonly address?: string;
  /** From a socket of its own, which hears when the host refuses. */
  readonly asks?: boolean;
  /** The first epoch that the receiver compares, when it has told. */
  readonly tableSince?: number | undefined;
}

export class Mailer {
  readonly #options: { readonly self: PeerId };
  readonly #settings: SwimSettings;
  readonly #parts: MailerComponents;
  readonly #news = new Dissemination();
  #life: Life;
  #counter = 0;
  #isNewsDue = false;

  constructor(
    options: { readonly self: PeerId; readonly epoch: number; readonly settings: SwimSettings },
    components: MailerComponents,
  ) {
    this.#options = options;
    this.#settings = options.settings;
    this.#parts = components;
    this.#life = { epoch: options.epoch, incarnation: 0 };
  }

  /** The life that we speak in. */
  get life(): Life {
    return this.#life;
  }

  openEpoch(epoch: number): void {
    if (epoch <= this.#life.epoch) return;
    this.#life = { epoch, incarnation: 0 };
    this.#counter = 0;
  }

  /** Says that we live, in an incarnation that nobody has accused. Source: SWIM, section 4.2. */
  raiseIncarnation(now: Now): void {
    this.#life = { epoch: this.#life.epoch, incarnation: this.#life.incarnation + 1 };
    this.spread(
      this.seal({ kind: 'alive', subject: this.#options.self, refused: false, ...this.#life }),
      now,
    );
  }

  seal(draft: Omit<ClaimDraft, 'issuer'>): VerifiedClaim {
    return this.#parts.sealClaim({ ...draft, issuer: this.#options.self });
  }

  /** Adds a claim to what goes round, and begins to push it. */
  spread(claim: VerifiedClaim, now: Now): void {
    this.#news.add(claim);
    this.#push(now);
  }

  forget(subject: PeerId): void {
    this.#news.forget(subject);
  }

  /** A member begins a life: what was said about earlier ones does not matter. */
  forgetBefore(subject: PeerId, life: Life): void {
    this.#news.forgetBefore(subject, life);
  }

  /** A member sent what goes round from here as well. */
  heardAgain(claims: readonly (ClaimDraft & { readonly wire: Uint8Array })[]): void {
    for (const claim of claims) this.#news.heardAgain(claim);
  }

  /** `news-due` has come. */
  pushAgain(now: Now): void {
    this.#isNewsDue = false;
    this.#push(now);
  }

  /** Tells these members directly, before the claim goes round. */
  farewell(claim: VerifiedClaim, receivers: readonly Tracked[], now: Now): void {
    this.#news.add(claim);
    for (const member of receivers) this.mail(member, { type: 'news' }, now, { first: [claim] });
  }

  mail(member: Tracked, body: ProbeBody, now: Now, letter: Letter = {}): void {
    const { first, budgetBytes } = letter;
    const room = budgetBytes === undefined ? this.#roomIn(body) : { budgetBytes };
    const claims = this.#news.take({ ...room, limit: this.#limit, first });
    if (body.type === 'news' && claims.length === 0) return;
    this.#send(member.peer, { address: member.address, ...letter }, body, claims, now);
  }

  /** To somebody of whom nothing is known but that he asks. */
  answerStranger({ from, address, table }: ReceivedProbe, body: ProbeBody, now: Now): void {
    this.#send(from, { address, tableSince: table?.since }, body, [], now);
  }

  get #limit(): number {
    return retransmitLimit(this.#settings.retransmitMult, this.#parts.participantsCount());
  }

  #roomIn({ type }: ProbeBody): Pick<Room, 'by' | 'budgetBytes'> {
    if (type === 'news')
      return { by: 'push', budgetBytes: this.#settings.datagramMaxBytes - datagramBaseBytes };
    return type === 'ping' ? { by: 'ride', budgetBytes: pingRoomBytes } : { budgetBytes: 0 };
  }

  #push(now: Now): void {
    if (this.#isNewsDue || !this.#news.isPushing(this.#limit)) return;
    const { random, alive, linked, emit } = this.#parts;
    const { gossipFanout } = this.#settings;
    const neighbours = linked();
    const anybody = drawn(random, alive(), neighbours.length < gossipFanout ? gossipFanout : 1);
    for (const member of anybody) this.mail(member, { type: 'news' }, now);
    for (const { peer } of drawn(random, neighbours, gossipFanout - anybody.length)) this.#pushOver(peer);
    if (!this.#news.isPushing(this.#limit)) return;
    this.#isNewsDue = true;
    emit({
      type: 'wake',
      afterMs: this.#settings.gossipIntervalMs,
      input: { type: 'news-due' },
      afterPoll: true,
    });
  }

  #pushOver(to: PeerId): void {
    const claims = this.#news.take({ ...this.#roomIn({ type: 'news' }), limit: this.#limit });
    if (claims.length > 0) this.#parts.emit({ type: 'send', to, message: { type: 'claims', claims } });
  }

  #send(
    to: PeerId,
    { address, asks = false, tableSince }: Letter & { readonly address: string },
    body: ProbeBody,
    claims: readonly VerifiedClaim[],
    now: Now,
  ): void {
    this.#counter += 1;
    const { tableRoot, emit } = this.#parts;
    const table = saysWhatWeHold(body) ? tableRoot?.(now, tableSince) : undefined;
    const heading = {
      from: this.#options.self,
      to,
      ...this.#life,
      counter: this.#counter,
      wallMs: now.wallMs,
      ...(table === undefined ? {} : { table }),
    };
    emit({ type: 'datagram', address, asks, message: { ...heading, body, claims } });
  }
}

/** An ack for somebody else has to fit into a relay. */
function saysWhatWeHold(body: ProbeBody): boolean {
  return body.type === 'ping' || (body.type === 'ack' && body.origin === undefined);
}
