/**
 * Admission by the cluster's secret: both sides show that they know it, and neither tells it.
 *
 * Each side draws a challenge. The dialer proves first, so that whoever merely connects gets nothing to try
 * secrets against; the listener proves once it knows that the dialer belongs here. A proof is an HMAC over both
 * keys, both challenges, the prover's role and the cluster: one that was heard elsewhere or before, that comes back
 * to its sender, or is passed on by somebody in the middle (whose key the encryption has shown), fits nothing.
 *
 * While the secret changes, each side proves every one that it has, and one in common is enough. Ids of secrets
 * instead were rejected: they would let anybody who connects test guesses off line.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type {
  AdmissionAuthority,
  AdmissionExchange,
  AdmissionParties,
  AdmissionRefusal,
  AdmissionRole,
  AdmissionStep,
} from '../runtime/admission.ts';
import type { ClusterKey } from './cluster-key.ts';
import { type ClusterKeyring, keysMaxCount } from './cluster-keyring.ts';

export const challengeBytes = 32;
export const proofBytes = 32;
const formatVersion = 1;
const domain = 'firsthand/admission/secret/1';

export class SecretAdmission implements AdmissionAuthority {
  readonly name = 'secret';
  readonly #cluster: string;
  readonly #keyring: ClusterKeyring;
  readonly #challenge: () => Uint8Array;

  /** @param components.challenge - 32 random bytes when not given. */
  constructor(
    options: { readonly cluster: string },
    components: { readonly keyring: ClusterKeyring; readonly challenge?: () => Uint8Array },
  ) {
    this.#cluster = options.cluster;
    this.#keyring = components.keyring;
    this.#challenge = components.challenge ?? (() => randomBytes(challengeBytes));
  }

  begin(parties: AdmissionParties): AdmissionExchange {
    // As they are now: a change of the secret in the middle must not split an exchange.
    const { keys } = this.#keyring;
    return new SecretExchange({ ...parties, cluster: this.#cluster, challenge: this.#challenge(), keys });
  }

  explain({ reason, by }: AdmissionRefusal): string {
    const { primary, keys } = this.#keyring;
    const ours = `the secret from ${primary.source} (id ${primary.id}${keys.length > 1 ? ' and older ones' : ''})`;
    switch (reason) {
      case 'wrong-secret':
        return by === 'peer'
          ? `${ours} is not the one of the agent that was asked; give it the secret of cluster ${this.#cluster}`
          : `the peer does not know ${ours}, or is of another cluster than ${this.#cluster}`;
      case 'late':
        return 'the exchange of proofs was not over in time';
      case 'banned':
        return by === 'peer' ? 'the peer has banned this agent' : 'the peer is banned here';
      default:
        return by === 'peer' ? `the peer refused this agent (${reason})` : `the peer broke off (${reason})`;
    }
  }
}

interface ExchangeOptions extends AdmissionParties {
  readonly cluster: string;
  readonly challenge: Uint8Array;
  readonly keys: readonly ClusterKey[];
}

class SecretExchange implements AdmissionExchange {
  readonly opening: Uint8Array;
  readonly #options: ExchangeOptions;
  #theirs: Uint8Array | undefined;
  #isOver = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.opening = Buffer.concat([Uint8Array.of(formatVersion), options.challenge]);
  }

  take(message: Uint8Array): AdmissionStep {
    if (this.#isOver) return this.#refuse('malformed');
    const { role, challenge } = this.#options;
    if (this.#theirs === undefined) {
      const theirs = challengeOf(message);
      // Our own comes back: whoever sends it wants our own proof to fit.
      if (theirs === undefined || timingSafeEqual(theirs, challenge)) return this.#refuse('malformed');
      this.#theirs = theirs;
      return role === 'dialer' ? { type: 'go-on', message: this.#proofs(theirs) } : { type: 'go-on' };
    }
    const proofs = proofsOf(message);
    if (proofs === undefined) return this.#refuse('malformed');
    const shared = this.#shared(proofs, this.#theirs);
    if (shared.length === 0) return this.#refuse('wrong-secret');
    this.#isOver = true;
    const facts = { keyIds: shared.map(({ id }) => id) };
    if (role === 'dialer') return { type: 'admitted', facts };
    return { type: 'admitted', facts, lastWords: this.#proofs(this.#theirs) };
  }

  #refuse(reason: 'malformed' | 'wrong-secret'): AdmissionStep {
    this.#isOver = true;
    return { type: 'refused', reason };
  }

  /** One for each secret, the one in use first. */
  #proofs(theirs: Uint8Array): Uint8Array {
    const { role, keys } = this.#options;
    return Buffer.concat(keys.map(key => this.#proof(role, key, theirs)));
  }

  /** Every pair is compared, whichever fits: the time taken tells nothing. */
  #shared(proofs: readonly Uint8Array[], theirs: Uint8Array): readonly ClusterKey[] {
    const prover = this.#options.role === 'dialer' ? 'listener' : 'dialer';
    return this.#options.keys.filter(key => {
      const expected = this.#proof(prover, key, theirs);
      return proofs.map(proof => timingSafeEqual(proof, expected)).includes(true);
    });
  }

  #proof(prover: AdmissionRole, key: ClusterKey, theirs: Uint8Array): Buffer {
    const { role, self, remote, cluster, challenge } = this.#options;
    const isDialer = role === 'dialer';
    const heading = [domain, cluster, prover, ...(isDialer ? [self, remote] : [remote, self]), ''].join('\0');
    return createHmac('sha256', key.admissionKey)
      .update(heading)
      .update(isDialer ? challenge : theirs)
      .update(isDialer ? theirs : challenge)
      .digest();
  }
}

function challengeOf(message: Uint8Array): Uint8Array | undefined {
  if (message.length !== 1 + challengeBytes || message[0] !== formatVersion) return undefined;
  return message.subarray(1);
}

function proofsOf(message: Uint8Array): readonly Uint8Array[] | undefined {
  const count = message.length / proofBytes;
  if (!Number.isInteger(count) || count < 1 || count > keysMaxCount) return undefined;
  return Array.from({ length: count }, (_, index) =>
    message.subarray(index * proofBytes, (index + 1) * proofBytes),
  );
}
