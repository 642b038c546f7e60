/**
 * What a caller can hold on to without sending anything: connections, and answers that it does not take.
 *
 * Requests that come too slowly are cut off by Node's own timeouts.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { HttpMetrics } from '../telemetry/metrics/http.ts';

export interface ConnectionGuardOptions {
  readonly connectionsMaxCount: number;
  readonly connectionsPerAddressMaxCount: number;
  readonly answerTimeoutMs: number;
}

const sweepMs = 1_000;

export class ConnectionGuard {
  readonly #options: ConnectionGuardOptions;
  readonly #metrics: HttpMetrics;
  readonly #byAddress = new Map<string, number>();
  /** Answers under way, and since when they wait for their reader; 0: not yet. */
  readonly #answers = new Map<ServerResponse, number>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: ConnectionGuardOptions, { metrics }: { readonly metrics: HttpMetrics }) {
    this.#options = options;
    this.#metrics = metrics;
    this.#sweep = setInterval(
      () => this.#cutOff(performance.now()),
      Math.min(sweepMs, options.answerTimeoutMs),
    );
    this.#sweep.unref();
  }

  watch(server: Server): void {
    server.maxConnections = this.#options.connectionsMaxCount;
    server.on('drop', () => this.#metrics.limitHit('connections'));
    server.on('connection', (socket: Socket) => this.#count(socket));
  }

  answerStarted(response: ServerResponse): void {
    this.#answers.set(response, 0);
  }

  answerEnded(response: ServerResponse): void {
    this.#answers.delete(response);
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #count(socket: Socket): void {
    const address = socket.remoteAddress;
    const limit = this.#options.connectionsPerAddressMaxCount;
    if (address === undefined || limit === 0) return;
    const count = this.#byAddress.get(address) ?? 0;
    if (count >= limit) {
      this.#metrics.limitHit('connections_per_address');
      socket.destroy();
      return;
    }
    this.#byAddress.set(address, count + 1);
    socket.once('close', () => {
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    });
  }

  /** An answer that is written in full and not taken; a stream is never written in full. */
  #cutOff(nowMs: number): void {
    for (const [response, sinceMs] of this.#answers) {
      if (!response.writableEnded || response.writableFinished) continue;
      if (sinceMs === 0) this.#answers.set(response, nowMs);
      else if (nowMs - sinceMs >= this.#options.answerTimeoutMs) {
        this.#metrics.limitHit('slow_reader');
        response.destroy();
      }
    }
  }
}
