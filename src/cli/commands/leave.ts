/** `firsthand leave`: the agent leaves the cluster for good; done when it is gone. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { FirsthandError } from '../../errors.ts';
import type { StatusBody } from '../bodies.ts';
import { type AgentClient, clientFor } from '../client.ts';
import { type Context, printJson } from '../context.ts';

/** An agent stops within 10 s. */
const goneLimitMs = 15_000;
const lookEveryMs = 50;

export function define(command: Command, context: Context): void {
  command.action(async () => {
    const { io } = context;
    const client = await clientFor(io, context.globals());
    const { identity } = await client.request<StatusBody>({ path: '/status' });
    await client.request({ method: 'POST', path: '/admin/leave', timeoutMs: goneLimitMs });
    await untilGone(client);
    if (context.globals().json)
      await printJson(io, { left: true, id: identity.id, cluster: identity.cluster });
    else await io.out(`${identity.id} has left the cluster ${identity.cluster} and stopped\n`);
  });
}

/** Waits for the process to end. @throws FirsthandError TIMED_OUT */
export async function untilGone(client: AgentClient): Promise<void> {
  const deadline = performance.now() + goneLimitMs;
  while (performance.now() < deadline) {
    if (!(await answers(client))) return;
    await wait(lookEveryMs);
  }
  const text = `the agent at ${client.url} announced its departure but still answers after ${goneLimitMs / 1_000} s`;
  throw new FirsthandError('TIMED_OUT', { text });
}

async function answers(client: AgentClient): Promise<boolean> {
  try {
    await client.request({ path: '/health/live', timeoutMs: 1_000 });
    return true;
  } catch (error) {
    // Any other answer, also a 503, comes from a process that is still there.
    return !(error instanceof FirsthandError && error.code === 'AGENT_UNREACHABLE');
  }
}
