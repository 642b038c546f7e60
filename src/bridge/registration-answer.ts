/**
 * What an HTTP peer answers to a registration: `{"status","message","peers":[…]}`.
 *
 * Every node that it lists has to be within the bounds that hold for everybody; one that is not is left
 * out and counted, and the others are taken, because a list of the predecessor may hold anything that a node
 * has once sent it. Fields that are missing mean what they mean in a registration.
 */
import { type ListedNode, listedMaxCount } from '../core/bridge/outcome.ts';
import {
  addressMaxLength,
  capabilitiesMaxCount,
  capabilitiesOf,
  isNodeId,
  isNodeType,
  type NodeFields,
  nodeProblem,
} from '../core/record/node.ts';

/** How far ahead of this agent's clock the time of a node may be, s. */
const futureMaxS = 60;

export interface ParsedAnswer {
  readonly peers: readonly ListedNode[];
  readonly leftOutCount: number;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * @param text - The body of a 2xx answer.
 * @param nowS - This agent's clock, Unix seconds.
 * @returns `undefined` when it is no such answer at all.
 */
export function parseRegistrationAnswer(text: string, nowS: number): ParsedAnswer | undefined {
  const answer = jsonObject(text);
  if (answer === undefined || typeof answer.status !== 'string' || !Array.isArray(answer.peers))
    return undefined;
  const list: readonly unknown[] = answer.peers;
  const peers = new Map<string, ListedNode>();
  for (const each of list.slice(0, listedMaxCount)) {
    const listed = listedNode(each, nowS);
    // The first of several with one id: which of them is right nobody can know.
    if (listed !== undefined && !peers.has(listed.id)) peers.set(listed.id, listed);
  }
  return { peers: [...peers.values()], leftOutCount: list.length - peers.size };
}

function listedNode(value: unknown, nowS: number): ListedNode | undefined {
  if (!isFields(value)) return undefined;
  const id = trimmed(value.id);
  const address = trimmed(value.address);
  const nodeType = absent(value.node_type) ? 'backend' : trimmed(value.node_type)?.toLowerCase();
  if (id === undefined || !isNodeId(id) || address === undefined || address.length > addressMaxLength)
    return undefined;
  if (nodeType === undefined || !isNodeType(nodeType) || typeof value.metrics_port !== 'number')
    return undefined;
  const isLoadBalancer = absent(value.is_load_balancer) ? nodeType === 'proxy' : value.is_load_balancer;
  const capabilities = absent(value.capabilities) ? capabilitiesOf(nodeType) : namesOf(value.capabilities);
  const lastUpdatedS = absent(value.last_updated) ? Math.floor(nowS) : value.last_updated;
  if (typeof isLoadBalancer !== 'boolean' || capabilities === undefined) return undefined;
  if (typeof lastUpdatedS !== 'number' || lastUpdatedS > nowS + futureMaxS) return undefined;
  const { metrics_port: metricsPort } = value;
  const node: NodeFields = { address, metricsPort, nodeType, isLoadBalancer, capabilities, lastUpdatedS };
  return nodeProblem(node) === undefined ? { id, node } : undefined;
}

/** Each once; `undefined` for what is no list of names or too long before anybody looks at its items. */
function namesOf(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value) || value.length > 2 * capabilitiesMaxCount) return undefined;
  const names = value.map(trimmed);
  return names.every(name => name !== undefined) ? [...new Set(names)] : undefined;
}

function jsonObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON, which is an answer to the question.
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function trimmed(value: unknown): string | undefined {
  return typeof value === 'string' ? value.trim() : undefined;
}

/** Other writers of JSON send `null` for what they leave out. */
function absent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}
