/**
 * Talks HTTP to an agent.
 *
 * Through Node's own `fetch`, which is undici inside the runtime: importing the package costs a command another
 * 50 ms at its start. It is imported where there are certificates, which the runtime's does not take.
 */
import { type ErrorCode, errorCodes, FirsthandError } from '../errors.ts';
import type { ErrorBody } from './bodies.ts';
import { type GlobalOptions, usageError } from './context.ts';
import { type Credentials, credentialsOf, type TlsCredentials } from './credentials.ts';
import { safe } from './display.ts';
import { parseEventStream, type StreamEvent } from './event-stream.ts';
import type { Io } from './io.ts';
import { networkReason } from './network-reason.ts';

export const defaultAgentUrl = 'http://127.0.0.1:7980';
const requestTimeoutMs = 10_000;
/** Far above any answer; keeps whatever else may listen there from filling the memory. */
const answerMaxBytes = 64 * 1_048_576;

export interface ClientOptions {
  /** Base URL. */
  readonly url: string;
  readonly credentials?: Credentials;
}

export interface ClientRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** From the root, with its query; parts from outside already encoded. */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** How many of the agents that it knows the answering one reaches, itself included in both. */
export interface ReachedPart {
  readonly reachable: number;
  readonly known: number;
}

export class AgentClient {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tls: TlsCredentials | undefined;
  #fetch: Promise<Fetch> | undefined;

  constructor({ url, credentials = {} }: ClientOptions) {
    this.url = url.replace(/\/+$/, '');
    this.#headers = credentials.bearer === undefined ? {} : { authorization: `Bearer ${credentials.bearer}` };
    this.#tls = credentials.tls;
  }

  /**
   * @returns The parsed body, or `undefined` for an empty one. Its shape is the agent's word.
   * @throws FirsthandError with the agent's own code, AGENT_UNREACHABLE, or TIMED_OUT
   */
  async request<Body>(request: ClientRequest): Promise<Body> {
    return (await this.requestList<Body>(request)).body;
  }

