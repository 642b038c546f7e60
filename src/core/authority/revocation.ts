/**
 * Who is shut out: the authority's list of certificates and keys that count no more.
 *
 * It is a record like any other, signed by the authority, under a reserved subject. So gossip, sync, store and
 * restart carry it, and its order is that of an author's records: by the time it was signed, then by its number. An
 * older list never comes back. Each authority that is trusted has a list of its own.
 */
import type { NodeId } from '../record/node.ts';
import type { PeerId } from '../record/record.ts';
import type { Serial } from './certificate.ts';

export const revocationsSubject: NodeId = '~authority/revocations';

/** Both sorted, each once. */
export interface RevocationLists {
  readonly serials: readonly Serial[];
  readonly keys: readonly PeerId[];
}

/** 8 bytes each: 2,400 of a record's 4,096. */
export const revokedSerialsMaxCount = 300;
/** 34 bytes each: 1,360. */
export const revokedKeysMaxCount = 40;
