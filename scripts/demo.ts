/**
 * `npm run demo`: three agents on this machine, and what they tell each other. `-- --once` ends by itself.
 *
 * Everything lives in a temporary folder and on loopback; Ctrl-C takes it all away again.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentProcess, aliveIds, eventually } from '../src/chaos/stages/agent-process.ts';

const isOnce = process.argv.includes('--once');
const directory = await mkdtemp(join(tmpdir(), 'firsthand-demo-'));
const agents: AgentProcess[] = [];

async function end(code: number): Promise<never> {
  await Promise.all(agents.map(agent => agent.stop()));
  await rm(directory, { recursive: true, force: true });
  process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.log('\nStopping: each agent announces its departure.');
    void end(0);
  });
}

async function start(
  id: string,
  type: string,
  port: number,
  flags: readonly string[],
): Promise<AgentProcess> {
  const http = (await isFree(port)) ? `127.0.0.1:${port}` : '127.0.0.1:0';
  const agent = await AgentProcess.start({
    id,
    dataDir: join(directory, id),
    flags: ['--cluster', 'demo', '--type', type, '--http', http, ...flags],
  });
  agents.push(agent);
  console.log(
    `  ${id.padEnd(10)} ${type.padEnd(10)} ${agent.ready.http}   ready after ${Math.round(agent.readyMs)} ms`,
  );
  return agent;
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** What stands for the service: answers `/metrics`, as its agent asks it to every few seconds. */
function startService(): Promise<{ readonly port: number }> {
  const server = createHttpServer((_, response) => response.end('{"ready":true}'));
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve(server.address() as AddressInfo));
  });
}

try {
  console.log('Starting three agents of one cluster; the second and third join through the first:\n');
  const proxy = await start('proxy-1', 'proxy', 7980, []);
  const seed = ['--seed', proxy.seed];
  const backend = await start('backend-1', 'backend', 7981, seed);
  const governator = await start('gov-1', 'governator', 7982, seed);
  for (const agent of agents) {
    await eventually(
      'all met',
      () => agent.peers(),
      peers => aliveIds(peers).length === 3,
    );
  }

  const { port } = await startService();
  const body = { id: 'llama-70b', address: `127.0.0.1:${port}`, metrics_port: port };
  console.log(`\nRegistering a service with backend-1:\n`);
  console.log(`  curl -X POST ${backend.ready.http}/registration -H 'content-type: application/json' \\`);
  console.log(`    -d '${JSON.stringify(body)}'\n`);
  const startedMs = performance.now();
  const answer = await backend.register(body.id, body.address, port);
  const { status } = (await answer.json()) as { status: string };
  const answeredMs = performance.now() - startedMs;
  for (const agent of [proxy, governator]) {
    await eventually(
      'listed',
      () => agent.peers(),
      peers => aliveIds(peers).includes(body.id),
    );
  }
  console.log(
    `  answered "${status}" after ${answeredMs.toFixed(0)} ms, listed by the other two after ${(performance.now() - startedMs).toFixed(0)} ms`,
  );
  console.log('\nTry, in another terminal:\n');
  console.log(`  curl ${governator.ready.http}/backends            who can be used right now`);
  console.log(`  scripts/firsthand peers --agent ${proxy.ready.http}   the same for people`);
  console.log(`  scripts/firsthand watch --agent ${proxy.ready.http}   live gossip, one line an event`);
  console.log(`  scripts/firsthand inspect record llama-70b --agent ${proxy.ready.http}`);
  console.log(
    `  kill -9 ${backend.pid}                                ends backend-1; ask again who can be used`,
  );
  if (isOnce) await end(0);
  console.log('\nCtrl-C ends the demo.');
} catch (error) {
  console.error(`the demo failed: ${error instanceof Error ? error.message : String(error)}`);
  await end(1);
}
