/** What a record may say. Holds for what is sealed here as for what arrives, so both are checked by one function. */
import { certificateMaxBytes } from '../core/authority/certificate.ts';
import { revocationsSubject } from '../core/authority/revocation.ts';
import { checkFailures } from '../core/backends/outcome.ts';
import { isPeerUrl } from '../core/bridge/peer-url.ts';
import {
  bucketNamedBy,
  bucketOf,
  type HealthEntry,
  healthEntriesMaxCount,
  healthSubjectOf,
} from '../core/record/health.ts';
import { type HybridTime, hybridCounterMax } from '../core/record/hybrid-time.ts';
import { isAddress, isClusterName, isNodeId, isServiceKey, nodeProblem } from '../core/record/node.ts';
import {
  type AgentContact,
  type Authority,
  type Body,
  type ContextEntry,
  compareText,
  contextMaxCount,
  type Dot,
  multiaddrMaxLength,
  multiaddrsMaxCount,
  type PeerId,
  type Predecessor,
  type RecordDraft,
} from '../core/record/record.ts';
import { publicKeyOf } from './peer-id.ts';
import { revocationsProblem } from './revocations.ts';

const multiaddrPattern = /^\/[\x21-\x7e]+$/;
const bucketPattern = /^[0-9a-f]{2}$/;
const subjectHashPattern = /^[0-9a-f]{12}$/;
const digestPattern = /^[0-9a-f]{64}$/;
const signaturePattern = /^[0-9a-f]{128}$/;

/** The first thing wrong with a claim, or `undefined`. */
export function recordProblem(cluster: string, draft: RecordDraft): string | undefined {
  if (!isClusterName(cluster)) return 'cluster is not a name';
  if (publicKeyOf(draft.author) === undefined) return 'author is not an Ed25519 peer id';
  if (!isDot(draft)) return 'epoch or sequence is out of range';
  if (!isHybridTime(draft.time) || !isHybridTime(draft.claimedAt)) return 'a time is out of range';
  if (!isCount(draft.leaseMs)) return 'lease is out of range';
  return contextProblem(draft.context) ?? subjectProblem(draft) ?? bodyProblem(draft);
}

/** Health and revocations have subjects that are reserved for them; everything else is about a node. */
function subjectProblem({ subject, author, authority, context, body }: RecordDraft): string | undefined {
  if (body.type === 'revocations') {
    if (subject !== revocationsSubject) return 'subject is not that of revocations';
    if (authority !== 'self') return 'only an authority itself revokes';
    return context.length > 0 ? 'revocations have no context' : revocationsProblem(body);
  }
  if (body.type !== 'health') return isNodeId(subject) ? undefined : 'subject is not a node id';
  const bucket = bucketNamedBy(subject);
  if (!bucketPattern.test(bucket) || subject !== healthSubjectOf(author, bucket)) {
    return 'subject is not one that its author has for health';
  }
  if (authority !== 'self') return 'only an agent itself speaks of the health of its services';
  if (context.length > 0) return 'health has no context';
  return healthProblem(bucket, body.entries);
}

function healthProblem(bucket: string, entries: readonly HealthEntry[]): string | undefined {
  if (entries.length > healthEntriesMaxCount) return `more than ${healthEntriesMaxCount} unhealthy services`;
  let before = '';
  for (const { subjectHash, reason } of entries) {
    if (!subjectHashPattern.test(subjectHash) || bucketOf(subjectHash) !== bucket) {
      return 'an unhealthy service is not of the bucket that the subject names';
    }
    if (compareText(before, subjectHash) >= 0) return 'unhealthy services are not sorted, each once';
    if (!checkFailures.includes(reason)) return 'a reason is unknown';
    before = subjectHash;
  }
  return undefined;
}

function contextProblem(context: readonly ContextEntry[]): string | undefined {
  if (context.length > contextMaxCount) return `context names more than ${contextMaxCount} authors`;
  let before: PeerId = '';
  for (const entry of context) {
    if (compareText(before, entry.author) >= 0) return 'context is not sorted by author, one entry each';
    if (publicKeyOf(entry.author) === undefined) return 'context names an author that is no peer id';
    if (!isDot(entry) || !digestPattern.test(entry.digest)) return 'context names a record that cannot be';
    before = entry.author;
  }
  return undefined;
}

function bodyProblem({ author, authority, body }: RecordDraft): string | undefined {
  if (body.type === 'departure') return departureProblem(authority, body);
  if (body.type !== 'entry') return undefined;
  const { agent, learntFrom, predecessor } = body;
  if (learntFrom !== undefined && (authority !== 'hint' || !isPeerUrl(learntFrom))) {
    return 'only hints say from which HTTP peer they were learnt, and that is a base URL';
  }
  if ((agent !== undefined) !== (authority === 'self')) {
    return 'agent contact belongs to entries of authority self, and to no others';
  }
  if (predecessor !== undefined && authority !== 'self') return 'only an agent itself has a predecessor';
  if (body.node.publicKey !== undefined && authority !== 'host') return 'only what is hosted has an owner';
  return (
    nodeProblem(body.node)?.text ??
    (agent && contactProblem(author, agent)) ??
    (predecessor && predecessorProblem(author, predecessor))
  );
}

function departureProblem(
  authority: Authority,
  { certificate, owner }: Extract<Body, { readonly type: 'departure' }>,
): string | undefined {
  if (owner !== undefined) {
    if (authority !== 'host') return 'only what is hosted has an owner';
    if (!isServiceKey(owner.publicKey) || !isCount(owner.lastUpdatedS)) return 'an owner is malformed';
  }
  if (certificate === undefined) return undefined;
  if (authority !== 'self') return 'only who speaks about itself shows a certificate';
  return certificateSizeProblem(certificate);
}

function predecessorProblem(author: PeerId, { peer, signature }: Predecessor): string | undefined {
  if (publicKeyOf(peer) === undefined || peer === author) return 'predecessor is not another Ed25519 peer id';
  return signaturePattern.test(signature) ? undefined : 'the signature of the predecessor is malformed';
}

function certificateSizeProblem(certificate: Uint8Array): string | undefined {
  const { length } = certificate;
  return length === 0 || length > certificateMaxBytes ? 'a certificate is too large, or empty' : undefined;
}

function contactProblem(
  author: PeerId,
  { multiaddrs, probe, certificate }: AgentContact,
): string | undefined {
  const problem = certificate && certificateSizeProblem(certificate);
  if (problem !== undefined) return problem;
  if (multiaddrs.length > multiaddrsMaxCount) return `more than ${multiaddrsMaxCount} multiaddrs`;
  if (!isAddress(probe)) return 'probe is not host:port';
  // An agent speaks for its own addresses only, or it could send everybody to somebody else's door.
  const ending = `/p2p/${author}`;
  return multiaddrs.every(
    each => each.length <= multiaddrMaxLength && multiaddrPattern.test(each) && each.endsWith(ending),
  )
    ? undefined
    : 'a multiaddr is too long, malformed, or does not end in /p2p/ and the author';
}

function isDot({ epoch, sequence }: Dot): boolean {
  return isCount(epoch) && isCount(sequence) && sequence >= 1;
}

function isHybridTime({ wallMs, counter }: HybridTime): boolean {
  return isCount(wallMs) && isCount(counter) && counter <= hybridCounterMax;
}

/** An integer from 0 to 2^53 - 1. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
