/** What follows from who is a member and who is not any more: links end, records go, certificates are renewed. */
import type { CoreLogEvent, Effect, Ticket } from '../effects.ts';
import { RateLimit } from '../gossip/rate-limit.ts';
import type { Links } from '../membership/links.ts';
import type { Peering } from '../peering/peering.ts';
import type { NodeId } from '../record/node.ts';
import { compareText, type PeerId, type VerifiedRecord } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { Detector } from '../swim/detector.ts';
import type { Now } from '../time.ts';
import { renewalDueMs } from './certificate.ts';
import type { Roster } from './roster.ts';

export interface MembershipComponents {
  readonly roster: Roster;
  readonly table: Table;
  readonly detector: Detector;
  readonly peering: Peering;
  readonly links: Links;
  /** For the log: the node id of an agent, when it is known. */
  readonly nameOf: (peer: PeerId) => NodeId | undefined;
}

/** Between two rounds in which we ask everybody we are linked to, ms. Guess: an issuer may be restarting. */
const askEveryMs = 10_000;
/** Between two complaints that nobody gives us one, ms. */
const complainEveryMs = 60_000;
/** How long an issuer may take to answer for our next key, ms: it writes one line. Guess. */
const nextMaxMs = 6_000;
/** Frames may be lost with the link that they were sent over, ms. */
const askForNextEveryMs = 2_000;
/** A member gets a certificate when it asks twice, should the first be lost, and then one in so many seconds. */
const requests = { perSecond: 0.1, burstCount: 2, bucketsMaxCount: 4_096 };

/** For the key that is to follow ours. */
interface WantedCertificate {
  readonly ticket: Ticket;
  readonly key: PeerId;
  readonly signature: Uint8Array;
  readonly untilMonoMs: number;
  readonly askAgainMonoMs: number;
}

export class Membership {
  readonly #options: { readonly self: PeerId };
  readonly #parts: MembershipComponents;
  readonly #renewals = new RateLimit(requests);
  readonly #successions = new RateLimit(requests);
  #wanted: WantedCertificate | undefined;
  #nextAskMonoMs = 0;
  #nextComplaintMonoMs = 0;

  /** @param options.self - Read anew each time: a key can be replaced. */
  constructor(options: { readonly self: PeerId }, components: MembershipComponents) {
    this.#options = options;
    this.#parts = components;
  }

  /** An authority's list has come: whoever is on it is shut out, with all that it said. */
  revoke(record: VerifiedRecord): readonly Effect[] {
    return this.#parts.roster
      .revoke(record)
      .flatMap(peer =>
        peer === this.#options.self ? [log('own_certificate_revoked', { peer })] : this.#shutOut(peer),
      );
  }

