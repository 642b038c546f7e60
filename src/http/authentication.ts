/** Whether a caller may speak at all. What it may change is the agent's business. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { FirsthandError } from '../errors.ts';
import type { HttpAuth } from './options.ts';

export const secretMinBytes = 16;

export class Authentication {
  readonly mode: HttpAuth['mode'];
  readonly #key = randomBytes(32);
  readonly #expected: Buffer | undefined;
  /** Where the secret may change while the agent runs. */
  readonly #acceptsNow: ((presented: string) => boolean) | undefined;

  /** @throws FirsthandError CONFIG_INVALID when the secret is too short to be one. */
  constructor(auth: HttpAuth) {
    this.mode = auth.mode;
    if (auth.mode === 'open') return;
    const secret = Buffer.from(auth.secret, 'utf8');
    if (secret.length < secretMinBytes) {
      throw new FirsthandError('CONFIG_INVALID', {
        text: `the cluster secret must have at least ${secretMinBytes} bytes`,
        field: 'secret',
      });
    }
    this.#expected = this.#mac(secret);
    this.#acceptsNow = auth.accepts;
  }

  get required(): boolean {
    return this.#expected !== undefined;
  }

  /**
   * Compares MACs under a random key: equal length whatever was sent, and the time taken tells nothing
   * about the secret.
   */
  accepts(authorization: string | undefined): boolean {
    if (this.#expected === undefined) return true;
    // A missing header takes the same way as a wrong one, so that both take the same time.
    const token = /^Bearer +(.*)$/i.exec(authorization ?? '')?.[1] ?? '';
    if (this.#acceptsNow !== undefined) return this.#acceptsNow(token);
    // Node hands header bytes over as Latin-1.
    return timingSafeEqual(this.#mac(Buffer.from(token, 'latin1')), this.#expected);
  }

  #mac(secret: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(secret).digest();
  }
}
