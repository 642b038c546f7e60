/** A node as the contract writes it. */
import type { NodeFields } from '../core/record/node.ts';
import type { NodeView } from '../core/view.ts';

export function nodeJson(node: NodeView) {
  return { ...fieldsJson(node.id, node), status: node.status };
}

export function fieldsJson(id: string, node: NodeFields) {
  return {
    id,
    address: node.address,
    metrics_port: node.metricsPort,
    node_type: node.nodeType,
    is_load_balancer: node.isLoadBalancer,
    capabilities: node.capabilities,
    last_updated: node.lastUpdatedS,
  };
}
