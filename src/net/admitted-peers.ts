/** What connected peers have proved on their way in, and what is told about those that could not. */
import type { PeerId } from '../core/record/record.ts';
import type {
  AdmissionAuthority,
  AdmissionFacts,
  AdmissionRefusal,
  AdmissionRole,
} from '../runtime/admission.ts';
import type { AuditLog } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import type { AdmissionEncrypterComponents } from './admission-encrypter.ts';

export interface AdmittedPeersComponents {
  readonly authority: AdmissionAuthority;
  readonly log: Log;
  readonly metrics: NetMetrics;
  /** Takes down everybody who came, let in or not. */
  readonly audit: AuditLog;
  readonly onAdmitted: (peer: PeerId, facts: AdmissionFacts) => void;
}

/** Of connections that ended before they were links, some stay behind; the oldest make room. */
const peersMaxCount = 4_096;
/** Somebody who keeps trying must not fill the log; the counter has them all. */
const refusalLogIntervalMs = 10_000;

export class AdmittedPeers implements AdmissionEncrypterComponents {
  readonly authority: AdmissionAuthority;
  readonly #parts: AdmittedPeersComponents;
  readonly #facts = new Map<PeerId, AdmissionFacts>();
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(components: AdmittedPeersComponents) {
    this.authority = components.authority;
    this.#parts = components;
  }

  /** Of the peer's latest connection; `undefined` when there was none, or nobody is asked for anything. */
  factsOf(peer: PeerId): AdmissionFacts | undefined {
    return this.#facts.get(peer);
  }

  readonly onAdmitted = (peer: PeerId, role: AdmissionRole, facts: AdmissionFacts, tookMs: number): void => {
    const { audit, metrics, onAdmitted } = this.#parts;
    audit.record({ kind: 'admission', who: peer, what: whatOf(role), outcome: 'allowed' });
    metrics.admissions.add({ outcome: 'admitted' });
    metrics.admissionSeconds.observe(tookMs / 1_000);
    this.#facts.delete(peer);
    this.#facts.set(peer, facts);
    if (this.#facts.size > peersMaxCount) {
      const [oldest] = this.#facts.keys();
      if (oldest !== undefined) this.#facts.delete(oldest);
    }
    onAdmitted(peer, facts);
  };

  readonly onRefused = (
    peer: PeerId,
    role: AdmissionRole,
    refusal: AdmissionRefusal,
    from: string | undefined,
  ): void => {
    const { audit, authority, log, metrics } = this.#parts;
    const why = authority.explain(refusal);
    const where = from === undefined ? {} : { from };
    audit.record({ kind: 'admission', who: peer, what: whatOf(role), outcome: 'refused', why, ...where });
    metrics.admissions.add({ outcome: refusal.reason });
    const nowMs = performance.now();
    if (nowMs - this.#loggedAtMs < refusalLogIntervalMs) return;
    this.#loggedAtMs = nowMs;
    log('admission_refused', { peer, role, ...refusal, text: why });
  };
}

/** @param role - Of this agent. */
function whatOf(role: AdmissionRole): string {
  return role === 'dialer' ? 'be connected to' : 'connect';
}
