/** The key that a service signs its registrations with: `--key FILE` of `register`, `update` and `deregister`. */
import { createPrivateKey } from 'node:crypto';
import type { Command } from 'commander';
import { deregistrationText, registrationText } from '../core/hosting/signed-text.ts';
import type { NodeId } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import { futureMaxS, parseRegistration } from '../http/registration-body.ts';
import { AgentKey } from '../identity/agent-key.ts';
import type { StatusBody, SubjectBody } from './bodies.ts';
import type { AgentClient } from './client.ts';
import { usageError } from './context.ts';
import { pemOf } from './credentials.ts';

export interface KeyOption {
  /** Path of a PEM file. */
  readonly key?: string;
}

export function addKeyOption(command: Command): void {
  command.option('--key <path>', 'private Ed25519 key of the service, PEM: the entry belongs to it');
}

/** @throws FirsthandError CONFIG_INVALID */
export function serviceKeyIn(path: string): AgentKey {
  const pem = pemOf({ name: '--key', value: path }, 'PRIVATE KEY');
  try {
    return new AgentKey(createPrivateKey(pem));
  } catch (error) {
    const how = 'openssl genpkey -algorithm ed25519 makes one';
    throw usageError(`--key: ${JSON.stringify(path)} holds no private Ed25519 key; ${how}`, error);
  }
}

/** The fields of a node, with the key, the time and the signature; as they are, without a key. */
export async function signedNode(
  client: AgentClient,
  { key: path }: KeyOption,
  action: 'register' | 'update',
  fields: Readonly<Record<string, unknown>> & { readonly id: NodeId },
): Promise<object> {
  if (path === undefined) return fields;
  const key = serviceKeyIn(path);
  const facts = await signingFacts(client, fields.id, key);
  const node = { ...fields, public_key: facts.publicKey, last_updated: facts.lastUpdatedS };
  // Read as the agent will read it, so that both have the same defaults.
  const { registration } = parseRegistration(JSON.stringify({ action, node }), Date.now());
  const text = registrationText(facts, action, { ...registration.node, publicKey: facts.publicKey });
  return { ...node, signature: signatureOf(key, text) };
}

/** The body of a departure; none without a key. */
export async function signedDeparture(
  client: AgentClient,
  { key: path }: KeyOption,
  id: NodeId,
): Promise<object | undefined> {
  if (path === undefined) return undefined;
  const key = serviceKeyIn(path);
  const facts = await signingFacts(client, id, key);
  const { publicKey, lastUpdatedS } = facts;
  const signature = signatureOf(key, deregistrationText(facts, facts));
  return { public_key: publicKey, last_updated: lastUpdatedS, signature };
}

/** The time is now, or, where the key has spoken within this second already, the next one. */
async function signingFacts(client: AgentClient, id: NodeId, key: AgentKey) {
  const publicKey = Buffer.from(key.publicKey).toString('base64');
  const { identity } = await client.request<StatusBody>({ path: '/status' });
  const nowS = Math.floor(Date.now() / 1_000);
  const nextS = 1 + Math.max(0, ...(await timesOf(client, id, publicKey)));
  const lastUpdatedS = nextS <= nowS + futureMaxS ? Math.max(nowS, nextS) : nowS;
  return { cluster: identity.cluster, id, publicKey, lastUpdatedS };
}

async function timesOf(client: AgentClient, id: NodeId, publicKey: string): Promise<readonly number[]> {
  try {
    const { records } = await client.request<SubjectBody>({ path: `/records/${encodeURIComponent(id)}` });
    return records.flatMap(({ node, owner }) => {
      const said = owner ?? node;
      return said?.public_key === publicKey ? [said.last_updated ?? 0] : [];
    });
  } catch (error) {
    if (error instanceof FirsthandError && error.code === 'UNKNOWN_NODE') return [];
    throw error;
  }
}

function signatureOf(key: AgentKey, text: string): string {
  return Buffer.from(key.sign(Buffer.from(text))).toString('base64');
}
