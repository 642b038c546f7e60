/** TLS of the HTTP shim: what its server is made with, and what it gets when the files are renewed. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:tls';
import type { Log } from '../telemetry/log.ts';
import { registerTlsMetrics } from '../telemetry/metrics/tls.ts';
import type { MetricRegistry } from '../telemetry/registry.ts';
import type { HttpOptions } from './options.ts';
import { TlsFiles } from './tls-files.ts';

export interface TlsSideComponents {
  readonly log: Log;
  readonly metrics: MetricRegistry;
  /** Asked once it is made. */
  readonly server: () => Server;
}

export class TlsSide {
  readonly #http: HttpOptions;
  readonly #files: TlsFiles;

  /** @returns `undefined` where the shim speaks HTTP in the clear. @throws FirsthandError CONFIG_INVALID */
  static of(http: HttpOptions, components: TlsSideComponents): TlsSide | undefined {
    return http.tls === undefined ? undefined : new TlsSide(http, components);
  }

  private constructor(http: HttpOptions, { log, metrics, server }: TlsSideComponents) {
    this.#http = http;
    this.#files = new TlsFiles(http.tls as NonNullable<HttpOptions['tls']>, {
      log,
      onChange: (context, { isOtherCa }) => {
        (server() as unknown as TlsServer).setSecureContext(context);
        // What an authority vouched for that is trusted no more must come again.
        if (isOtherCa) server().closeAllConnections();
      },
    });
    registerTlsMetrics(metrics, () => this.#files.expiresAtMs);
  }

  /** For Fastify, with what else an HTTP server is made with. */
  options(limits: object): object {
    const { auth, requestTimeoutMs } = this.#http;
    // Who shows no good certificate gets an answer that says so, from the gate.
    const asks = auth.mode === 'mtls' ? { requestCert: true, rejectUnauthorized: false } : {};
    return { https: { ...limits, ...this.#files.context, ...asks, handshakeTimeout: requestTimeoutMs } };
  }

  start(): void {
    this.#files.start();
  }

  stop(): void {
    this.#files.stop();
  }
}
