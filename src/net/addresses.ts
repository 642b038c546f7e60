/** Which addresses to tell others, and in which order to try theirs. */
import { isIPv4, isIPv6 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { PeerId } from '../core/record/record.ts';

/** Interfaces by name, as `os.networkInterfaces()` answers. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Where a listener is bound; `host` may be a wildcard, `port` is the real one. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** More addresses than a machine usefully has; also what one announcement has room for. */
export const contactAddressesMaxCount = 8;

/** Bridges and their kind: every machine that runs containers has the same address on them. */
const virtualInterface = /^(?:docker|br-|veth|virbr|cni|flannel|podman|lxc|vmnet)/;

/**
 * Addresses of these endpoints that others can dial, with `/p2p/<peer>`.
 *
 * Wildcards become the addresses of the interfaces. Loopback is left out, unless there is nothing else
 * or it was listened on by name. Real interfaces come before container bridges.
 */
export function contactMultiaddrs(
  endpoints: readonly Endpoint[],
  interfaces: Interfaces,
  peer: PeerId,
): readonly string[] {
  const found: { readonly text: string; readonly rank: number }[] = [];
  for (const { host, port } of endpoints) {
    for (const candidate of candidatesOf(host, interfaces)) {
      found.push({ text: multiaddrOf(candidate.address, port, peer), rank: candidate.rank });
    }
  }
  const named = new Set(
    endpoints.filter(({ host }) => !isWildcard(host)).map(({ host, port }) => multiaddrOf(host, port, peer)),
  );
  const sorted = found.toSorted((a, b) => a.rank - b.rank);
  const useful = sorted.filter(({ text, rank }) => rank < loopbackRank || named.has(text));
  const chosen = useful.length > 0 ? useful : sorted;
  return [...new Set(chosen.map(({ text }) => text))].slice(0, contactAddressesMaxCount);
}

/** The part of `endpoints` that is reachable at one of `hosts`, with `/p2p/<peer>`. */
export function multiaddrsAt(
  endpoints: readonly Endpoint[],
  hosts: readonly string[],
  peer: PeerId,
): readonly string[] {
  const found = endpoints.flatMap(({ host, port }) =>
    hosts.filter(own => own === host || covers(host, own)).map(own => multiaddrOf(own, port, peer)),
  );
  return [...new Set(found)].slice(0, contactAddressesMaxCount);
}

export function multiaddrOf(host: string, port: number, peer: PeerId): string {
  return `/${isIPv4(host) ? 'ip4' : 'ip6'}/${host}/tcp/${port}/p2p/${peer}`;
}

const loopbackRank = 4;

function candidatesOf(
  host: string,
  interfaces: Interfaces,
): readonly { readonly address: string; readonly rank: number }[] {
  if (!isWildcard(host)) return [{ address: host, rank: isLoopback(host) ? loopbackRank : 0 }];
  return Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ address }) => covers(host, address) && !isLinkLocal6(address))
      .map(({ address, internal }) => ({
        address,
        rank: internal ? loopbackRank : (virtualInterface.test(name) ? 2 : 0) + (isIPv6(address) ? 1 : 0),
      })),
  );
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function covers(wildcard: string, address: string): boolean {
  return (wildcard === '0.0.0.0' && isIPv4(address)) || (wildcard === '::' && isIPv6(address));
}

function isLoopback(host: string): boolean {
  return host === '::1' || /^127\./.test(host);
}

/** Needs a zone to be dialled, and the zone's name is only known on the other machine. */
function isLinkLocal6(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}
