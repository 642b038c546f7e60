/**
 * What a service signs, as text that a shell can write: one value a line, each line with its end.
 *
 * No value may hold a line end or a comma, so two different requests never have one text. A canonical form of the
 * JSON itself (RFC 8785) was rejected: no shell can make it.
 */
import type { NodeFields, NodeId, Owner } from '../record/node.ts';

const domain = 'firsthand/registration/1';

export interface SignedRequest {
  readonly cluster: string;
  readonly id: NodeId;
}

/** @param node - Within its bounds, with a key, and with defaults filled in. */
export function registrationText(
  { cluster, id }: SignedRequest,
  action: 'register' | 'update',
  node: NodeFields & { readonly publicKey: string },
): string {
  return lines([
    ...heading({ cluster, id }, action, node),
    node.address,
    node.metricsPort,
    node.nodeType,
    node.isLoadBalancer,
    node.capabilities.join(),
  ]);
}

export function deregistrationText(request: SignedRequest, by: Owner): string {
  return lines(heading(request, 'deregister', by));
}

function heading({ cluster, id }: SignedRequest, action: string, { publicKey, lastUpdatedS }: Owner) {
  return [domain, cluster, action, id, publicKey, lastUpdatedS];
}

function lines(values: readonly (string | number | boolean)[]): string {
  return values.map(value => `${value}\n`).join('');
}
