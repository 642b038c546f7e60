/**
 * What an answer, or the lack of one, says about a backend.
 *
 * Good is a JSON object, unless it says `"ready": false`, and Prometheus text, unless it says
 * `node_ready 0`. That some web server answers on the port is not enough: it may be another one.
 */
import type { CheckFailure } from '../core/backends/outcome.ts';
import { ForbiddenAddressError } from './forbidden-addresses.ts';

export interface Complaint {
  readonly reason: CheckFailure;
  /** One short sentence; quotes nothing that the backend sent. */
  readonly detail: string;
}

/** A line of Prometheus text: name, perhaps labels, a value, perhaps a time or an exemplar. */
const samplePattern =
  /^(?:[A-Za-z_:][\w:]*(?:\{.*\})?|\{.*\})[ \t]+[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+|Inf|NaN)(?:[ \t].*)?$/;
const notReadyPattern = /^node_ready(?:\{[^}\n]*\})?[ \t]+0(?:\.0*)?(?:[ \t\r]|$)/m;

const notReady: Complaint = { reason: 'not-ready', detail: 'it answers that it is not ready' };

/** @returns What is wrong with the body of a 2xx answer, or `undefined`. */
export function bodyComplaint(body: string): Complaint | undefined {
  const text = body.trim();
  if (text === '') return { reason: 'garbage', detail: 'its answer is empty' };
  const object = jsonObject(text);
  if (object !== undefined) return object.ready === false ? notReady : undefined;
  if (!isPrometheusText(text)) {
    return { reason: 'garbage', detail: 'its answer is neither a JSON object nor Prometheus text' };
  }
  return notReadyPattern.test(text) ? notReady : undefined;
}

/** @returns What is wrong with the status of an answer, or `undefined`. */
export function statusComplaint(status: number): Complaint | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) {
    return { reason: 'redirect', detail: `it answered ${status}; redirects are not followed` };
  }
  return { reason: 'status', detail: `it answered ${status}` };
}

/** @returns Why there is no answer at all. */
export function failureOf(error: unknown): Complaint {
  if (error instanceof ForbiddenAddressError) {
    return { reason: 'forbidden-address', detail: `${error.message}, which is never called` };
  }
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return { reason: 'refused', detail: 'nobody listens there' };
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return { reason: 'timeout', detail: 'no connection in time' };
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return { reason: 'too-large', detail: 'the headers of its answer are too long' };
  }
  if (code.startsWith('HPE_') || code === 'HTTPParserError')
    return { reason: 'garbage', detail: 'its answer is not HTTP' };
  return { reason: 'unreachable', detail: unreachableTexts[code] ?? `the connection failed (${code})` };
}

/** The other side has closed the connection, before or while it was asked. */
export function isCutConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

const unreachableTexts: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve at the moment',
  EHOSTUNREACH: 'no way to its host',
  ENETUNREACH: 'no way to its network',
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
  UND_ERR_SOCKET: 'it closed the connection without an answer',
};

/** The error's code, or its name where it has none. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function jsonObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>; // What starts so is an object or throws.
  } catch {
    return undefined; // Not JSON, which is an answer to the question.
  }
}

function isPrometheusText(text: string): boolean {
  const sample = text.split('\n').find(line => line.trim() !== '' && !line.startsWith('#'));
  return sample !== undefined && samplePattern.test(sample.trim());
}
