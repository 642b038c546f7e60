/**
 * A service for the cluster in containers: answers, says how it is, and registers with its agent.
 *
 * This is all that a real service has to do: `/metrics` for the health checks, a registration at the start
 * and now and then (its agent may have lost its disk), and a departure at the end.
 */
import { createServer } from 'node:http';

const { SERVICE_ID: id = '', AGENT_URL: agentUrl = '' } = process.env;
const port = Number(process.env.SERVICE_PORT ?? 8000);
if (id === '' || agentUrl === '') {
  console.error('SERVICE_ID and AGENT_URL are needed');
  process.exit(2);
}

const retryMs = 1_000;
const renewalMs = 60_000;
const requestTimeoutMs = 5_000;
let requestsCount = 0;
let isRegistered = false;

const server = createServer((request, response) => {
  requestsCount += 1;
  if (request.url !== '/metrics') return response.end(`hello from ${id}\n`);
  // Its agent and Prometheus ask for the same thing in their own formats.
  if (/text\/plain|openmetrics/.test(request.headers.accept ?? '')) {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    return response.end(prometheusText());
  }
  response.setHeader('content-type', 'application/json');
  return response.end(JSON.stringify(vitals()));
});

function vitals() {
  return {
    ready: true,
    requests_total: requestsCount,
    uptime_seconds: Math.floor(process.uptime()),
    memory_bytes: process.memoryUsage.rss(),
  };
}

function prometheusText(): string {
  const { ready, requests_total, uptime_seconds, memory_bytes } = vitals();
  return `# TYPE node_ready gauge
node_ready ${Number(ready)}
# TYPE demo_requests_total counter
demo_requests_total ${requests_total}
# TYPE demo_uptime_seconds gauge
demo_uptime_seconds ${uptime_seconds}
# TYPE demo_memory_bytes gauge
demo_memory_bytes ${memory_bytes}
`;
}

async function register(): Promise<void> {
  const wasRegistered = isRegistered;
  try {
    const answer = await fetch(`${agentUrl}/registration`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, address: `${id}:${port}`, metrics_port: port, capabilities: ['demo'] }),
      signal: AbortSignal.timeout(requestTimeoutMs),
    });
    isRegistered = answer.ok;
    if (!answer.ok) console.error(`${agentUrl} answered ${answer.status}: ${await answer.text()}`);
  } catch (error) {
    isRegistered = false;
    if (wasRegistered) console.error(`${agentUrl} does not answer: ${String(error)}`);
  }
  if (isRegistered && !wasRegistered) console.log(`${id} is registered with ${agentUrl}`);
  setTimeout(register, isRegistered ? renewalMs : retryMs);
}

async function end(): Promise<void> {
  const url = `${agentUrl}/registration/${id}`;
  try {
    await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(requestTimeoutMs / 2) });
  } catch {
    // The agent is gone already, and its services with it.
  }
  process.exit(0);
}

process.once('SIGTERM', () => void end());
process.once('SIGINT', () => void end());
server.listen(port, () => void register());
