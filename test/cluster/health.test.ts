import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { parseEventStream } from '../../src/cli/event-stream.ts';

/** A backend that is as ready as it is told to be. */
class Backend {
  isReady = true;
  checks = 0;
  readonly #server: Server = createServer((_, response) => {
    this.checks += 1;
    response.end(JSON.stringify({ ready: this.isReady }));
  });

  async start(): Promise<number> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Collects what an agent tells about health, until the agent ends. */
function healthEvents(agent: AgentProcess): string[] {
  const told: string[] = [];
  const listen = async () => {
    const { body } = await fetch(`${agent.ready.http}/events?kind=health`);
    for await (const { data } of parseEventStream(body ?? new ReadableStream())) {
      const { id, from, to, reason } = JSON.parse(data) as Record<string, string>;
      told.push(`${id} ${from} ${to}: ${reason}`);
    }
  };
  listen().catch(() => {
    // The agent has ended, and with it the stream.
  });
  return told;
}

describe('health of a backend', { timeout: 120_000 }, () => {
  const quick = {
    FIRSTHAND_HEALTH_CHECK_INTERVAL_MS: '200',
    FIRSTHAND_HEALTH_CHECK_TIMEOUT_MS: '200',
  };
  let playground: Playground;
  let backend: Backend;
  beforeEach(async () => {
    playground = await Playground.open();
    backend = new Backend();
  });
  afterEach(async () => {
    await playground.close();
    backend.stop();
  });

  function backends(agent: AgentProcess): Promise<readonly string[]> {
    return agent.get<readonly string[]>('/backends');
  }

  it('is told by its host to everybody: out when it is not ready, and back when it is again', async () => {
    const host = await playground.start('host', [], { env: quick });
    const other = await playground.start('other', ['--seed', host.seed], { env: quick });
    const told = [host, other].map(healthEvents);
    const port = await backend.start();
    const address = `127.0.0.1:${port}`;
    await host.register('svc', address, port);
    const everywhere = async (isIn: boolean) => {
      for (const agent of [host, other]) {
        const what = `${agent.ready.id} ${isIn ? 'lists' : 'does not list'} the backend`;
        await eventually(
          what,
          () => backends(agent),
          list => list.includes(address) === isIn,
        );
      }
    };
    await everywhere(true);
    await eventually(
      'it was checked',
      () => backend.checks,
      checks => checks > 2,
    );

    backend.isReady = false;
    await everywhere(false);
    const statuses = (await other.peers()).filter(({ id }) => id === 'svc').map(({ status }) => status);
    backend.isReady = true;
    await everywhere(true);

    assert.deepEqual(statuses, ['unhealthy']);
    for (const events of told) {
      await eventually(
        'both turns were told',
        () => events.length,
        count => count >= 2,
      );
      assert.deepEqual(events, [
        'svc healthy unhealthy: it answers that it is not ready',
        'svc unhealthy healthy: its health checks pass again',
      ]);
    }
    assert.match(host.log, /backend_unhealthy/);
    const telemetry = await (await fetch(`${host.ready.http}/telemetry`)).text();
    assert.match(telemetry, /firsthand_health_checks_total\{outcome="not_ready"\} [1-9]/);
    assert.match(telemetry, /firsthand_health_pool\{state="connected"\} 1/);
  });

  it('outlives a restart of its host', async () => {
    const host = await playground.start('host', [], { env: quick });
    const other = await playground.start('other', ['--seed', host.seed]);
    const port = await backend.start();
    backend.isReady = false;
    await host.register('svc', `127.0.0.1:${port}`, port);
    // What another agent has heard was on disk before.
    await eventually(
      'it is out',
      () => other.peers(),
      peers => peers.some(({ status }) => status === 'unhealthy'),
    );
    await host.kill();
    backend.isReady = true;

    const again = await playground.start('host');

    const statuses = (await again.peers()).map(({ id, status }) => `${id} ${status}`);
    assert.include(statuses, 'svc unhealthy');
  });
});
