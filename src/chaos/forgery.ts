/** Records that nobody wrote, made of one that somebody did. */
import type { RecordDraft } from '../core/record/record.ts';
import type { AgentKey } from '../identity/agent-key.ts';
import { recordDomain } from '../identity/domains.ts';
import { sealEnvelope, signatureBytes } from '../wire/envelope.ts';
import { decodeEnvelope, encodeRecord } from '../wire/record.ts';

export interface Forgeries {
  /** Says that the service moved, in its author's name, with the forger's signature. */
  readonly forged: Uint8Array;
  /** The same with no signature to speak of: zeros. */
  readonly unsigned: Uint8Array;
  /** The same with the field for the signature missing. */
  readonly bare: Uint8Array;
}

/** @param wire - The genuine envelope. @param address - Where the service is said to be. */
export function forge(wire: Uint8Array, address: string, key: AgentKey): Forgeries {
  const genuine = decodeEnvelope(wire);
  if (genuine?.body.type !== 'entry') throw new TypeError('not an entry');
  const draft: RecordDraft = {
    ...genuine,
    sequence: genuine.sequence + 1_000,
    body: { ...genuine.body, node: { ...genuine.body.node, address } },
  };
  const record = encodeRecord(genuine.cluster, draft);
  const envelope = (signature: Uint8Array) => {
    const sealed = sealEnvelope({ record, signature });
    if (sealed === undefined) throw new TypeError('the forged record is too large');
    return sealed;
  };
  const forged = envelope(key.sign(Buffer.concat([recordDomain(genuine.cluster), record])));
  return {
    forged,
    unsigned: envelope(new Uint8Array(signatureBytes)),
    bare: forged.subarray(0, forged.length - signatureBytes - 2),
  };
}