  #shutOut(peer: PeerId): readonly Effect[] {
    const { table, detector, peering, links, nameOf } = this.#parts;
    const wasHere = detector.member(peer) !== undefined || links.has(peer);
    const named = nameOf(peer);
    if (wasHere) detector.forget(peer);
    peering.forget(peer);
    const rows = [
      { type: 'delete-contact', peer },
      { type: 'delete-reachability', peer },
    ] as const;
    return [
      ...(links.has(peer) ? [{ type: 'hang-up', peer } as const] : []),
      ...table.shutOut(peer),
      ...(wasHere
        ? [
            { type: 'persist', operations: rows, then: [] } as const,
            log('member_revoked', { peer, id: named }),
          ]
        : []),
    ];
  }

  /** Once a second. */
  tick(now: Now): readonly Effect[] {
    return [...this.#endLinks(now), ...this.#askForRenewal(now), ...this.#askForNext(now)];
  }

  /** Certificates run out while connections stay. */
  #endLinks({ wallMs }: Now): readonly Effect[] {
    const { roster, links, nameOf } = this.#parts;
    return [...links.peers()].sort(compareText).flatMap(peer => {
      const reason = roster.fault(peer, wallMs);
      if (reason === undefined) return [];
      return [
        log('certificate_ended', { peer, id: nameOf(peer), reason }),
        { type: 'hang-up', peer } as const,
      ];
    });
  }

  #askForRenewal(now: Now): readonly Effect[] {
    const { roster, links } = this.#parts;
    const dueMs = roster.renewalDueMs;
    if (dueMs === undefined || now.wallMs < dueMs || now.monoMs < this.#nextAskMonoMs) return [];
    this.#nextAskMonoMs = now.monoMs + askEveryMs;
    const asked = [...links.peers()]
      .sort(compareText)
      .map(to => ({ type: 'send', to, message: { type: 'renewal?' } }) as const);
    const own = roster.certificateOf(this.#options.self);
    // Where we hold the issuing key ourselves, nobody else has to be asked.
    const ourselves: readonly Effect[] = own
      ? [{ type: 'renew', to: this.#options.self, certificate: own }]
      : [];
    return [...ourselves, ...asked, ...this.#complain(now)];
  }

  /** Half of the time that was left is over, and nobody has answered. */
  #complain(now: Now): readonly Effect[] {
    const own = this.#parts.roster.certificateOf(this.#options.self);
    if (own === undefined || now.monoMs < this.#nextComplaintMonoMs) return [];
    const leftMs = own.expiresMs - now.wallMs;
    if (leftMs > (own.expiresMs - own.issuedMs) / 4) return [];
    this.#nextComplaintMonoMs = now.monoMs + complainEveryMs;
    return [log('own_certificate_not_renewed', { serial: own.serial, left_ms: leftMs })];
  }

  /** A member wants its next certificate: not before its time, and not again and again. */
  renewalAsked(from: PeerId, { wallMs, monoMs }: Now): readonly Effect[] {
    const { roster } = this.#parts;
    const certificate = roster.certificateOf(from);
    if (certificate === undefined || roster.fault(from, wallMs) !== undefined) return [];
    if (wallMs < renewalDueMs(certificate) || !this.#renewals.take(from, monoMs)) return [];
    return [{ type: 'renew', to: from, certificate }];
  }

  /** We are about to change our key, and nobody lets the next one in without a certificate. */
  wantNext(
    { ticket, key, signature }: Pick<WantedCertificate, 'ticket' | 'key' | 'signature'>,
    now: Now,
  ): readonly Effect[] {
    const untilMonoMs = now.monoMs + nextMaxMs;
    this.#wanted = { ticket, key, signature, untilMonoMs, askAgainMonoMs: now.monoMs };
    return this.#askForNext(now);
  }

  #askForNext({ wallMs, monoMs }: Now): readonly Effect[] {
    const wanted = this.#wanted;
    if (wanted === undefined || monoMs < wanted.askAgainMonoMs) return [];
    const { ticket, key, signature, untilMonoMs } = wanted;
    if (monoMs >= untilMonoMs) {
      this.#wanted = undefined;
      return [{ type: 'reply', ticket, reply: { ok: false, code: 'NO_ISSUER', details: {} } }];
    }
    this.#wanted = { ...wanted, askAgainMonoMs: monoMs + askForNextEveryMs };
    const { self } = this.#options;
    const asked = [...this.#parts.links.peers()]
      .sort(compareText)
      .map(to => ({ type: 'send', to, message: { type: 'certificate?', key, signature } }) as const);
    return [...this.#certifyNext(self, key, wallMs), ...asked];
  }

  /** A member is about to change its key. What it may be and do stays, and so does what may be said of it. */
  nextAsked(from: PeerId, key: PeerId, { wallMs, monoMs }: Now): readonly Effect[] {
    return this.#successions.take(from, monoMs) ? this.#certifyNext(from, key, wallMs) : [];
  }

  #certifyNext(from: PeerId, key: PeerId, wallMs: number): readonly Effect[] {
    const { roster } = this.#parts;
    const certificate = roster.certificateOf(from);
    if (certificate === undefined || roster.fault(from, wallMs) !== undefined || key === from) return [];
    return [{ type: 'certify-next', to: from, certificate, key }];
  }

  /** What was asked for, if this is it. */
  nextIssued(certificate: Uint8Array, { wallMs }: Now): readonly Effect[] | undefined {
    const wanted = this.#wanted;
    if (wanted === undefined || !this.#parts.roster.certifies(certificate, wanted.key, wallMs))
      return undefined;
    this.#wanted = undefined;
    return [{ type: 'reply', ticket: wanted.ticket, reply: { ok: true, changed: false, certificate } }];
  }

  /** Whether this is a certificate of ours that is later than the one we have. */
  isOwnNext(certificate: Uint8Array): boolean {
    return this.#parts.roster.learn(this.#options.self, certificate);
  }
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
