/**
 * The body of a registration, in its three forms, tried in this order:
 *
 *     envelope  {"action":"register","node":{"id":…,"address":…,"metrics_port":…, …}}
 *     flat      {"id":…,"address":…,"metrics_port":…, "action":…, …}
 *     legacy    {"id":…,"address":…,"metrics_port":…}           a flat one without the optional fields
 *
 * Whoever signs adds `public_key`, `signature` and the time; in an envelope, to it or to the node.
 *
 * A body that lacks what every form has, or holds a value of another JSON type, fits none of them
 * (`INVALID_FORMAT`). A value of the right type but out of its bounds is named by its own code. Written
 * by hand because it runs for every registration; a compiled JSON schema would check the types, yet
 * could neither fold, trim and fill in defaults nor give the codes and sentences of the contract.
 */
import {
  capabilitiesOf,
  isNodeId,
  isNodeType,
  type NodeFields,
  type NodeType,
  nodeProblem,
} from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import type { RegistrationRequest } from '../runtime/agent-port.ts';
import { type Proof, type ProofFields, proofIn } from './signed-request.ts';
import { parseRfc3339 } from './timestamp.ts';

/** How far ahead of the agent's clock a caller's time may be. */
export const futureMaxS = 60;

type Fields = Readonly<Record<string, unknown>>;

export interface ParsedRegistration {
  readonly registration: RegistrationRequest;
  /** Not looked into: whether it proves anything is for whoever knows the cluster. */
  readonly proof: Proof | undefined;
}

export interface SignedDeparture {
  readonly proof: Proof;
  readonly lastUpdatedS: number;
}

/**
 * @param text - The body as it was received.
 * @param nowMs - The agent's wall clock.
 * @throws FirsthandError INVALID_JSON, INVALID_FORMAT, or the code of the first field at fault.
 */
export function parseRegistration(text: string, nowMs: number): ParsedRegistration {
  const body = objectIn(text);
  const node = nodeOf(body);
  const signed = absent(node.public_key) && absent(node.signature) ? body : node;
  return fromFields(node, node === body ? body.action : requiredAction(body), signed, nowMs);
}

/**
 * Who signs a departure, and when; nobody, where there is no body.
 *
 * @throws FirsthandError INVALID_JSON, INVALID_FORMAT, or the code of the first field at fault.
 */
export function parseDeparture(text: string, nowMs: number): SignedDeparture | undefined {
  if (text.trim() === '') return undefined;
  const body = objectIn(text);
  const problem = timeProblem(body) ?? proofProblem(body);
  if (problem !== undefined) throw badFormat(problem.text, problem.field);
  const proof = proofIn(body as ProofFields);
  return proof && { proof, lastUpdatedS: secondsOf(timeOf(body, nowMs, proof)) };
}

function objectIn(text: string): Fields {
  const body = parseJson(text);
  if (!isFields(body)) throw badFormat('it must be a JSON object');
  return body;
}

function parseJson(text: string): unknown {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // What the parser says would quote the caller's bytes; the contract fixes the sentence anyway.
    throw new FirsthandError('INVALID_JSON');
  }
  // Only own fields are read and nothing is merged, so this key is harmless here; nobody honest sends it.
  if (isFields(body) && (hasPrototypeKey(body) || (isFields(body.node) && hasPrototypeKey(body.node)))) {
    throw new FirsthandError('INVALID_JSON');
  }
  return body;
}

function hasPrototypeKey(fields: Fields): boolean {
  return Object.hasOwn(fields, '__proto__');
}

/** Where the fields of the node are: in `node` for an envelope, else in the body itself. */
function nodeOf(body: Fields): Fields {
  const { node } = body;
  if (!isFields(node)) return body;
  const envelopeFits = !absent(body.action) && formProblem(node) === undefined;
  const flatFits = formProblem(body) === undefined;
  return envelopeFits || !flatFits ? node : body;
}

function requiredAction(envelope: Fields): unknown {
  if (absent(envelope.action)) throw badFormat('action is missing beside node', 'action');
  return envelope.action;
}

function fromFields(fields: Fields, actionValue: unknown, signed: Fields, nowMs: number): ParsedRegistration {
  const problem = formProblem(fields) ?? optionalProblem(fields, actionValue) ?? proofProblem(signed);
  if (problem !== undefined) throw badFormat(problem.text, problem.field);

  const id = (fields.id as string).trim();
  if (!isNodeId(id)) throw new FirsthandError('INVALID_ID', { field: 'id' });
  const proof = proofIn(signed as ProofFields);
  const time = timeOf(fields, nowMs, proof);
  const node = nodeFieldsOf(fields, time.seconds ?? 0);
  const fieldProblem = nodeProblem(node);
  if (fieldProblem !== undefined) throw new FirsthandError(fieldProblem.code, { ...fieldProblem });
  secondsOf(time);
  const { publicKey } = proof ?? {};
  const action = actionOf(actionValue);
  return {
    registration: { action, id, node: publicKey === undefined ? node : { ...node, publicKey } },
    proof,
  };
}

