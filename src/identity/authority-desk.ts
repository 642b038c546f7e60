/** What an agent tells about its membership, and where an operator hands it an authority's list. */
import { revocationsSubject } from '../core/authority/revocation.ts';
import type { Protocol } from '../core/protocol.ts';
import type { VerifiedRecord } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { AuthorityPort, AuthorityView, RevocationsView } from '../runtime/agent-port.ts';
import type { Membership } from './membership.ts';
import { Verifier } from './verifier.ts';

export interface AuthorityDeskComponents {
  readonly membership: Membership;
  readonly protocol: Protocol;
  /** Takes a list in and tells everybody. */
  readonly publish: (record: VerifiedRecord) => void;
  /** Where this agent is reached. */
  readonly multiaddrs: () => readonly string[];
}

export class AuthorityDesk implements AuthorityPort {
  readonly #cluster: string;
  readonly #parts: AuthorityDeskComponents;

  constructor(options: { readonly cluster: string }, components: AuthorityDeskComponents) {
    this.#cluster = options.cluster;
    this.#parts = components;
  }

  view(): AuthorityView {
    const { membership, protocol, multiaddrs } = this.#parts;
    const { authorities } = membership.checker;
    const certificate = protocol.roster?.certificateOf(protocol.author.peer);
    return {
      authorities,
      issues: membership.redeem !== undefined,
      multiaddrs: multiaddrs(),
      ...(certificate === undefined ? {} : { certificate }),
      revocations: authorities.flatMap(authority => {
        const record = protocol.table.ledger.recordBy(authority, revocationsSubject);
        return record === undefined ? [] : [viewOf(record)];
      }),
    };
  }

  /** Anybody may hand it over: the authority's signature is all that counts. */
  revoke(wire: Uint8Array): RevocationsView {
    const { membership, protocol, publish } = this.#parts;
    const record = new Verifier({ cluster: this.#cluster }).record(wire);
    if (typeof record === 'string') {
      throw new FirsthandError('INVALID_REVOCATIONS', { text: `what was handed over ${record}` });
    }
    if (record.body.type !== 'revocations') throw new FirsthandError('INVALID_REVOCATIONS');
    if (!membership.checker.authorities.includes(record.author)) {
      const text = `the list is of the authority ${record.author}, which this agent does not trust`;
      throw new FirsthandError('INVALID_REVOCATIONS', { text });
    }
    publish(record);
    const held = protocol.table.ledger.recordBy(record.author, revocationsSubject);
    if (held?.digest === record.digest) return viewOf(record);
    const newer = held?.sequence === undefined ? 'another one' : `list ${held.sequence}`;
    throw new FirsthandError('STALE_UPDATE', {
      text: `list ${record.sequence} is older than ${newer}, which the cluster has: was the authority restored from a backup?`,
    });
  }
}

function viewOf({ author, sequence, time, body }: VerifiedRecord): RevocationsView {
  const { serials, keys } = body.type === 'revocations' ? body : { serials: [], keys: [] };
  return { authority: author, number: sequence, issuedMs: time.wallMs, serials, keys };
}
