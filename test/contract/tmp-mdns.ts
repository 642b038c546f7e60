import { generateKeyPair } from '@libp2p/crypto/keys';
import { Libp2pNetwork } from '../../src/net/network.ts';
import { registerNetMetrics } from '../../src/telemetry/metrics/net.ts';
import { MetricRegistry } from '../../src/telemetry/registry.ts';
import { startMdns } from '../../src/discovery/mdns.ts';
const reg = new MetricRegistry();
const metrics = registerNetMetrics(reg);
const t0 = performance.now();
const mk = async (name: string, listen: string) => {
  const key = await generateKeyPair('Ed25519');
  const log = (e: string, f?: object) => console.log(name, e, JSON.stringify(f, (_, v) => v instanceof Error ? v.stack : v));
  const n = new Libp2pNetwork({ cluster: 'c1', privateKeyRaw: key.raw, listen: [listen] }, { log, metrics, mdns: startMdns });
  const no = () => {};
  const contact = await n.start({ onGossip: () => 'accept', onFrame: no, onLinkUp: no, onLinkDown: no, onSubscribed: no, onDialEnded: no, onPing: no, onDiscovered: (p, m, s) => console.log((performance.now() - t0).toFixed(0), name, 'found', p.slice(-4), m.map(x => x.slice(0, 30)), s), onForeign: no });
  console.log((performance.now() - t0).toFixed(0), name, contact.peer.slice(-4), contact.multiaddrs);
  return { n, contact };
};
const sleep = (ms: number) => new Promise(r => setTimeout(r, ms));
const a = await mk('A', '/ip4/0.0.0.0/tcp/0'), b = await mk('B', '/ip4/127.0.0.1/tcp/0');
await sleep(3000);
const c = await mk('C', '/ip4/0.0.0.0/tcp/0');
await sleep(3000);
const d = await mk('D', '/ip4/0.0.0.0/tcp/0'); await d.n.stop();
for (const x of [a, b, c]) { const t = performance.now(); await x.n.stop(); console.log('stop', (performance.now() - t).toFixed(0)); }
console.log((await reg.text()).split('\n').filter(l => l.includes('mdns') && !l.startsWith('#')).join('\n'));