function nodeFieldsOf(fields: Fields, lastUpdatedS: number): NodeFields {
  const type = absent(fields.node_type) ? 'backend' : (fields.node_type as string).trim().toLowerCase();
  const known = isNodeType(type);
  const fallback = known ? capabilitiesOf(type) : [];
  return {
    address: (fields.address as string).trim(),
    metricsPort: fields.metrics_port as number,
    nodeType: type as NodeType, // Whether it is one is for `nodeProblem` to say, in its turn.
    isLoadBalancer: absent(fields.is_load_balancer) ? type === 'proxy' : (fields.is_load_balancer as boolean),
    capabilities: absent(fields.capabilities)
      ? fallback
      : folded(fields.capabilities as readonly string[], fallback),
    lastUpdatedS,
  };
}

/** Trimmed, each once; the shared array of the defaults where it says the same, which saves memory. */
function folded(capabilities: readonly string[], fallback: readonly string[]): readonly string[] {
  const unique = [...new Set(capabilities.map(capability => capability.trim()))];
  const same = unique.length === fallback.length && unique.every((name, index) => name === fallback[index]);
  return same ? fallback : unique;
}

function actionOf(value: unknown): 'register' | 'update' {
  if (absent(value)) return 'register';
  const action = (value as string).trim().toLowerCase();
  if (action === 'register' || action === 'update') return action;
  throw new FirsthandError('INVALID_ACTION', { field: 'action' });
}

interface Time {
  readonly field: string;
  readonly seconds?: number;
  /** What is wrong with it. */
  readonly text?: string;
}

/** @throws FirsthandError INVALID_TIMESTAMP */
function secondsOf({ field, seconds, text }: Time): number {
  if (seconds !== undefined && text === undefined) return seconds;
  throw new FirsthandError('INVALID_TIMESTAMP', { field, ...(text === undefined ? {} : { text }) });
}

/** `last_updated` counts when both are given. What is signed has its own, or it could be sent again for ever. */
function timeOf(fields: Fields, nowMs: number, proof: Proof | undefined): Time {
  const field = absent(fields.last_updated) && !absent(fields.timestamp) ? 'timestamp' : 'last_updated';
  const value = fields[field];
  if (absent(value) && proof !== undefined) {
    return { field, text: `${field} is missing: what is signed has the time in it` };
  }
  if (absent(value)) return { field, seconds: Math.floor(nowMs / 1_000) };
  const seconds = typeof value === 'number' ? value : parseRfc3339((value as string).trim());
  if (seconds === undefined || !Number.isSafeInteger(seconds) || seconds < 0) {
    return { field, text: `${field} must be an RFC 3339 time or whole Unix seconds, not before 1970` };
  }
  if (seconds > nowMs / 1_000 + futureMaxS) {
    return { field, seconds, text: `${field} is more than ${futureMaxS} s ahead of this agent's clock` };
  }
  return { field, seconds };
}

interface FormProblem {
  readonly field: string;
  readonly text: string;
}

/** What all forms have in common. */
function formProblem(fields: Fields): FormProblem | undefined {
  if (typeof fields.id !== 'string') return mustBe('id', 'a string');
  if (typeof fields.address !== 'string') return mustBe('address', 'a string');
  if (typeof fields.metrics_port !== 'number') return mustBe('metrics_port', 'a number');
  return undefined;
}

function optionalProblem(fields: Fields, action: unknown): FormProblem | undefined {
  if (!optional(action, 'string')) return mustBe('action', 'a string');
  if (!optional(fields.node_type, 'string')) return mustBe('node_type', 'a string');
  if (!optional(fields.is_load_balancer, 'boolean')) return mustBe('is_load_balancer', 'true or false');
  const { capabilities } = fields;
  if (!absent(capabilities) && !(Array.isArray(capabilities) && capabilities.every(isString))) {
    return mustBe('capabilities', 'an array of strings');
  }
  return timeProblem(fields);
}

function timeProblem(fields: Fields): FormProblem | undefined {
  for (const field of ['last_updated', 'timestamp']) {
    const value = fields[field];
    if (!optional(value, 'string') && typeof value !== 'number') return mustBe(field, 'a time');
  }
  return undefined;
}

function proofProblem(fields: Fields): FormProblem | undefined {
  for (const field of ['public_key', 'signature']) {
    if (!optional(fields[field], 'string')) return mustBe(field, 'a string');
  }
  return undefined;
}

function mustBe(field: string, what: string): FormProblem {
  return { field, text: `${field} must be ${what}` };
}

function badFormat(text: string, field?: string): FirsthandError {
  return new FirsthandError('INVALID_FORMAT', {
    text: `Invalid registration data format: ${text}`,
    ...(field === undefined ? {} : { field }),
  });
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Other writers of JSON send `null` for what they leave out. */
function absent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function optional(value: unknown, type: 'string' | 'boolean'): boolean {
  return absent(value) || typeof value === type;
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}
