/** How a key hands its place over to the next one: signed by the old key, carried in what the new one says. */
import type { NodeId } from '../core/record/node.ts';
import type { PeerId, Predecessor, RecordDraft } from '../core/record/record.ts';
import { publicKeyOf } from '../wire/peer-id.ts';
import type { SignatureVerifier, SigningKey } from './agent-key.ts';

export interface Handover {
  readonly cluster: string;
  readonly subject: NodeId;
  readonly successor: PeerId;
}

/** The old key's word that `successor` speaks for its subject from now on. The same for the same words. */
export function handOver(handover: Handover, former: SigningKey): Predecessor {
  const signature = former.sign(statement(handover, former.peerId));
  return { peer: former.peerId, signature: Buffer.from(signature).toString('hex') };
}

/** Whether the key that a record names as its author's predecessor has said so, if it names one. */
export function hasGenuinePredecessor(
  cluster: string,
  { subject, author, body }: Pick<RecordDraft, 'subject' | 'author' | 'body'>,
  checker: SignatureVerifier,
): boolean {
  if (body.type !== 'entry' || body.predecessor === undefined) return true;
  const { peer, signature } = body.predecessor;
  const signed = statement({ cluster, subject, successor: author }, peer);
  return checker.verify(peer, signed, Buffer.from(signature, 'hex'));
}

/** The new key's word that it is to follow the old one: nobody gets a certificate for a key that others hold. */
export function askToFollow(
  words: { readonly cluster: string; readonly former: PeerId },
  key: SigningKey,
): Uint8Array {
  return key.sign(request(words.cluster, words.former, key.peerId));
}

/** Said to an issuer over a connection that the old key authenticates, so both keys have agreed. */
export function isAskedByBoth(
  words: { readonly cluster: string; readonly former: PeerId; readonly next: PeerId },
  signature: Uint8Array,
  checker: SignatureVerifier,
): boolean {
  return checker.verify(words.next, request(words.cluster, words.former, words.next), signature);
}

function request(cluster: string, former: PeerId, next: PeerId): Buffer {
  return Buffer.concat([Buffer.from(`firsthand/follow/1\0${cluster}\0`), ...keysOf(former, next)]);
}

/** Only whoever holds the new key can use it, so it needs neither a number nor an end. */
function statement({ cluster, subject, successor }: Handover, former: PeerId): Buffer {
  const domain = Buffer.from(`firsthand/succession/1\0${cluster}\0${subject}\0`);
  return Buffer.concat([domain, ...keysOf(former, successor)]);
}

function keysOf(...peers: readonly PeerId[]): readonly Uint8Array[] {
  return peers.map(peer => {
    const key = publicKeyOf(peer);
    if (key === undefined) throw new RangeError(`${peer} is not an Ed25519 peer id`);
    return key;
  });
}
