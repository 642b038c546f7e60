/**
 * A network with mDNS in a process of its own, for tests in network namespaces: prints one JSON line for
 * itself and one for each announcement, and stops when its standard input ends.
 */
import { startMdns } from '../../src/discovery/mdns.ts';
import { Libp2pNetwork } from '../../src/net/network.ts';
import { registerNetMetrics } from '../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { newKey } from './network-libp2p.ts';
import { RecordingHandlers } from './network-recorder.ts';

class PrintingHandlers extends RecordingHandlers {
  override onDiscovered(peer: string, multiaddrs: readonly string[]): void {
    print({ found: peer, multiaddrs });
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const [cluster = ''] = process.argv.slice(2);
const network = new Libp2pNetwork(
  { cluster, privateKeyRaw: newKey(), listen: ['/ip4/0.0.0.0/tcp/0'] },
  {
    log: (event, fields) => process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
    metrics: registerNetMetrics(new MetricRegistry()),
    mdns: startMdns,
  },
);
print({ self: (await network.start(new PrintingHandlers())).peer });
process.stdin.resume();
process.stdin.on('end', () => void network.stop().then(() => process.exit(0)));
