/** What a proof of the cluster's secret adds to a connection. */
import { multiaddr } from '@multiformats/multiaddr';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { ClusterKey } from '../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../src/identity/cluster-keyring.ts';
import { DatagramSeal } from '../../src/identity/datagram-seal.ts';
import { SecretAdmission } from '../../src/identity/secret-admission.ts';
import type { AdmissionEncrypterComponents } from '../../src/net/admission-encrypter.ts';
import { createHost, type Host } from '../../src/net/host.ts';
import { type Figure, median, percentile } from './figures.ts';
import type { BenchOptions } from './options.ts';

const cluster = 'bench';

/** Of dials each; a percentile is the median of those of all rounds, because other work on the machine comes in bursts. */
const rounds = 10;

export async function admission({ repetitions = 1_000 }: BenchOptions): Promise<readonly Figure[]> {
  const perRound = Math.ceil(repetitions / rounds);
  const without: (readonly number[])[] = [];
  const withSecret: (readonly number[])[] = [];
  const exchanges: (readonly number[])[] = [];
  for (let round = 0; round < rounds; round++) {
    const exchangesMs: number[] = [];
    withSecret.push(await dialsMs(perRound, tookMs => exchangesMs.push(tookMs)));
    without.push(await dialsMs(perRound));
    exchanges.push(exchangesMs);
  }
  return [
    ...figures('connection without admission', without),
    ...figures('connection with a secret', withSecret),
    ...figures('admission by secret alone, as the dialer sees it', exchanges, 5),
    { name: 'sealing and opening a datagram of 420 bytes', value: sealingUs(), unit: 'µs' },
  ];
}

function figures(
  name: string,
  measured: readonly (readonly number[])[],
  p99MaxMs?: number,
): readonly Figure[] {
  const value = (percent: number) => median(measured.map(valuesMs => percentile(valuesMs, percent)));
  return [
    { name: `${name}, p50`, value: value(50), unit: 'ms' },
    {
      name: `${name}, p99`,
      value: value(99),
      unit: 'ms',
      ...(p99MaxMs === undefined ? {} : { goal: { atMost: p99MaxMs } }),
    },
  ];
}

function sealingUs(): number {
  const [sender, receiver] = [sealOf(), sealOf()];
  const datagram = new Uint8Array(420);
  const count = 5_000;
  const roundsUs = Array.from({ length: rounds }, () => {
    const startedMs = performance.now();
    for (let n = 0; n < count; n++) {
      if (receiver.open(sender.seal(datagram)) === undefined) throw new Error('it did not open');
    }
    return ((performance.now() - startedMs) * 1_000) / count;
  });
  return median(roundsUs);
}

function sealOf(): DatagramSeal {
  return new DatagramSeal({ cluster }, { keyring: keyring() });
}

function keyring(): ClusterKeyring {
  const key = new ClusterKey({ cluster, secret: 'a secret that all members know', source: 'a bench' });
  return new ClusterKeyring([{ key }]);
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
  return {
    authority: new SecretAdmission({ cluster }, { keyring: keyring() }),
    onAdmitted: (_peer, role, _facts, tookMs) => {
      if (role === 'dialer') onExchange(tookMs);
    },
    onRefused: (_peer, _role, refusal) => {
      throw new Error(`refused: ${refusal.reason}`);
    },
  };
}
