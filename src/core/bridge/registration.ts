/** The bodies of `POST /registration`, as the predecessor's nodes read them. */
import type { NodeFields, NodeId } from '../record/node.ts';

export type RegistrationAction = 'register' | 'update';

const updateStart = '{"action":"update"';

export function registrationBody(action: RegistrationAction, id: NodeId, node: NodeFields): string {
  return JSON.stringify({
    action,
    node: {
      id,
      address: node.address,
      metrics_port: node.metricsPort,
      node_type: node.nodeType,
      is_load_balancer: node.isLoadBalancer,
      capabilities: node.capabilities,
      last_updated: node.lastUpdatedS,
    },
  });
}

/**
 * The same as a registration: what to send to a peer that answers an update with 404, because it does
 * not know the node (any more).
 *
 * @returns `undefined` when the body is no update.
 */
export function asRegistration(body: string): string | undefined {
  return body.startsWith(updateStart) ? `{"action":"register"${body.slice(updateStart.length)}` : undefined;
}
