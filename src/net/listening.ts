/** Listens one address at a time, so that an error can name the address it is about. */
import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddr } from '@multiformats/multiaddr';
import { FirsthandError } from '../errors.ts';
import type { Endpoint } from './addresses.ts';

/** The part of libp2p's transport manager that is used here. */
export interface Listeners {
  listen(addresses: Multiaddr[]): Promise<void>;
  getListeners(): { getAddrs(): Multiaddr[] }[];
}

/**
 * @param addresses - `/ip4/…/tcp/…` or `/ip6/…/tcp/…`; port 0 picks a free one.
 * @returns Where it listens, with the hosts as they were given and the real ports.
 * @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE
 */
export async function listenOn(
  listeners: Listeners,
  addresses: readonly string[],
): Promise<readonly Endpoint[]> {
  const endpoints: Endpoint[] = [];
  for (const address of addresses) {
    const before = new Set(listeners.getListeners());
    await listenOnOne(listeners, address);
    const listener = listeners.getListeners().find(candidate => !before.has(candidate));
    const port = listener === undefined ? undefined : portOf(listener.getAddrs()[0]);
    if (port === undefined) throw unavailable(address, 'it is not a TCP address');
    endpoints.push({ host: hostOf(address), port });
  }
  return endpoints;
}

async function listenOnOne(listeners: Listeners, address: string): Promise<void> {
  let parsed: Multiaddr;
  try {
    parsed = multiaddr(address);
  } catch (error) {
    throw unavailable(address, 'it is not an address', error);
  }
  try {
    await listeners.listen([parsed]);
  } catch (error) {
    throw listenError(address, error);
  }
}

/** libp2p puts the system's error into the text of its own. */
function listenError(address: string, error: unknown): FirsthandError {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes('EADDRINUSE')) {
    return new FirsthandError(
      'ADDRESS_IN_USE',
      { text: `${address} is taken by another process`, address },
      error,
    );
  }
  if (text.includes('EADDRNOTAVAIL')) {
    return unavailable(address, 'this machine does not have that address', error);
  }
  if (text.includes('EACCES')) return unavailable(address, 'permission denied', error);
  if (text.includes('EAFNOSUPPORT')) return unavailable(address, 'this machine has no IPv6', error);
  return unavailable(address, 'the system refuses it', error);
}

function unavailable(address: string, why: string, cause?: unknown): FirsthandError {
  return new FirsthandError(
    'ADDRESS_UNAVAILABLE',
    { text: `cannot listen on ${address}: ${why}`, address },
    cause,
  );
}

function hostOf(address: string): string {
  return address.split('/')[2] ?? '';
}

function portOf(address: Multiaddr | undefined): number | undefined {
  const port = address?.getComponents().find(({ name }) => name === 'tcp')?.value;
  return port === undefined ? undefined : Number(port);
}
