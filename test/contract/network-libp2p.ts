/** Real libp2p hosts on loopback, for contract tests. */
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Libp2pNetwork, type Libp2pNetworkComponents } from '../../src/net/network.ts';
import { type Log, silentLog } from '../../src/telemetry/log.ts';
import { type NetMetrics, registerNetMetrics } from '../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import type { NetworkWorld } from './network-contract.ts';

/** Seed and public key, as the identity keeps them. */
export function newKey(): Uint8Array {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]);
}

const deadlineMs = 20_000;

export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`);
    await sleep(5);
  }
}

export class Libp2pWorld implements NetworkWorld {
  /** Port 1 is privileged and unused. */
  readonly deadAddress = '/ip4/127.0.0.1/tcp/1';
  readonly until = until;
  readonly registry = new MetricRegistry();
  readonly metrics: NetMetrics = registerNetMetrics(this.registry);
  readonly #parts: Pick<Libp2pNetworkComponents, 'mdns' | 'dht' | 'faults' | 'resolve'>;
  readonly #networks: Libp2pNetwork[] = [];

  constructor(parts: Pick<Libp2pNetworkComponents, 'mdns' | 'dht' | 'faults' | 'resolve'> = {}) {
    this.#parts = parts;
  }

  create(
    cluster: string,
    listen: readonly string[] = ['/ip4/127.0.0.1/tcp/0'],
    parts: Pick<Libp2pNetworkComponents, 'authority' | 'onAdmitted'> & { readonly log?: Log } = {},
  ): Libp2pNetwork {
    const network = new Libp2pNetwork(
      { cluster, privateKeyRaw: newKey(), listen, dhtDelayMaxMs: 100 },
      { log: silentLog, metrics: this.metrics, ...this.#parts, ...parts },
    );
    this.#networks.push(network);
    return network;
  }

  /** The value of one line of the metrics. */
  async metric(line: string): Promise<number> {
    const text = await this.registry.text();
    const found = text.split('\n').find(candidate => candidate.startsWith(`${line} `));
    return found === undefined ? 0 : Number(found.slice(line.length));
  }

  async close(): Promise<void> {
    await Promise.all(this.#networks.map(network => network.stop()));
  }
}
