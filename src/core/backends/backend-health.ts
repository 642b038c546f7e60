/**
 * The health of the services that this agent hosts: which are checked, and what it says of them.
 *
 * Follows every record of our own about a service, and about a node learnt from an HTTP peer. Verdicts that change are gathered until the
 * next tick and said in one health record a bucket; the listing, here as everywhere, goes by these.
 */
import type { CoreLogEvent, Effect, Input } from '../effects.ts';
import type { Random } from '../random.ts';
import type { Author } from '../record/author.ts';
import {
  ailmentIn,
  type Bucket,
  bucketNamedBy,
  bucketOf,
  type HealthEntry,
  healthChanges,
  healthEntriesMaxCount,
  healthEntriesOf,
  healthSubjectOf,
  type SubjectHash,
} from '../record/health.ts';
import type { NodeId } from '../record/node.ts';
import { compareText, type VerifiedRecord } from '../record/record.ts';
import type { Table } from '../record/table.ts';
import type { Now } from '../time.ts';
import type { BackendCheckView } from '../view.ts';
import { type Backend, BackendChecks, type CheckSettings, checkKeyPrefix } from './checks.ts';
import type { CheckFailure } from './outcome.ts';

export interface BackendHealthComponents {
  readonly author: Author;
  readonly table: Table;
  readonly random: Random;
  /** Takes a record of our own in, writes it and tells others. */
  readonly say: (record: VerifiedRecord, now: Now) => readonly Effect[];
  /** The service was heard from. */
  readonly renew: (id: NodeId, now: Now) => void;
}

export class BackendHealth {
  readonly #components: BackendHealthComponents;
  readonly #checks: BackendChecks;
  /** Buckets in which what we found may differ from what we said. */
  readonly #unsaid = new Set<Bucket>();

  constructor(settings: Partial<CheckSettings>, components: BackendHealthComponents) {
    this.#components = components;
    this.#checks = new BackendChecks(settings, components);
  }

  views(now: Now): readonly BackendCheckView[] {
    return this.#checks.views(now.monoMs);
  }

  /**
   * Hears of each record of our own.
   *
   * @param origin - `said` just now, or `recalled` from the store or a peer: then what we said of
   *   the service's health before still holds.
   */
  follow(record: VerifiedRecord, origin: 'said' | 'recalled', now: Now): void {
    if (record.body.type === 'health') {
      if (origin === 'recalled') this.#recall(record, record.body.entries);
      return;
    }
    if (record.authority !== 'host' && record.authority !== 'hint') return;
    const backend = backendOf(record);
    const watched = this.#checks.backend(record.subject);
    if (backend !== undefined && isSameTarget(backend, watched)) return;
    if (backend === undefined && watched === undefined) return;
    if (backend === undefined) this.#checks.forget(record.subject);
    else {
      const ailment = origin === 'recalled' ? this.#said(backend.subjectHash) : undefined;
      this.#checks.watch(backend, ailment, now.monoMs);
    }
    this.#compare(record.subject, record.subjectHash);
  }

