/**
 * Floods one agent, as a process of its own: `node flooder.ts <multiaddr> <probe host:port> <cluster> [secret]`.
 *
 * 20,000 datagrams a second that are none, from many ports, and 2,000 gossip messages a second that are none, from a
 * member that knows the secret where there is one. Prints a line with what it has sent when its input ends.
 */
import { createSocket } from 'node:dgram';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { ClusterKey } from '../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../src/identity/cluster-keyring.ts';
import { SecretAdmission } from '../../src/identity/secret-admission.ts';
import { Libp2pNetwork } from '../../src/net/network.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import { registerNetMetrics } from '../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';

const datagramsPerSecond = 20_000;
const messagesPerSecond = 2_000;
const turnMs = 10;
const socketsCount = 50;

const [address = '', probe = '', cluster = '', secret] = process.argv.slice(2);
const sent = { datagrams: 0, messages: 0 };

const network = new Libp2pNetwork(
  {
    cluster,
    privateKeyRaw: AgentKey.fromSeed(crypto.getRandomValues(new Uint8Array(32))).rawPrivateKey(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
  },
  { log: silentLog, metrics: registerNetMetrics(new MetricRegistry()), authority: authority() },
);
const subscribed = Promise.withResolvers<void>();
await network.start({
  onGossip: () => 'ignore',
  onFrame: () => {},
  onLinkUp: () => {},
  onLinkDown: () => {},
  onSubscribed: () => subscribed.resolve(),
  onDialEnded: (_key, outcome) => {
    if (!outcome.ok) throw new Error(outcome.text);
  },
  onPing: () => {},
  onDiscovered: () => {},
  onForeign: () => {},
});
network.dial({ key: 'victim', multiaddrs: [address] });
await subscribed.promise;

const sockets = Array.from({ length: socketsCount }, () => createSocket('udp4'));
const [host = '', port = ''] = probe.split(':');
const startedMs = performance.now();
const timer = setInterval(() => {
  const elapsedS = (performance.now() - startedMs) / 1_000;
  while (sent.datagrams < elapsedS * datagramsPerSecond) {
    sockets[sent.datagrams % socketsCount]?.send(junk(420), Number(port), host);
    sent.datagrams += 1;
  }
  while (sent.messages < elapsedS * messagesPerSecond) {
    network.publish(junk(300));
    sent.messages += 1;
  }
}, turnMs);
console.log('flooding');
process.stdin.on('end', () => {
  clearInterval(timer);
  console.log(JSON.stringify({ ...sent, seconds: (performance.now() - startedMs) / 1_000 }));
  process.exit(0);
});
process.stdin.resume();

/** Different each time, at little cost. */
function junk(length: number): Buffer {
  const bytes = Buffer.alloc(length, 0x0a);
  bytes.writeDoubleBE(Math.random(), 4);
  return bytes;
}

function authority(): SecretAdmission | undefined {
  if (secret === undefined) return undefined;
  const key = new ClusterKey({ cluster, secret, source: 'a bench' });
  return new SecretAdmission({ cluster }, { keyring: new ClusterKeyring([{ key }]) });
}
