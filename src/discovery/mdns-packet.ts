/**
 * What agents say on the LAN, in the form of libp2p's mDNS: a PTR question for the service, answered by
 * a PTR record and one TXT record with the agent's addresses (`dnsaddr=<multiaddr>`).
 *
 * The service's name carries a hash of the cluster's, so that clusters on one LAN do not even hear each
 * other. Anybody on the LAN can answer; what is taken from an answer is bounded, and an address is only a
 * hint, because the connection proves who is there.
 */
import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr';
import type { ResponsePacket } from 'multicast-dns';
import type { PeerId } from '../core/record/record.ts';

/** A resource record of a DNS packet. */
export type DnsRecord = NonNullable<ResponsePacket['answers']>[number];

export interface Announcement {
  readonly peer: PeerId;
  /** At most 8, each with `/p2p/<peer>`. */
  readonly multiaddrs: readonly string[];
}

/** Seconds; nobody caches our answers, it is there for the form's sake. Source: RFC 6762 §10. */
const ttlS = 120;
const addressesMaxCount = 8;
const answersMaxCount = 32;
/** A string in a TXT record. Source: RFC 6763 §6.1. */
const textMaxBytes = 255;
const prefix = 'dnsaddr=';

export function serviceName(cluster: string): string {
  const tag = createHash('sha256').update(`firsthand/${cluster}`).digest('hex').slice(0, 16);
  return `_firsthand-${tag}._udp.local`;
}

/** @param instance - A label of its own for each agent; its peer id serves. */
export function answersFor(service: string, instance: string, multiaddrs: readonly string[]): DnsRecord[] {
  const name = `${instance}.${service}`;
  const data = multiaddrs
    .slice(0, addressesMaxCount)
    .map(address => `${prefix}${address}`)
    .filter(text => Buffer.byteLength(text) <= textMaxBytes);
  if (data.length === 0) return [];
  return [
    { name: service, type: 'PTR', class: 'IN', ttl: ttlS, data: name },
    { name, type: 'TXT', class: 'IN', ttl: ttlS, data },
  ];
}

/**
 * Reads the records of a response.
 *
 * @param isNear - Whether an IP address is on the interface's own network; others are left out, because an
 * agent announces on each interface only what is reachable there.
 * @returns `undefined` for anything that is not an announcement of one agent for this service.
 */
export function readAnnouncement(
  records: readonly DnsRecord[],
  service: string,
  isNear: (host: string) => boolean,
): Announcement | undefined {
  if (records.length > answersMaxCount) return undefined;
  const pointer = records.find(({ name, type }) => type === 'PTR' && name.toLowerCase() === service);
  if (pointer?.type !== 'PTR') return undefined;
  const texts = records.flatMap(record =>
    record.type === 'TXT' && record.name === pointer.data ? stringsOf(record.data) : [],
  );
  const found = texts.slice(0, addressesMaxCount).flatMap(text => readAddress(text, isNear));
  const peer = found[0]?.peer;
  if (peer === undefined || found.some(address => address.peer !== peer)) return undefined;
  return { peer, multiaddrs: found.map(({ text }) => text) };
}

function readAddress(
  text: string,
  isNear: (host: string) => boolean,
): readonly { readonly peer: PeerId; readonly text: string }[] {
  if (!text.startsWith(prefix) || Buffer.byteLength(text) > textMaxBytes) return [];
  try {
    const address = multiaddr(text.slice(prefix.length));
    const [host, tcp, p2p, ...rest] = address.getComponents();
    if (host?.value === undefined || tcp?.name !== 'tcp' || p2p?.code !== CODE_P2P || rest.length > 0)
      return [];
    if (host.name !== (isIPv4(host.value) ? 'ip4' : 'ip6') || !isNear(host.value)) return [];
    return p2p.value === undefined ? [] : [{ peer: p2p.value, text: address.toString() }];
  } catch {
    return []; // Not a multiaddr: whoever sent it is not one of us.
  }
}

type TextData = string | Buffer | (string | Buffer)[];

function stringsOf(data: TextData): readonly string[] {
  return (Array.isArray(data) ? data : [data]).map(part =>
    typeof part === 'string' ? part : part.toString('latin1'),
  );
}
