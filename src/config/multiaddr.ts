/**
 * The shapes of libp2p address that Firsthand can listen on and dial.
 *
 * A multiaddr parser accepts far more (UDP, relays, web transports), which would only fail later and
 * less clearly, so the few usable shapes are spelled out.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** Agents' keys are Ed25519, whose peer ids are 52 characters with this beginning. */
const peerIdPattern = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;
const dnsNamePattern =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/;

const hostCheck: Readonly<Record<string, (host: string) => boolean>> = {
  ip4: isIPv4,
  ip6: isIPv6,
  dns: host => dnsNamePattern.test(host),
  dns4: host => dnsNamePattern.test(host),
  dns6: host => dnsNamePattern.test(host),
  dnsaddr: host => dnsNamePattern.test(host),
};

/** `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; port 0 picks a free one. */
export function isListenAddress(value: string): boolean {
  const [root, protocol, host = '', tcp, port = '', ...rest] = value.split('/');
  return (
    root === '' &&
    (protocol === 'ip4' || protocol === 'ip6') &&
    hostCheck[protocol]?.(host) === true &&
    tcp === 'tcp' &&
    isPort(port, 0) &&
    rest.length === 0
  );
}

/** An address to dial: IP or DNS name with a TCP port, or `/dnsaddr/…`; `/p2p/<peer id>` may follow. */
export function isSeedAddress(value: string): boolean {
  const [root, protocol = '', host = '', ...rest] = value.split('/');
  if (root !== '' || !Object.hasOwn(hostCheck, protocol) || hostCheck[protocol]?.(host) !== true)
    return false;
  if (protocol !== 'dnsaddr') {
    const [tcp, port = ''] = rest.splice(0, 2);
    if (tcp !== 'tcp' || !isPort(port, 1)) return false;
  }
  const [p2p, peerId = '', ...more] = rest;
  return p2p === undefined || (p2p === 'p2p' && peerIdPattern.test(peerId) && more.length === 0);
}

/** Host and port of a listen address, for whatever is to listen beside it. */
export function listenHostPort(value: string): { readonly host: string; readonly port: number } {
  const [, , host = '', , port = ''] = value.split('/');
  return { host, port: Number(port) };
}

function isPort(text: string, min: number): boolean {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(text) && Number(text) >= min && Number(text) <= 65_535;
}
