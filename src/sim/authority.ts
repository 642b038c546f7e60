/**
 * The authority of a simulated cluster: the production one, with a key of the ring, so that certificates cost as
 * little as everything else that is signed. One agent holds the issuing key.
 */
import {
  type CertificateFault,
  nextInLine,
  type VerifiedCertificate,
} from '../core/authority/certificate.ts';
import type { RevocationLists } from '../core/authority/revocation.ts';
import type { Input } from '../core/effects.ts';
import type { Protocol } from '../core/protocol.ts';
import type { PeerId, VerifiedRecord } from '../core/record/record.ts';
import { Authority } from '../identity/authority.ts';
import { AuthorityChecker } from '../identity/authority-checker.ts';
import type { MembershipPort } from '../runtime/ports.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { cluster, type SimAgent } from './agent.ts';
import type { SimAdmission } from './host.ts';
import type { KeyRing } from './key-ring.ts';
import type { Place } from './network.ts';

/** Where no agent stands. */
const authorityPlace = 1_000_000;

export interface SimAuthorityOptions {
  readonly seed: number;
  /** Of each certificate, ms. */
  readonly lifetimeMs: number;
  /** Who renews; absent: nobody. */
  readonly issuer?: Place;
}

export class SimAuthority {
  readonly checker: AuthorityChecker;
  readonly #options: SimAuthorityOptions;
  readonly #authority: Authority;
  readonly #kept = new Map<PeerId, Uint8Array>();
  #listsCount = 0;
  /** Certificates that nobody had asked for: what makes the first keys members. */
  givenCount = 0;

  constructor(options: SimAuthorityOptions, components: { readonly keys: KeyRing }) {
    this.#options = options;
    const key = components.keys.key(authorityPlace, 1);
    const random = seededRandom(options.seed, 'authority');
    this.#authority = new Authority(
      { cluster },
      { key, random: count => Uint8Array.from({ length: count }, () => Math.floor(random.next() * 256)) },
    );
    this.checker = new AuthorityChecker({ cluster, authorities: [key.peerId] }, { checker: components.keys });
  }

  /** What an agent has on its disk for a key; a new disk gets a new one, for the name that the agent has. */
  certificateOf(agent: SimAgent, peer = agent.peer): Uint8Array {
    let certificate = this.#kept.get(peer);
    if (certificate === undefined) {
      this.givenCount += 1;
      const { lifetimeMs } = this.#options;
      const request = {
        key: peer,
        pattern: agent.id,
        roles: [],
        lifetimeMs,
        nowMs: Math.floor(agent.machine.wallMs),
      };
      certificate = this.#authority.issue(request).wire;
      this.#kept.set(peer, certificate);
    }
    return certificate;
  }

  /** The next list. */
  revoke(lists: Partial<RevocationLists>, wallMs: number): VerifiedRecord {
    this.#listsCount += 1;
    const dot = { epoch: Math.floor(wallMs), sequence: this.#listsCount };
    return this.#authority.revoke({ serials: [], keys: [], ...lists }, dot, Math.floor(wallMs));
  }

  serialOf(agent: SimAgent): string {
    return this.checker.read(this.certificateOf(agent))?.serial ?? '';
  }

  /** @param write - A write takes its time; a process that ends meanwhile does not come back from it. */
  portOf(agent: SimAgent, write: () => Promise<void>): MembershipPort {
    const isIssuer = agent.place === this.#options.issuer;
    return {
      renew: (certificate, onRenewed) => {
        if (isIssuer) onRenewed(this.#next(certificate, agent.machine.wallMs));
      },
      certifyNext: (certificate, key, onIssued) => {
        if (isIssuer) onIssued(this.#next(certificate, agent.machine.wallMs, key));
      },
      keepNext: async certificate => {
        await write();
        const next = this.checker.read(certificate);
        if (next !== undefined) this.#kept.set(next.key, certificate);
      },
      takeNext: () => {},
      keep: certificate => {
        this.#kept.set(agent.peer, certificate);
      },
    };
  }

  #next(certificate: VerifiedCertificate, wallMs: number, key = certificate.key): Uint8Array {
    const { pattern, roles, notBeforeMs } = certificate;
    const { lifetimeMs } = this.#options;
    const nowMs = Math.floor(wallMs);
    const line = key === certificate.key ? certificate.line : nextInLine(certificate);
    return this.#authority.issue({ key, pattern, roles, notBeforeMs, lifetimeMs, nowMs, line }).wire;
  }

  /** As `identity/certificate-admission`, in one step. */
  admissionOf(agent: SimAgent, { roster }: Protocol, feed: (input: Input) => void): SimAdmission {
    const faultOf = (certificate: VerifiedCertificate): CertificateFault | undefined =>
      roster?.faultOf(certificate, agent.machine.wallMs);
    return {
      shows: self => this.certificateOf(agent, self),
      admits: (peer, wire) => {
        const certificate = wire && this.checker.read(wire);
        if (certificate?.key !== peer || faultOf(certificate) !== undefined) return false;
        feed({ type: 'certificate-shown', peer, certificate: certificate.wire });
        return true;
      },
    };
  }
}
