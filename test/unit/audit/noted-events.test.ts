import { assert, describe, it } from 'vitest';
import { auditedLog } from '../../../src/audit/noted-events.ts';
import type { AuditEntry } from '../../../src/runtime/ports.ts';

function watched() {
  const logged: string[] = [];
  const audited: AuditEntry[] = [];
  const log = auditedLog(event => logged.push(event), { record: entry => audited.push(entry) });
  return { log, logged, audited };
}

describe('audit/noted-events', () => {
  it('takes down decisions and logs everything', () => {
    const { log, logged, audited } = watched();

    log('agent_removed', { id: 'agent-3', by: 'agent-1' });
    log('link_up', { peer: '12D3KooWx' });
    log('tls_files_failed', { problem: 'http_key_file: k is not there' });
    log('secret_not_kept', { error: new Error('the disk is full') });
    log('equivocation_proved', { author: '12D3KooWx', subject: 'web' });

    assert.deepEqual(logged, [
      'agent_removed',
      'link_up',
      'tls_files_failed',
      'secret_not_kept',
      'equivocation_proved',
    ]);
    assert.deepEqual(audited, [
      { kind: 'ban', who: 'agent-1', what: 'remove agent-3', outcome: 'allowed' },
      {
        kind: 'key',
        who: 'agent',
        what: 'take new files for TLS',
        outcome: 'failed',
        why: 'http_key_file: k is not there',
      },
      {
        kind: 'key',
        who: 'agent',
        what: 'keep the changed secret',
        outcome: 'failed',
        why: 'the disk is full',
      },
      {
        kind: 'ban',
        who: 'agent',
        what: 'quarantine for two records in one place 12D3KooWx',
        outcome: 'allowed',
      },
    ]);
  });

  it('does without fields that are not there', () => {
    const { log, audited } = watched();

    log('secret_changed');

    assert.deepEqual(audited, [
      { kind: 'key', who: 'agent', what: 'change the secret to', outcome: 'allowed' },
    ]);
  });
});
