import { Libp2pWorld } from './network-libp2p.ts';
import { startMember } from './network-contract.ts';
import { startDht } from '../../src/discovery/dht.ts';
import { startMdns } from '../../src/discovery/mdns.ts';
const what = process.argv[2];
const w = new Libp2pWorld({ ...(what?.includes('d') ? { dht: startDht } : {}), ...(what?.includes('m') ? { mdns: startMdns } : {}) });
const n = 20;
const ms = await Promise.all(Array.from({ length: n }, () => startMember(w, 'idle' + process.pid)));
for (const [i, f] of ms.entries()) for (const t of ms.slice(i + 1)) f.network.dial({ key: t.peer, peer: t.peer, multiaddrs: t.multiaddrs });
const sleep = (x: number) => new Promise(r => setTimeout(r, x));
while (!ms.every(m => m.heard.subscribed.length === n - 1)) await sleep(100);
const t0 = performance.now();
let last = process.cpuUsage();
for (let k = 0; k < 5; k++) {
  await sleep(15000);
  const now = process.cpuUsage();
  console.log(what, (performance.now() - t0).toFixed(0), 'cpu ms/s per agent', ((now.user + now.system - last.user - last.system) / 1000 / 15 / n).toFixed(2), 'rss', (process.memoryUsage().rss / 1e6).toFixed(0), 'links', ms.map(m => m.network.links().length).join(','), 'discovered dht', ms.reduce((s, m) => s + m.heard.discovered.filter(d => d.source === 'dht').length, 0));
  last = now;
}
const t1 = performance.now(); await w.close(); console.log('stop', (performance.now() - t1).toFixed(0));
process.exit();