  /** The same with the part of the cluster that the answer speaks for, which lists come with. */
  async requestList<Body>(
    request: ClientRequest,
  ): Promise<{ readonly body: Body; readonly part: ReachedPart | undefined }> {
    const timeoutMs = request.timeoutMs ?? requestTimeoutMs;
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#send(request, { accept: 'application/json' }, signal);
      const text = await boundedText(response);
      if (!response.ok) throw answerError(this.url, response.status, text);
      const body = (text === '' ? undefined : parseAnswer(this.url, text)) as Body;
      return { body, part: reachedPart(response.headers.get('firsthand-view')) };
    } catch (error) {
      throw this.#explain(error, timeoutMs);
    }
  }

  /** Events from the one after `lastEventId`, until the connection ends or `signal` fires. */
  async *events(
    path: string,
    lastEventId: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<StreamEvent> {
    const headers = {
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    // Only the answer's beginning has a deadline; the stream itself lasts as long as it likes.
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(new DOMException('', 'TimeoutError')), requestTimeoutMs);
    try {
      const response = await this.#send({ path }, headers, AbortSignal.any([signal, patience.signal]));
      clearTimeout(timer);
      if (!response.ok) throw answerError(this.url, response.status, await boundedText(response));
      if (response.body !== null) yield* parseEventStream(response.body);
    } catch (error) {
      if (!signal.aborted) throw this.#explain(error, requestTimeoutMs);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(
    request: ClientRequest,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const { method = 'GET', path, body } = request;
    this.#fetch ??= fetchWith(this.#tls);
    const send = await this.#fetch;
    return send(this.url + path, {
      method,
      signal,
      // A redirect could carry the secret to somebody else.
      redirect: 'manual',
      headers: {
        ...this.#headers,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  #explain(error: unknown, timeoutMs: number): unknown {
    if (error instanceof FirsthandError) return error;
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      const text = `the agent at ${this.url} did not answer within ${timeoutMs / 1_000} s`;
      return new FirsthandError('TIMED_OUT', { text }, error);
    }
    // What `fetch` reports for every failure of the network; the cause tells which.
    if (error instanceof TypeError) {
      const text = `cannot reach the agent at ${this.url} (${networkReason(error.cause ?? error)}); is it running there? --agent or FIRSTHAND_AGENT names another one`;
      return new FirsthandError('AGENT_UNREACHABLE', { text }, error);
    }
    return error;
  }
}

/** The agent and the secret that the command line, then the environment, name. */
export async function clientFor(io: Io, globals: GlobalOptions): Promise<AgentClient> {
  const given = globals.agent ?? (io.env.FIRSTHAND_AGENT || undefined);
  const name = globals.agent === undefined ? 'FIRSTHAND_AGENT' : '--agent';
  const url = agentUrl(name, given ?? defaultAgentUrl);
  return new AgentClient({ url, credentials: await credentialsOf(io, globals) });
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

async function fetchWith(tls: TlsCredentials | undefined): Promise<Fetch> {
  if (tls === undefined) return fetch;
  const { default: undici } = await import('undici');
  const dispatcher = new undici.Agent({ connect: { ...tls, minVersion: 'TLSv1.3' } });
  const send = undici.fetch as unknown as (url: string, init: object) => Promise<Response>;
  return (url, init) => send(url, { ...init, dispatcher });
}

/** The agent's own word for what it wants. */
const credentialHints: Readonly<Record<string, string>> = {
  shared_secret: 'the right secret; give it with --secret-file, FIRSTHAND_SECRET_FILE or FIRSTHAND_SECRET',
  jwt: 'a token; give it with --token-file, FIRSTHAND_TOKEN_FILE or FIRSTHAND_TOKEN',
  mtls: 'a client certificate; give it with --cert-file and --key-file',
};

function agentUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw usageError(`${name}: ${JSON.stringify(text)} is not a URL like ${defaultAgentUrl}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw usageError(
      `${name}: credentials have no place in the URL; an agent takes the secret by --secret-file`,
    );
  }
  return url.href;
}

async function boundedText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > answerMaxBytes) {
      throw new FirsthandError('PAYLOAD_TOO_LARGE', {
        text: `the answer is larger than ${answerMaxBytes} bytes`,
      });
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseAnswer(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FirsthandError('INTERNAL', { text: `${url} did not answer with JSON; is it an agent?` }, error);
  }
}

function reachedPart(header: string | null): ReachedPart | undefined {
  const match = /^([0-9]{1,9})\/([0-9]{1,9})$/.exec(header ?? '');
  return match === null ? undefined : { reachable: Number(match[1]), known: Number(match[2]) };
}

function answerError(url: string, status: number, text: string): FirsthandError {
  const body = errorBody(text);
  const sentence = safe(body?.error ?? `${url} answered ${status}; is it an agent?`);
  const known = errorCodes.find(code => code === body?.code);
  const code = known ?? codeOfStatus(status);
  return new FirsthandError(code, {
    text: code === 'AUTHENTICATION_REQUIRED' ? withHint(sentence, body?.auth_mode) : sentence,
    status,
  });
}

function withHint(sentence: string, authMode = 'shared_secret'): string {
  const hint = Object.hasOwn(credentialHints, authMode)
    ? credentialHints[authMode]
    : credentialHints.shared_secret;
  return `${sentence}: the agent wants ${hint}`;
}

function errorBody(text: string): ErrorBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    const isError =
      typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string';
    return isError ? (body as ErrorBody) : undefined;
  } catch {
    // Not JSON: the status alone has to do.
    return undefined;
  }
}

/** For answers without a code that this version knows, such as those of a proxy in between. */
function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
    case 422:
      return 'INVALID_FORMAT';
    case 401:
      return 'AUTHENTICATION_REQUIRED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    case 408:
    case 504:
      return 'TIMED_OUT';
    case 503:
      return 'NOT_READY';
    default:
      return 'INTERNAL';
  }
}
