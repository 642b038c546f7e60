/**
 * Health records: what a hosting agent says of the health of its services.
 *
 * Health is no part of a service's record: it changes more often, and the record is what was
 * registered. It has records of its own, so that gossip, sync, store and floors carry it like
 * anything else. Their subjects are reserved names, `~health/<bucket>/<author>`; no node id holds `~`
 * or `/`. Each author has its own, so nobody can contradict it there. A record lists the unhealthy
 * services of one bucket, the first byte of the hash of their ids; an empty list says that all are well.
 *
 * One record for everything was rejected because it outgrows the largest record at 500 services,
 * and one record a service because it doubles the table to say "well" ten thousand times.
 */
import type { CheckFailure } from '../backends/outcome.ts';
import type { NodeId } from './node.ts';
import type { PeerId, VerifiedRecord } from './record.ts';

/** The first 6 bytes of SHA-256 over a subject, as 12 hexadecimal digits. */
export type SubjectHash = string;

/** The first byte of a subject's hash, as 2 hexadecimal digits. */
export type Bucket = string;

export interface HealthEntry {
  readonly subjectHash: SubjectHash;
  readonly reason: CheckFailure;
}

const subjectPrefix = '~health/';

export const healthBucketsCount = 256;

/** 7 bytes each; with the rest of the record this stays below `recordMaxBytes`. */
export const healthEntriesMaxCount = 512;

export function bucketOf(hash: SubjectHash): Bucket {
  return hash.slice(0, 2);
}

export function healthSubjectOf(author: PeerId, bucket: Bucket): NodeId {
  return `${subjectPrefix}${bucket}/${author}`;
}

/** The bucket in the name of a health subject. */
export function bucketNamedBy(subject: NodeId): Bucket {
  return subject.slice(subjectPrefix.length, subjectPrefix.length + 2);
}

export function isHealthSubject(subject: NodeId): boolean {
  return subject.startsWith(subjectPrefix);
}

/** Whether this names something that is kept as records, and is no node. No node id begins like it. */
export function isReservedSubject(subject: NodeId): boolean {
  return subject.startsWith('~');
}

/** What a health record says about one service; `undefined` is well, or nothing was said. */
export function ailmentIn(record: VerifiedRecord | undefined, hash: SubjectHash): CheckFailure | undefined {
  return healthEntriesOf(record).find(({ subjectHash }) => subjectHash === hash)?.reason;
}

export function healthEntriesOf(record: VerifiedRecord | undefined): readonly HealthEntry[] {
  return record?.body.type === 'health' ? record.body.entries : [];
}

/** The services about which two lists differ. */
export function healthChanges(
  before: readonly HealthEntry[],
  after: readonly HealthEntry[],
): ReadonlySet<SubjectHash> {
  const reasons = new Map(before.map(({ subjectHash, reason }) => [subjectHash, reason]));
  const changed = new Set(reasons.keys());
  for (const { subjectHash, reason } of after) {
    if (reasons.get(subjectHash) === reason) changed.delete(subjectHash);
    else changed.add(subjectHash);
  }
  return changed;
}