  /** Starts the checks that are due before the next tick and says what has changed. */
  tick(now: Now, tickMs: number): readonly Effect[] {
    return [...this.#checks.due(now.monoMs, tickMs), ...this.#sayChanges(now)];
  }

  /** What we say once more, in the present epoch: what was said before is void. */
  sayAgain(now: Now): readonly Effect[] {
    const { author, table, say } = this.#components;
    return [...table.ledger.subjectsOf(author.peer)].sort(compareText).flatMap(subject => {
      const own = table.ledger.recordBy(author.peer, subject);
      if (own?.body.type !== 'health' || own.body.entries.length === 0) return [];
      const { authority, context, claimedAt, leaseMs, body } = own;
      return say(author.write({ subject, authority, context, claimedAt, leaseMs, body }, now.wallMs), now);
    });
  }

  /** An answer, which may be meant for somebody else. */
  checked({ key, outcome }: Extract<Input, { readonly type: 'checked' }>, now: Now): readonly Effect[] {
    if (!key.startsWith(checkKeyPrefix)) return [];
    const checked = this.#checks.checked(key, outcome, now.monoMs);
    const further = this.#checks.launch(now.monoMs);
    if (checked === undefined) return further;
    const { backend, turned } = checked;
    if (outcome.ok) this.#components.renew(backend.id, now);
    if (turned === undefined) return further;
    this.#compare(backend.id, backend.subjectHash);
    return [
      outcome.ok
        ? log('backend_healthy', { id: backend.id, reason: 'answers-again' })
        : log('backend_unhealthy', { id: backend.id, reason: outcome.reason, detail: outcome.detail }),
      ...further,
    ];
  }

  /** What we said before we lost our memory. */
  #recall(record: VerifiedRecord, entries: readonly HealthEntry[]): void {
    this.#unsaid.add(bucketNamedBy(record.subject));
    for (const { subjectHash, reason } of entries) {
      for (const id of this.#components.table.ledger.subjectsIn(bucketOf(subjectHash))) {
        if (this.#checks.backend(id)?.subjectHash === subjectHash) this.#checks.recall(id, reason);
      }
    }
  }

  #said(hash: SubjectHash): CheckFailure | undefined {
    return ailmentIn(this.#recordOf(bucketOf(hash)), hash);
  }

  #compare(id: NodeId, hash: SubjectHash): void {
    if (this.#said(hash) !== this.#checks.ailmentOf(id)) this.#unsaid.add(bucketOf(hash));
  }

  #recordOf(bucket: Bucket): VerifiedRecord | undefined {
    const { author, table } = this.#components;
    return table.ledger.recordBy(author.peer, healthSubjectOf(author.peer, bucket));
  }

  #sayChanges(now: Now): readonly Effect[] {
    if (this.#unsaid.size === 0) return [];
    const buckets = [...this.#unsaid].sort(compareText);
    this.#unsaid.clear();
    const found = this.#found();
    return buckets.flatMap(bucket => this.#say(bucket, found.get(bucket) ?? [], now));
  }

  #say(bucket: Bucket, entries: readonly HealthEntry[], now: Now): readonly Effect[] {
    const { author, table, say } = this.#components;
    const subject = healthSubjectOf(author.peer, bucket);
    const own = this.#recordOf(bucket);
    if (healthChanges(healthEntriesOf(own), entries).size === 0) return [];
    if (table.ledger.isQuarantined(author.peer) || table.ledger.isFullFor(author.peer, subject)) return [];
    const record = author.write(
      {
        subject,
        authority: 'self',
        context: [],
        claimedAt: own?.claimedAt,
        leaseMs: 0,
        body: { type: 'health', entries },
      },
      now.wallMs,
    );
    return say(record, now);
  }

  /** All that is unhealthy, as records have it: sorted, each hash once, and no more than fit a record. */
  #found(): ReadonlyMap<Bucket, readonly HealthEntry[]> {
    const reasons = new Map<SubjectHash, HealthEntry>();
    for (const { backend, ailment } of this.#checks.unhealthy()) {
      const { subjectHash } = backend;
      reasons.set(subjectHash, { subjectHash, reason: ailment });
    }
    const found = new Map<Bucket, HealthEntry[]>();
    for (const entry of [...reasons.values()].sort((a, b) => compareText(a.subjectHash, b.subjectHash))) {
      const bucket = bucketOf(entry.subjectHash);
      const entries = found.get(bucket) ?? [];
      // Ten thousand ids fill a bucket with about 40; who has more in one chose them to.
      if (entries.length < healthEntriesMaxCount) entries.push(entry);
      found.set(bucket, entries);
    }
    return found;
  }
}

/** What there is to check, if anything. */
function backendOf({ subject, subjectHash, body }: VerifiedRecord): Backend | undefined {
  if (body.type !== 'entry' || body.node.nodeType !== 'backend') return undefined;
  const { address, metricsPort } = body.node;
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
  return { id: subject, subjectHash, host, port: metricsPort };
}

function isSameTarget(a: Backend, b: Backend | undefined): boolean {
  return a.host === b?.host && a.port === b.port;
}

function log(event: CoreLogEvent, fields: Readonly<Record<string, unknown>>): Effect {
  return { type: 'log', event, fields };
}
