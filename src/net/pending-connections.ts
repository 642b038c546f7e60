/**
 * Inbound connections that are not ready yet: encrypted, admitted, multiplexed. A host may have some of them at once,
 * so that one that opens connections and says nothing does not keep everybody else out; libp2p counts all together.
 */
import type { MultiaddrConnection } from '@libp2p/interface';

export type PendingConnection = Pick<MultiaddrConnection, 'remoteAddr' | 'addEventListener'>;

export class PendingConnections {
  readonly #perHostMaxCount: number;
  readonly #hosts = new Map<string, Set<PendingConnection>>();

  constructor(options: { readonly perHostMaxCount: number }) {
    this.#perHostMaxCount = options.perHostMaxCount;
  }

  /** @returns False when its host has too many already. */
  begin(connection: PendingConnection): boolean {
    const host = hostOf(connection);
    const pending = this.#hosts.get(host) ?? new Set();
    if (pending.size >= this.#perHostMaxCount) return false;
    pending.add(connection);
    this.#hosts.set(host, pending);
    connection.addEventListener('close', () => this.end(connection), { once: true });
    return true;
  }

  /** It is ready, or gone. Safe to call twice. */
  end(connection: PendingConnection): void {
    const host = hostOf(connection);
    const pending = this.#hosts.get(host);
    pending?.delete(connection);
    if (pending?.size === 0) this.#hosts.delete(host);
  }
}

/** `/ip4/192.0.2.1/tcp/…`: the host. */
function hostOf({ remoteAddr }: PendingConnection): string {
  return remoteAddr.toString().split('/')[2] ?? '';
}
