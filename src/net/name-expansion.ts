/**
 * Names that stand for several agents: a headless Kubernetes service, a shared network alias, round-robin DNS.
 *
 * A socket that is given such a name connects to the first address that answers. That is no good here: the
 * system sorts a machine's own address first, so that an agent that is behind the name itself would meet
 * nobody but itself, however often it tries. So the addresses are taken one by one. A name with one address
 * is left as it is, and so is one that cannot be resolved: the dial says why in its own words.
 */
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';

/** All addresses of a name, of one IP family or (0) of both. */
export type ResolveName = (host: string, family: 0 | 4 | 6) => Promise<readonly string[]>;

/** As sockets do it, so /etc/hosts and whatever else the machine resolves by count. */
export const systemResolve: ResolveName = async (host, family) =>
  (await lookup(host, { all: true, family })).map(({ address }) => address);

const families: Readonly<Record<string, 0 | 4 | 6>> = { dns: 0, dns4: 4, dns6: 6 };

/** @param addresses - Without `/p2p`; those that are no names, or `/dnsaddr`, come back as they are. */
export async function expandNames(
  addresses: readonly string[],
  resolve: ResolveName,
): Promise<readonly string[]> {
  const expanded = await Promise.all(addresses.map(address => expandName(address, resolve)));
  return [...new Set(expanded.flat())];
}

async function expandName(address: string, resolve: ResolveName): Promise<readonly string[]> {
  const [, protocol = '', host = '', ...rest] = address.split('/');
  const family = families[protocol];
  if (family === undefined) return [address];
  try {
    const found = await resolve(host, family);
    if (found.length < 2) return [address];
    return found.map(ip => `/${isIPv4(ip) ? 'ip4' : 'ip6'}/${ip}/${rest.join('/')}`);
  } catch {
    return [address]; // The socket meets the same failure and names it.
  }
}
