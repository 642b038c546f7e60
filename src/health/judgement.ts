/**
 * What an answer says about a backend.
 *
 * Good is a JSON object, unless it says `"ready": false`, and Prometheus text, unless it says
 * `node_ready 0`. That some web server answers on the port is not enough: it may be another one.
 */
import type { CheckFailure } from '../core/backends/outcome.ts';

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
