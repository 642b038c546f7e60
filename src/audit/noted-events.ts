/**
 * Which events of the log are decisions that belong into the audit log too: the one table.
 *
 * Rooms that decide log by name already; so most of them need not know of an audit log. What is more than an event
 * (who asked over HTTP, each admission) is recorded where it is decided.
 */
import type { AuditEntry, AuditLog } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { LogEvent } from '../telemetry/log-events.ts';

interface Noted extends Pick<AuditEntry, 'kind' | 'what' | 'outcome'> {
  /** The field that says whose doing it is; absent: the agent's own. */
  readonly who?: string;
  /** Fields that may say whom it is about; the first that is there is added to `what`. */
  readonly about?: readonly string[];
  /** The field that says why. */
  readonly why?: string;
}

const notedEvents: Readonly<Partial<Record<LogEvent, Noted>>> = {
  tls_files_read: { kind: 'key', what: 'take new files for TLS', outcome: 'allowed', why: 'file' },
  tls_files_failed: { kind: 'key', what: 'take new files for TLS', outcome: 'failed', why: 'problem' },
  token_keys_read: { kind: 'key', what: 'take the keys for tokens', outcome: 'allowed', why: 'location' },
  token_keys_failed: { kind: 'key', what: 'take the keys for tokens', outcome: 'failed', why: 'problem' },

  secret_changed: {
    kind: 'key',
    what: 'change the secret to',
    outcome: 'allowed',
    about: ['id'],
    why: 'what',
  },
  secret_source_changed: {
    kind: 'key',
    what: 'take the secret anew from',
    outcome: 'allowed',
    about: ['source'],
  },
  secret_source_failed: {
    kind: 'key',
    what: 'take the secret anew from',
    outcome: 'failed',
    about: ['source'],
    why: 'problem',
  },
  secret_not_kept: { kind: 'key', what: 'keep the changed secret', outcome: 'failed', why: 'error' },
  secret_not_handed_over: {
    kind: 'key',
    what: 'hand the secret over to',
    outcome: 'failed',
    about: ['peer'],
    why: 'error',
  },
  store_sealed: { kind: 'key', what: 'seal the database', outcome: 'allowed' },
  equivocation_proved: {
    kind: 'ban',
    what: 'quarantine for two records in one place',
    outcome: 'allowed',
    about: ['author'],
  },
  standing_changed: {
    kind: 'ban',
    what: 'change the standing of',
    outcome: 'allowed',
    about: ['id', 'peer'],
    why: 'to',
  },
  peer_banned: { kind: 'ban', who: 'by', what: 'ban', outcome: 'allowed', about: ['peer'], why: 'reason' },
  peer_pardoned: { kind: 'ban', what: 'pardon', outcome: 'allowed', about: ['peer'] },
  key_rotated: { kind: 'key', what: 'change the key of', outcome: 'allowed', about: ['id'], why: 'peer' },
  key_revoked: { kind: 'key', what: 'end the key of', outcome: 'allowed', about: ['id', 'peer'] },
  former_key_ended: { kind: 'key', what: 'end the former key', outcome: 'allowed', about: ['peer'] },
  key_rotation_rolled_back: { kind: 'key', what: 'take another key', outcome: 'failed', why: 'peer' },
  key_rotation_failed: { kind: 'key', what: 'take another key', outcome: 'failed', why: 'step' },
  agent_removed: { kind: 'ban', who: 'by', what: 'remove', outcome: 'allowed', about: ['id', 'peer'] },
  member_revoked: { kind: 'ban', what: 'revoke', outcome: 'allowed', about: ['id', 'peer'] },
  certificate_ended: {
    kind: 'admission',
    what: 'stay a member:',
    outcome: 'refused',
    about: ['id', 'peer'],
    why: 'reason',
  },
  invite_redeemed: { kind: 'admission', what: 'redeem an invite to', outcome: 'allowed', about: ['cluster'] },
  own_certificate_revoked: { kind: 'ban', what: 'revoke this very agent', outcome: 'allowed' },
  own_certificate_renewed: { kind: 'key', what: 'renew the own certificate', outcome: 'allowed' },
  own_certificate_not_renewed: { kind: 'key', what: 'renew the own certificate', outcome: 'failed' },
  faults_set: { kind: 'setting', what: 'set faults', outcome: 'allowed' },
};

/** A log that also takes down what belongs into the audit log. */
export function auditedLog(log: Log, audit: AuditLog): Log {
  return (event, fields = {}) => {
    log(event, fields);
    const noted = notedEvents[event];
    if (noted === undefined) return;
    const { kind, what, outcome } = noted;
    const about = noted.about?.map(name => textIn(fields, name)).find(text => text !== undefined);
    const why = textIn(fields, noted.why);
    audit.record({
      kind,
      who: textIn(fields, noted.who) ?? 'agent',
      what: about === undefined ? what : `${what} ${about}`,
      outcome,
      ...(why === undefined ? {} : { why }),
    });
  };
}

function textIn(fields: Readonly<Record<string, unknown>>, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : fields[name];
  if (value === undefined) return undefined;
  return value instanceof Error ? value.message : String(value);
}
