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

/** Only whoever holds the new key can use it, so it needs neither a number nor an end. */
function statement({ cluster, subject, successor }: Handover, former: PeerId): Buffer {
  const keys = [former, successor].map(peer => {
    const key = publicKeyOf(peer);
    if (key === undefined) throw new RangeError(`${peer} is not an Ed25519 peer id`);
    return key;
  });
  return Buffer.concat([Buffer.from(`firsthand/succession/1\0${cluster}\0${subject}\0`), ...keys]);
}
