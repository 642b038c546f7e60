/**
 * Where no request of this agent ever goes.
 *
 * Whoever registers a service, and each HTTP peer with its list, tells this agent whom to call, from inside the
 * network and with the agent's address. So it does not call what answers by place instead of by name: link-local addresses
 * and the metadata services of clouds, which hand credentials to whoever asks, and addresses that
 * stand for many hosts or for none. Loopback and private networks are where backends live.
 */
import { BlockList, isIP } from 'node:net';

const forbidden = new BlockList();
forbidden.addSubnet('0.0.0.0', 8, 'ipv4'); // Unspecified: reaches this very host.
forbidden.addSubnet('169.254.0.0', 16, 'ipv4'); // Link-local; the metadata service of most clouds.
forbidden.addAddress('100.100.100.200', 'ipv4'); // Metadata of Alibaba Cloud.
forbidden.addAddress('168.63.129.16', 'ipv4'); // Host agent of Azure.
forbidden.addAddress('192.0.0.192', 'ipv4'); // Metadata of Oracle Cloud.
forbidden.addSubnet('224.0.0.0', 4, 'ipv4'); // Multicast.
forbidden.addAddress('255.255.255.255', 'ipv4'); // Broadcast.
forbidden.addAddress('::', 'ipv6'); // Unspecified.
forbidden.addSubnet('fe80::', 10, 'ipv6'); // Link-local.
forbidden.addAddress('fd00:ec2::254', 'ipv6'); // Metadata of AWS.
forbidden.addSubnet('ff00::', 8, 'ipv6'); // Multicast.
forbidden.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6'); // IPv4 link-local behind NAT64.
forbidden.addSubnet('2002:a9fe::', 32, 'ipv6'); // IPv4 link-local behind 6to4.

export class ForbiddenAddressError extends Error {}

/** @param address - In numbers; IPv4 in IPv6 (`::ffff:a.b.c.d`) is judged as IPv4. Anything else is forbidden. */
export function isForbiddenAddress(address: string): boolean {
  const family = isIP(address);
  return family === 0 || forbidden.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
