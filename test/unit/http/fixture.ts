/** A server over a fake agent, stopped when the test is over. */
import { onTestFinished } from 'vitest';
import { type HttpOptions, httpDefaults } from '../../../src/http/options.ts';
import { HttpServer } from '../../../src/http/server.ts';
import { type AuditLog, noAuditLog } from '../../../src/runtime/ports.ts';
import type { LogEvent } from '../../../src/telemetry/log-events.ts';
import { MetricRegistry } from '../../../src/telemetry/registry.ts';
import { FakeAgent, type FakeAgentOptions } from './fake-agent.ts';

export const secret = 'a secret of more than 16 bytes';

export interface LoggedLine {
  readonly event: LogEvent;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function fixture(
  options: Partial<HttpOptions> = {},
  agentOptions: FakeAgentOptions = {},
  audit: AuditLog = noAuditLog,
) {
  const agent = new FakeAgent(agentOptions);
  const logged: LoggedLine[] = [];
  const metrics = new MetricRegistry();
  const server = new HttpServer(
    { ...httpDefaults, listen: '127.0.0.1:0', ...options },
    {
      agent,
      log: (event, fields = {}) => logged.push({ event, fields }),
      metrics,
      audit,
    },
  );
  onTestFinished(() => server.stop());
  return { agent, server, app: server.app, logged, metrics };
}

export const legacy = { id: 'backend-1', address: '10.0.0.1:8080', metrics_port: 9_090 };
