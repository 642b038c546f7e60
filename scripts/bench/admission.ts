/** What a proof of the cluster's secret adds to a connection. */
import { multiaddr } from '@multiformats/multiaddr';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { ClusterKey } from '../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../src/identity/cluster-keyring.ts';
import { SecretAdmission } from '../../src/identity/secret-admission.ts';
import type { AdmissionEncrypterComponents } from '../../src/net/admission-encrypter.ts';
import { createHost, type Host } from '../../src/net/host.ts';
import { type Figure, median, percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const cluster = 'bench';

export async function admission({ repetitions = 400 }: BenchOptions): Promise<readonly Figure[]> {
  const exchangesMs: number[] = [];
  const withSecret = await dialsMs(repetitions, tookMs => exchangesMs.push(tookMs));
  const without = await dialsMs(repetitions);
  return [
    { name: 'connection without admission, p50', value: median(without), unit: 'ms' },
    { name: 'connection without admission, p99', value: percentile(without, 99), unit: 'ms' },
    { name: 'connection with a secret, p50', value: median(withSecret), unit: 'ms' },
    { name: 'connection with a secret, p99', value: percentile(withSecret, 99), unit: 'ms' },
    { name: 'admission by secret alone, as the dialer sees it, p50', value: median(exchangesMs), unit: 'ms' },
    {
      name: 'admission by secret alone, as the dialer sees it, p99',
      value: percentile(exchangesMs, 99),
      unit: 'ms',
      goal: { atMost: 5 },
    },
  ];
}

/** Connections between two hosts in this process, one after the other. */
async function dialsMs(count: number, onExchange?: (tookMs: number) => void): Promise<readonly number[]> {
  const hosts = [await host(onExchange), await host(onExchange)] as const;
  const [{ node: dialer }, { node: listener }] = hosts;
  const results: number[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const startedMs = performance.now();
      const connection = await dialer.dial(listener.getMultiaddrs());
      results.push(performance.now() - startedMs);
      await connection.close();
    }
    return results;
  } finally {
    for (const { node } of hosts) await node.stop();
  }
}

async function host(onExchange: ((tookMs: number) => void) | undefined): Promise<Host> {
  const made = await createHost(
    {
      privateKeyRaw: AgentKey.fromSeed(crypto.getRandomValues(new Uint8Array(32))).rawPrivateKey(),
      topic: cluster,
      connectionsMaxCount: 100,
      limits: { hostConnectionsPerSecond: 100_000 },
      dialTimeoutMs: 10_000,
      mayDial: () => true,
      mayEnter: () => true,
      scoreOf: () => 0,
      admission: onExchange && authority(onExchange),
    },
    () => ({ isAdmitted: () => true, whenAdmitted: async () => true, linked: () => [] }),
  );
  await made.node.start();
  await made.internals.transportManager.listen([multiaddr('/ip4/127.0.0.1/tcp/0')]);
  return made;
}

function authority(onExchange: (tookMs: number) => void): AdmissionEncrypterComponents {
  const key = new ClusterKey({ cluster, secret: 'a secret that all members know', source: 'a bench' });
  return {
    authority: new SecretAdmission({ cluster }, { keyring: new ClusterKeyring([{ key }]) }),
    onAdmitted: (_peer, role, _facts, tookMs) => {
      if (role === 'dialer') onExchange(tookMs);
    },
    onRefused: (_peer, _role, refusal) => {
      throw new Error(`refused: ${refusal.reason}`);
    },
  };
}
