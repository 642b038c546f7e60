import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, Playground } from '../../src/chaos/stages/agent-process.ts';

interface Status {
  readonly findings: readonly string[];
}
interface Doctor {
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[];
}

describe('an agent and --fault-injection', { timeout: 60_000 }, () => {
  let playground: Playground;
  beforeEach(async () => {
    playground = await Playground.open();
  });
  afterEach(() => playground.close());

  const inject = (agent: AgentProcess, rules: readonly object[]) =>
    fetch(`${agent.ready.http}/admin/faults`, { method: 'POST', body: JSON.stringify({ rules }) });

  it('takes no faults and says nothing about them without it', async () => {
    const agent = await playground.start('plain');

    const answer = await inject(agent, [{ cut: true }]);

    assert.equal(answer.status, 403);
    assert.equal(((await answer.json()) as { readonly code: string }).code, 'FAULTS_OFF');
    assert.deepEqual((await agent.get<Status>('/status')).findings, []);
    const { checks } = await agent.get<Doctor>('/doctor');
    assert.isFalse(checks.some(({ name }) => name === 'fault_injection'));
    assert.notInclude(agent.log, 'fault_injection_on');
  });

  it('takes them with it, and its log, status and doctor say so', async () => {
    const agent = await playground.start('drilled', ['--fault-injection']);

    const answer = await inject(agent, [{ loss: 0.5 }]);

    assert.equal(answer.status, 200);
    assert.match(
      (await agent.get<Status>('/status')).findings.join(),
      /--fault-injection: callers may inject faults, 1 is in place now/,
    );
    const { checks } = await agent.get<Doctor>('/doctor');
    assert.deepInclude(
      checks.map(({ name, ok }) => ({ name, ok })),
      { name: 'fault_injection', ok: false },
    );
    assert.match(agent.log, /"level":40,.*"event":"fault_injection_on"/);
  });
});
