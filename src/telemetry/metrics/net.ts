/** What the network adapter and discovery count. */
import type { CounterMetric, GaugeMetric, HistogramMetric, MetricRegistry } from '../registry.ts';

export interface NetMetrics {
  readonly links: GaugeMetric;
  /** `outcome`: ok, unreachable, foreign, self. */
  readonly dials: CounterMetric;
  /** `verdict`: accept, ignore, reject. */
  readonly gossipReceived: CounterMetric;
  readonly gossipReceivedBytes: CounterMetric;
  readonly gossipPublished: CounterMetric;
  readonly gossipStreamsReopened: CounterMetric;
  /** `direction`: in, out. */
  readonly frames: CounterMetric;
  readonly frameBytes: CounterMetric;
  /** `reason`: queue_full, not_linked, stream_failed. */
  readonly framesDropped: CounterMetric;
  readonly streamsRejected: CounterMetric;
  readonly pingSeconds: HistogramMetric;
  readonly pingsFailed: CounterMetric;
  /** `outcome`: found, not_found, dropped. */
  readonly lookUps: CounterMetric;
  /** `source`: mdns, dht. */
  readonly discovered: CounterMetric;
  readonly mdnsInterfaces: GaugeMetric;
  /** `kind`: query, answer, ignored. */
  readonly mdnsPackets: CounterMetric;
  /** `direction`: in, out. */
  readonly probeDatagrams: CounterMetric;
  readonly probeBytes: CounterMetric;
  readonly streamsRefused: CounterMetric;
  /** `reason`: host_pending, limit. */
  readonly connectionsRefused: CounterMetric;
  /** `reason`: source_rate, strangers_rate, not_sealed. */
  readonly probesDropped: CounterMetric;
  /** `outcome`: admitted, or why not. */
  readonly admissions: CounterMetric;
  readonly admissionSeconds: HistogramMetric;
}

export function registerNetMetrics(registry: MetricRegistry): NetMetrics {
  return {
    links: registry.gauge('firsthand_links', 'Agents of this cluster that are connected now'),
    dials: registry.counter('firsthand_dials_total', 'Dials that ended', ['outcome']),
    gossipReceived: registry.counter(
      'firsthand_gossip_received_total',
      'Gossip messages that were not duplicates, by what was decided',
      ['verdict'],
    ),
    gossipReceivedBytes: registry.counter(
      'firsthand_gossip_received_bytes_total',
      'Bytes of gossip messages that were not duplicates',
    ),
    gossipPublished: registry.counter('firsthand_gossip_published_total', 'Gossip messages published here'),
    gossipStreamsReopened: registry.counter(
      'firsthand_gossip_streams_reopened_total',
      'Gossip streams that were lost while the connection lived on',
    ),
    frames: registry.counter('firsthand_frames_total', 'Frames of the sync protocol', ['direction']),
    frameBytes: registry.counter('firsthand_frame_bytes_total', 'Bytes in frames of the sync protocol', [
      'direction',
    ]),
    framesDropped: registry.counter('firsthand_frames_dropped_total', 'Frames that were not sent', [
      'reason',
    ]),
    streamsRejected: registry.counter(
      'firsthand_streams_rejected_total',
      'Inbound sync streams that were aborted for a frame that is too long or malformed',
    ),
    pingSeconds: registry.histogram(
      'firsthand_ping_seconds',
      'Round trips of answered pings',
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),
    pingsFailed: registry.counter('firsthand_pings_failed_total', 'Pings without an answer in time'),
    lookUps: registry.counter('firsthand_dht_lookups_total', 'Peers that were looked up in the DHT', [
      'outcome',
    ]),
    discovered: registry.counter('firsthand_discovered_total', 'Announcements of peers', ['source']),
    mdnsInterfaces: registry.gauge('firsthand_mdns_interfaces', 'Interfaces on which mDNS is spoken'),
    mdnsPackets: registry.counter('firsthand_mdns_packets_total', 'Packets heard by mDNS', ['kind']),
    probeDatagrams: registry.counter('firsthand_probe_datagrams_total', 'Datagrams of the failure detector', [
      'direction',
    ]),
    probeBytes: registry.counter(
      'firsthand_probe_bytes_total',
      'Bytes in datagrams of the failure detector',
      ['direction'],
    ),
    streamsRefused: registry.counter(
      'firsthand_streams_refused_total',
      'Inbound streams that were refused because their protocol had as many on the connection as it may',
    ),
    connectionsRefused: registry.counter(
      'firsthand_connections_refused_total',
      'Inbound connections that were refused before anything was read from them',
      ['reason'],
    ),
    probesDropped: registry.counter(
      'firsthand_probe_datagrams_dropped_total',
      'Datagrams that were dropped before anybody decoded them',
      ['reason'],
    ),
    admissions: registry.counter(
      'firsthand_admissions_total',
      'Connections whose peers had to show that they belong here, by outcome',
      ['outcome'],
    ),
    admissionSeconds: registry.histogram(
      'firsthand_admission_seconds',
      'What admission added to a connection',
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    ),
  };
}
