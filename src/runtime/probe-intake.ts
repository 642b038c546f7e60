/**
 * From datagrams to verified probes: decoded under limits, screened by the core for whether they are worth a
 * signature check, and verified. All at once: an answer that waits in a queue is a late answer.
 */
import type { Input } from '../core/effects.ts';
import type { Protocol } from '../core/protocol.ts';
import type { PeerId } from '../core/record/record.ts';
import type { Fault } from '../core/reputation/reputation.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import type { ProbeRefusal } from '../core/swim/detector.ts';
import type { ReceivedProbe, RelayedAck } from '../core/swim/message.ts';
import type { Clock, ProbeCodec, UnverifiedClaim, UnverifiedProbe } from './ports.ts';

/** Why a datagram or a claim from a peer was thrown away before the core saw it. */
export type ProbeRejection =
  | 'malformed'
  | 'wrong-cluster'
  | 'bad-signature'
  | 'bad-relay'
  | 'quarantined'
  | 'banned'
  /** Of a key that has shown no certificate, or whose certificate does not count now. */
  | 'uncertified'
  | ProbeRefusal;

export interface ProbeIntakeHandlers {
  readonly feed: (input: Input) => void;
  /** Of whoever signed the datagram, or is at the other end of the link. */
  readonly onFault: (peer: PeerId, fault: Fault) => void;
  readonly onRejected: (rejection: ProbeRejection) => void;
}

export class ProbeIntake {
  readonly #options: { readonly self: PeerId };
  readonly #handlers: ProbeIntakeHandlers;
  readonly #protocol: Protocol;
  readonly #codec: ProbeCodec;
  readonly #clock: Clock;

  constructor(
    /** `self` is read anew each time: a key can be replaced. */
    options: { readonly self: PeerId },
    handlers: ProbeIntakeHandlers,
    components: { readonly protocol: Protocol; readonly codec: ProbeCodec; readonly clock: Clock },
  ) {
    this.#options = options;
    this.#handlers = handlers;
    this.#protocol = components.protocol;
    this.#codec = components.codec;
    this.#clock = components.clock;
  }

  datagram(address: string, bytes: Uint8Array): void {
    const probe = this.#codec.decodeProbe(bytes);
    if (probe === undefined) return this.#handlers.onRejected('malformed');
    if (probe === 'foreign') return this.#handlers.onRejected('wrong-cluster');
    const { detector, table, exclusion } = this.#protocol;
    if (table.ledger.isQuarantined(probe.from)) return this.#handlers.onRejected('quarantined');
    if (exclusion.isBanned(probe.from)) return this.#handlers.onRejected('banned');
    const now = this.#clock.now();
    if (!this.#protocol.isMember(probe.from, now.wallMs)) return this.#handlers.onRejected('uncertified');
    const refusal = detector.screen(probe, address, now);
    if (refusal !== undefined) return this.#handlers.onRejected(refusal);
    if (!this.#codec.verifyProbe(probe)) return this.#handlers.onRejected('bad-signature');
    const body = this.#bodyOf(probe);
    if (body === undefined) return this.#handlers.onRejected('bad-relay');
    const { claims, repeats } = this.#sorted(probe.claims, probe.from);
    this.#handlers.feed({ type: 'datagram-received', probe: { ...probe, body, claims, repeats, address } });
  }

  /** Claims that came over a link. */
  claims(from: PeerId, claims: readonly UnverifiedClaim[]): void {
    const sorted = this.#sorted(claims, from);
    if (sorted.claims.length > 0 || sorted.repeats.length > 0)
      this.#handlers.feed({ type: 'claims-received', from, ...sorted });
  }

  /** Into news, which is verified, and what is none. */
  #sorted(unverified: readonly UnverifiedClaim[], sender: PeerId) {
    const { detector, table, exclusion } = this.#protocol;
    const now = this.#clock.now();
    const claims: VerifiedClaim[] = [];
    const repeats: UnverifiedClaim[] = [];
    for (const claim of unverified) {
      if (table.ledger.isQuarantined(claim.issuer) || exclusion.isBanned(claim.issuer)) continue;
      if (!this.#protocol.mayClaim(claim, now.wallMs)) continue;
      if (!detector.wants(claim, sender, now)) {
        repeats.push(claim);
        continue;
      }
      const verified = this.#codec.verifyClaim(claim);
      if (verified === undefined) {
        this.#handlers.onRejected('bad-signature');
        this.#handlers.onFault(sender, 'bad-signature');
      } else claims.push(verified);
    }
    return { claims, repeats };
  }

  #bodyOf({ body, from }: UnverifiedProbe): ReceivedProbe['body'] | undefined {
    if (body.type !== 'relay') return body;
    const relayed = this.#relayed(body.ack, from);
    return relayed && { type: 'relay', relayed };
  }

  /** The target's own ack, for a question that a helper asked on our behalf. */
  #relayed(bytes: Uint8Array, helper: PeerId): RelayedAck | undefined {
    const ack = this.#codec.decodeProbe(bytes);
    if (ack === undefined || ack === 'foreign' || ack.body.type !== 'ack') return undefined;
    const { origin } = ack.body;
    if (origin?.peer !== this.#options.self || !this.#protocol.isMember(ack.from, this.#clock.now().wallMs))
      return undefined;
    if (!this.#codec.verifyProbe(ack)) {
      this.#handlers.onFault(helper, 'forged-ack');
      return undefined;
    }
    const { from, epoch, incarnation } = ack;
    return { from, epoch, incarnation, origin };
  }
}
