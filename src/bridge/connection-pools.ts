/**
 * Connections to many hosts that together never exceed a number.
 *
 * Each host has a pool of a few connections, and there are at most as many pools as fit: where a further
 * one is needed, the one that has been idle for longest is closed, and where all are in use the request
 * waits. The HTTP library alone bounds connections per host only.
 */

/** What this needs of the HTTP library's pool for one host. */
export interface HostPool {
  /** Ends its connections; nothing is under way on them. */
  destroy(): Promise<void>;
}

interface Host<P extends HostPool> {
  readonly pool: P;
  inUseCount: number;
}

interface Waiting<P extends HostPool> {
  readonly origin: string;
  readonly resolve: (pool: P | undefined) => void;
}

export interface ConnectionPoolsOptions {
  readonly connectionsMaxCount: number;
  readonly connectionsPerHost: number;
}

export class ConnectionPools<P extends HostPool> {
  readonly #connectionsPerHost: number;
  readonly #hostsMaxCount: number;
  readonly #open: (origin: string) => P;
  /** In order of last use. */
  readonly #hosts = new Map<string, Host<P>>();
  readonly #waiting = new Set<Waiting<P>>();
  #inUseCount = 0;
  #waitsCount = 0;
  #isStopped = false;

  constructor(options: ConnectionPoolsOptions, components: { readonly open: (origin: string) => P }) {
    this.#connectionsPerHost = options.connectionsPerHost;
    this.#hostsMaxCount = Math.max(1, Math.floor(options.connectionsMaxCount / options.connectionsPerHost));
    this.#open = components.open;
  }

  get inUseCount(): number {
    return this.#inUseCount;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** Requests that had to wait, so far. */
  get waitsCount(): number {
    return this.#waitsCount;
  }

  *pools(): Iterable<P> {
    for (const { pool } of this.#hosts.values()) yield pool;
  }

  /** @returns A pool with a free connection, to be given back by `release`; `undefined` when it took too long. */
  acquire(origin: string, timeoutMs: number): Promise<P | undefined> {
    const pool = this.#take(origin);
    if (pool !== undefined || this.#isStopped) return Promise.resolve(pool);
    this.#waitsCount += 1;
    return new Promise(resolve => {
      const waiting = {
        origin,
        resolve: (free: P | undefined) => {
          clearTimeout(timer);
          this.#waiting.delete(waiting);
          resolve(free);
        },
      };
      const timer = setTimeout(() => waiting.resolve(undefined), timeoutMs);
      this.#waiting.add(waiting);
    });
  }

  release(origin: string): void {
    const host = this.#hosts.get(origin);
    if (host === undefined) return;
    host.inUseCount -= 1;
    this.#inUseCount -= 1;
    // In order of arrival; one that waits for another host must not hold up the others.
    for (const waiting of this.#waiting) {
      const pool = this.#take(waiting.origin);
      if (pool !== undefined) waiting.resolve(pool);
    }
  }

  /** Ends all connections, in use or not. Safe to call twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const waiting of [...this.#waiting]) waiting.resolve(undefined);
    const pools = [...this.pools()];
    this.#hosts.clear();
    await Promise.all(pools.map(pool => pool.destroy()));
  }

  #take(origin: string): P | undefined {
    if (this.#isStopped) return undefined;
    const known = this.#hosts.get(origin);
    const host = known ?? this.#newHost(origin);
    if (host === undefined || host.inUseCount >= this.#connectionsPerHost) return undefined;
    host.inUseCount += 1;
    this.#inUseCount += 1;
    this.#hosts.delete(origin);
    this.#hosts.set(origin, host);
    return host.pool;
  }

  #newHost(origin: string): Host<P> | undefined {
    if (this.#hosts.size >= this.#hostsMaxCount && !this.#closeIdle()) return undefined;
    return { pool: this.#open(origin), inUseCount: 0 };
  }

  #closeIdle(): boolean {
    for (const [origin, { pool, inUseCount }] of this.#hosts) {
      if (inUseCount > 0) continue;
      this.#hosts.delete(origin);
      pool.destroy().catch(() => {}); // It is idle: whatever it complains about concerns nobody.
      return true;
    }
    return false;
  }
}
