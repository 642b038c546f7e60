/** What the protocol takes in, refuses and waits for. */
import type { MetricRegistry } from '../registry.ts';

export type ProtocolMetrics = ReturnType<typeof registerProtocolMetrics>;

export function registerProtocolMetrics(registry: MetricRegistry) {
  return {
    recordsReceived: registry.counter(
      'firsthand_records_received_total',
      'Verified records that were new or newer when they arrived, by the way they came',
      ['via'],
    ),
    recordsRefused: registry.counter(
      'firsthand_records_refused_total',
      'Records and messages from peers that were not taken in, by reason',
      ['via', 'reason'],
    ),
    recordsWritten: registry.counter('firsthand_records_published_total', 'Records handed to gossip'),
    registrations: registry.counter('firsthand_registrations_total', 'Registrations, by outcome', [
      'outcome',
    ]),
    storeOperations: registry.counter('firsthand_store_operations_total', 'Rows written to the store'),
    syncs: registry.counter(
      'firsthand_sync_exchanges_total',
      'Exchanges of records with a peer that are over, by how they ended',
      ['outcome'],
    ),
    syncBytes: registry.counter('firsthand_sync_bytes_total', 'Sent and received in exchanges, about'),
    syncLies: registry.counter(
      'firsthand_sync_lies_total',
      'Peers caught contradicting themselves in an exchange, by how',
      ['kind'],
    ),
    conflicts: registry.counter('firsthand_conflicts_total', 'Conflicts seen, each once', ['kind']),
  };
}
