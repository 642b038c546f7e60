/**
 * A token for outgoing registrations, from an OAuth 2 server by client credentials (RFC 6749, 4.4).
 *
 * One is kept and shown until shortly before it ends; whoever needs one meanwhile waits for the one request that is
 * under way. A server that does not give one is not asked again at once, however many registrations there are.
 * The secret of the client is read anew for each token, so that a new one counts without a restart.
 */
import type { Judged } from '../outbound/answer.ts';

export interface TokenSourceOptions {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly scope?: string;
  readonly audience?: string;
}

export interface TokenSourceComponents {
  /** @throws Error whose message says what is wrong with it, and never what it is. */
  readonly clientSecret: () => string;
  readonly post: (request: TokenRequest, until: number) => Promise<Judged>;
  /** Monotonic, ms. */
  readonly nowMs: () => number;
}

export interface TokenRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type TokenOutcome =
  | { readonly ok: true; readonly token: string }
  /** One short sentence, which quotes nothing that the server sent. */
  | { readonly ok: false; readonly detail: string };

const tokenMaxLength = 8_192;
/** Where the server does not say. */
const lifetimeDefaultMs = 300_000;
/** It is renewed so long before it ends, or after four fifths of a short life. */
const marginMs = 30_000;
const pauseAfterFailureMs = 5_000;

interface Held {
  readonly token: string;
  readonly untilMs: number;
}

export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #components: TokenSourceComponents;
  #held: Held | undefined;
  #asking: Promise<TokenOutcome> | undefined;
  #failure: { readonly outcome: TokenOutcome; readonly untilMs: number } | undefined;

  constructor(options: TokenSourceOptions, components: TokenSourceComponents) {
    this.#options = options;
    this.#components = components;
  }

  /**
   * @param until - Monotonic ms; there is an answer by then.
   * @param refused - A token that was just refused: not that one again.
   */
  token(until: number, refused?: string): Promise<TokenOutcome> {
    const nowMs = this.#components.nowMs();
    if (refused !== undefined && this.#held?.token === refused) this.#held = undefined;
    if (this.#held !== undefined && nowMs < this.#held.untilMs) {
      return Promise.resolve({ ok: true, token: this.#held.token });
    }
    if (this.#asking !== undefined) return this.#asking;
    if (this.#failure !== undefined && nowMs < this.#failure.untilMs)
      return Promise.resolve(this.#failure.outcome);
    this.#asking = this.#ask(until).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(until: number): Promise<TokenOutcome> {
    const { post, nowMs } = this.#components;
    const request = this.#request();
    const askedMs = nowMs();
    const outcome =
      typeof request === 'string' ? failed(request) : this.#take(await post(request, until), askedMs);
    this.#failure = outcome.ok ? undefined : { outcome, untilMs: nowMs() + pauseAfterFailureMs };
    return outcome;
  }

  /** Or what is wrong with the secret. */
  #request(): TokenRequest | string {
    const { tokenUrl, clientId, scope, audience } = this.#options;
    let secret: string;
    try {
      secret = this.#components.clientSecret();
    } catch (error) {
      return error instanceof Error ? error.message : 'the secret of the client cannot be read';
    }
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scope !== undefined) form.set('scope', scope);
    if (audience !== undefined) form.set('audience', audience);
    const basic = Buffer.from(`${formEncoded(clientId)}:${formEncoded(secret)}`).toString('base64');
    return {
      url: tokenUrl,
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    };
  }

  #take(judged: Judged, askedMs: number): TokenOutcome {
    if (!judged.ok) return failed(`no token: ${judged.failure.detail}`);
    const answer = tokenAnswer(judged.body);
    if (answer === undefined) return failed('no token: the answer has none that can be used');
    const marginOfThisMs = Math.min(marginMs, answer.lifetimeMs / 5);
    this.#held = { token: answer.token, untilMs: askedMs + answer.lifetimeMs - marginOfThisMs };
    return { ok: true, token: answer.token };
  }
}

function failed(detail: string): TokenOutcome {
  return { ok: false, detail };
}

/** RFC 6749, 2.3.1: as in a form, before it is joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

/** @returns `undefined` for whatever is no answer with a bearer token. */
export function tokenAnswer(
  text: string,
): { readonly token: string; readonly lifetimeMs: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // An error page, perhaps.
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const {
    access_token: token,
    token_type: type,
    expires_in: seconds,
  } = value as Readonly<Record<string, unknown>>;
  // Goes into a header.
  if (typeof token !== 'string' || token.length > tokenMaxLength || !/^[\x21-\x7e]+$/.test(token))
    return undefined;
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') return undefined;
  const lifetimeS = typeof seconds === 'string' ? Number(seconds) : seconds;
  const isLifetime = typeof lifetimeS === 'number' && Number.isFinite(lifetimeS) && lifetimeS > 0;
  return { token, lifetimeMs: isLifetime ? Math.min(lifetimeS, 86_400) * 1_000 : lifetimeDefaultMs };
}
