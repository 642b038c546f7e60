import { Libp2pWorld } from './network-libp2p.ts';
import { startMember } from './network-contract.ts';
const w = new Libp2pWorld();
const n = Number(process.argv[2] ?? 18);
const ms = await Promise.all(Array.from({ length: n }, () => startMember(w, 'blue')));
const t0 = performance.now();
for (const [i, f] of ms.entries()) for (const t of ms.slice(i + 1)) f.network.dial({ key: t.peer, peer: t.peer, multiaddrs: t.multiaddrs });
const sleep = (x: number) => new Promise(r => setTimeout(r, x));
for (let k = 0; k < 8; k++) {
  await sleep(1000);
  console.log((performance.now() - t0).toFixed(0), 'up', ms.reduce((s, m) => s + m.heard.up.length, 0), 'down', ms.reduce((s, m) => s + m.heard.down.length, 0), 'sub', ms.reduce((s, m) => s + m.heard.subscribed.length, 0), 'of', n * (n - 1), 'outcomes', ms.reduce((s, m) => s + m.heard.outcomes.size, 0));
}
const texts = new Map<string, number>();
for (const m of ms) for (const [, o] of m.heard.outcomes) { const k = o[0]!.ok ? 'ok' : o[0]!.text.replace(/.*: /, ''); texts.set(k, (texts.get(k) ?? 0) + 1); }
console.log(texts);
await w.close();
process.exit();
