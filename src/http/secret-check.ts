/**
 * Whether a caller has the secret.
 *
 * What is compared are MACs under a random key: of equal length whatever was sent, and the time that the comparison
 * takes tells nothing about the secret. Where several secrets are accepted all of them are compared.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { FirsthandError } from '../errors.ts';
import { Hmac } from './hmac.ts';

export const secretMinBytes = 16;

export interface SecretCheckComponents {
  readonly isEqual: (a: Buffer, b: Buffer) => boolean;
}

export class SecretCheck {
  readonly #hmac = new Hmac(randomBytes(32));
  readonly #secrets: () => readonly string[];
  readonly #isEqual: SecretCheckComponents['isEqual'];
  /** MACs of the secrets that are accepted now. */
  #expected = new Map<string, Buffer>();

  /**
   * @param secrets - Asked each time, so that a secret that is replaced goes on being accepted just as long as it should.
   * @throws FirsthandError CONFIG_INVALID when one of them is too short to be one.
   */
  constructor(
    secrets: () => readonly string[],
    components: SecretCheckComponents = { isEqual: timingSafeEqual },
  ) {
    this.#secrets = secrets;
    this.#isEqual = components.isEqual;
    if (secrets().some(secret => Buffer.byteLength(secret) < secretMinBytes)) {
      throw new FirsthandError('CONFIG_INVALID', {
        text: `the cluster secret must have at least ${secretMinBytes} bytes`,
        field: 'secret',
      });
    }
  }

  /** @param token - As it stands in the header, whose bytes Node hands over as Latin-1. */
  accepts(token: string): boolean {
    const shown = this.#hmac.mac(Buffer.from(token, 'latin1'));
    let isAccepted = false;
    for (const expected of this.#macs()) isAccepted = this.#isEqual(shown, expected) || isAccepted;
    return isAccepted;
  }

  #macs(): Iterable<Buffer> {
    const secrets = new Set(this.#secrets());
    if (secrets.size !== this.#expected.size || [...secrets].some(secret => !this.#expected.has(secret))) {
      this.#expected = new Map(
        [...secrets].map(secret => [secret, this.#hmac.mac(Buffer.from(secret, 'utf8'))]),
      );
    }
    return this.#expected.values();
  }
}
