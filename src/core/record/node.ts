/**
 * What is said about one node: the fields that a registration carries, and their bounds.
 *
 * The bounds hold for whoever speaks: an HTTP caller, a flag of the command line, or a record from
 * a peer. They are checked here and nowhere else.
 */
import type { ErrorCode } from '../../errors.ts';

export const nodeTypes = ['proxy', 'backend', 'governator'] as const;
export type NodeType = (typeof nodeTypes)[number];

/** Unique name of a node in its cluster, 1 to 128 of `A-Za-z0-9._-`. */
export type NodeId = string;

export interface NodeFields {
  /** Where the node serves: `host:port`. */
  readonly address: string;
  readonly metricsPort: number;
  readonly nodeType: NodeType;
  readonly isLoadBalancer: boolean;
  readonly capabilities: readonly string[];
  /** Whole Unix seconds, as the registrant gave it. */
  readonly lastUpdatedS: number;
  /** Of a service that signs its registrations: only this key changes the entry. */
  readonly publicKey?: ServiceKey;
}

/** An Ed25519 public key as its 32 bytes in base64, padded: the spelling that `openssl base64` prints. */
export type ServiceKey = string;

/** Whose an entry is, and when it last said something that counted: nothing that it signed before does any more. */
export interface Owner {
  readonly publicKey: ServiceKey;
  /** Whole Unix seconds. */
  readonly lastUpdatedS: number;
}

export const idMaxLength = 128;
export const addressMaxLength = 256;
export const capabilitiesMaxCount = 32;
export const capabilityMaxLength = 64;
export const metricsPortMin = 1024;
export const clusterMaxLength = 64;

const defaultCapabilities: Readonly<Record<NodeType, readonly string[]>> = {
  proxy: ['load_balancing', 'health_checking', 'request_routing', 'service_discovery'],
  backend: ['inference', 'model_serving', 'metrics_reporting'],
  governator: ['cost_analysis', 'resource_optimization', 'scaling_decisions', 'cluster_monitoring'],
};

/** What a node of this type can do when it does not say; one shared array per type. */
export function capabilitiesOf(type: NodeType): readonly string[] {
  return defaultCapabilities[type];
}

/** One thing wrong with one field; `text` is a whole sentence without its final full stop. */
export interface FieldProblem {
  readonly code: Extract<ErrorCode, `INVALID_${string}`>;
  readonly field: string;
  readonly text: string;
}

const idPattern = /^[A-Za-z0-9._-]{1,128}$/;
const capabilityPattern = /^[A-Za-z0-9_-]{1,64}$/;
/** 32 bytes have one spelling: the last digit stands for four bits, and the two below are zero. */
const serviceKeyPattern = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;
const clusterPattern = /^[A-Za-z0-9._-]{1,64}$/;

export function isNodeId(value: string): boolean {
  return idPattern.test(value);
}

export function isClusterName(value: string): boolean {
  return clusterPattern.test(value);
}

export function isCapability(value: string): boolean {
  return capabilityPattern.test(value);
}

export function isNodeType(value: string): value is NodeType {
  return (nodeTypes as readonly string[]).includes(value);
}

export function isServiceKey(value: unknown): value is ServiceKey {
  return typeof value === 'string' && serviceKeyPattern.test(value);
}

export function isMetricsPort(value: number): boolean {
  return Number.isInteger(value) && value >= metricsPortMin && value <= 65_535;
}

/** `host:port`: IPv4, `[IPv6]` or a DNS name of labels of 1 to 63 letters, digits and inner hyphens. */
export function isAddress(value: string): boolean {
  if (value.length > addressMaxLength) return false;
  const colon = value.lastIndexOf(':');
  if (colon < 1) return false;
  const portText = value.slice(colon + 1);
  if (!/^[1-9][0-9]{0,4}$/.test(portText) || Number(portText) > 65_535) return false;
  return isHost(value.slice(0, colon));
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) return host.endsWith(']') && isIpv6(host.slice(1, -1));
  if (/^[0-9.]+$/.test(host)) return isIpv4(host);
  const labels = host.split('.');
  return (
    host.length <= 253 && labels.every(label => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label))
  );
}

function isIpv4(host: string): boolean {
  const parts = host.split('.');
  return (
    parts.length === 4 && parts.every(part => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
  );
}

function isIpv6(host: string): boolean {
  const halves = host.split('::');
  if (halves.length > 2) return false;
  const groupsOf = (half: string) => (half === '' ? [] : half.split(':'));
  const groups = halves.flatMap(groupsOf);
  const last = groups.at(-1);
  let count = groups.length;
  if (last?.includes('.')) {
    if (!isIpv4(last) || host.endsWith('::')) return false;
    groups.pop();
    count += 1;
  }
  if (!groups.every(group => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** The first thing wrong with these fields, or `undefined`. */
export function nodeProblem(node: NodeFields): FieldProblem | undefined {
  if (!isAddress(node.address)) {
    return {
      code: 'INVALID_ADDRESS',
      field: 'address',
      text: `address must be host:port (IPv4, [IPv6] or a DNS name; port 1 to 65535; at most ${addressMaxLength} characters)`,
    };
  }
  if (!isMetricsPort(node.metricsPort)) {
    return {
      code: 'INVALID_METRICS_PORT',
      field: 'metrics_port',
      text: `metrics_port must be a whole number from ${metricsPortMin} to 65535`,
    };
  }
  if (!isNodeType(node.nodeType)) {
    return {
      code: 'INVALID_NODE_TYPE',
      field: 'node_type',
      text: `node_type must be one of ${nodeTypes.join(', ')}`,
    };
  }
  if (node.capabilities.length > capabilitiesMaxCount || !node.capabilities.every(isCapability)) {
    return {
      code: 'INVALID_CAPABILITY',
      field: 'capabilities',
      text: `capabilities must be at most ${capabilitiesMaxCount} names, each 1 to ${capabilityMaxLength} of A-Z a-z 0-9 _ -`,
    };
  }
  if (!Number.isSafeInteger(node.lastUpdatedS) || node.lastUpdatedS < 0) {
    return {
      code: 'INVALID_TIMESTAMP',
      field: 'last_updated',
      text: 'last_updated must be whole Unix seconds',
    };
  }
  if (node.publicKey !== undefined && !isServiceKey(node.publicKey)) {
    return {
      code: 'INVALID_PUBLIC_KEY',
      field: 'public_key',
      text: 'public_key must be the 32 bytes of an Ed25519 key in base64 or base64url',
    };
  }
  return undefined;
}

/**
 * Whether two say the same of a node, and of whose it is. The time of the registration is not part of it, because
 * two hosts of one service never receive its registration in the same second.
 */
export function isSameContent(a: NodeFields, b: NodeFields): boolean {
  return (
    a.address === b.address &&
    a.metricsPort === b.metricsPort &&
    a.nodeType === b.nodeType &&
    a.isLoadBalancer === b.isLoadBalancer &&
    a.publicKey === b.publicKey &&
    isSameSet(a.capabilities, b.capabilities)
  );
}

/** Looks both ways: a peer may send a name twice, and the answer must not depend on who asks. */
function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(name => b.includes(name)) && b.every(name => a.includes(name));
}
