/**
 * Everything Firsthand logs, by name, with its level.
 *
 * `error`: a person must act. `warn`: will become one. `info`: rare, of interest to an operator.
 * `debug`: the rest. Fields carry the facts; the name is the sentence.
 */
export const logEvents = {
  agent_starting: 'info',
  agent_ready: 'info',
  agent_stopping: 'info',
  agent_stopped: 'info',
  stop_forced: 'warn',

  store_opened: 'debug',
  store_rows_damaged: 'warn',
  store_migrated: 'info',
  store_sealed: 'info',
  store_seal_failed: 'warn',
  store_write_failed: 'error',
  store_recovered: 'info',

  network_listening: 'info',
  link_up: 'debug',
  link_down: 'debug',
  dial_failed: 'debug',
  seed_unreachable: 'warn',
  foreign_peer_refused: 'warn',
  admission_refused: 'warn',
  secret_outdated: 'warn',
  secret_source_changed: 'info',
  secret_source_failed: 'warn',
  secret_changed: 'info',
  secret_not_kept: 'error',
  secret_not_handed_over: 'warn',
  gossip_rejected: 'debug',
  mdns_interface_failed: 'warn',
  mdns_started: 'debug',
  discovery_failed: 'warn',
  network_fault: 'error',

  record_conflict: 'warn',
  name_held_by_another_key: 'error',
  key_in_use_twice: 'error',
  equivocation_proved: 'error',
  registration_rolled_back: 'warn',
  agent_removed: 'info',
  key_rotated: 'info',
  key_revoked: 'warn',
  former_key_ended: 'info',
  key_rotation_rolled_back: 'warn',
  key_rotation_failed: 'error',
  member_revoked: 'warn',
  member_of_authority: 'info',
  invite_redeemed: 'info',
  membership_failed: 'error',
  own_certificate_revoked: 'error',
  own_certificate_renewed: 'info',
  own_certificate_not_renewed: 'warn',
  certificate_ended: 'warn',
  taken_out_but_alive: 'warn',
  clock_set_back: 'warn',
  sync_lied: 'warn',
  standing_changed: 'warn',
  peer_banned: 'warn',
  peer_pardoned: 'info',
  partition_suspected: 'warn',
  partition_healed: 'info',
  isolated: 'warn',

  outbox_queue_damaged: 'error',
  outbox_receiver_stuck: 'warn',
  outbox_receiver_recovered: 'info',
  outbox_undelivered: 'warn',

  backend_unhealthy: 'info',
  backend_healthy: 'info',

  http_peers_disagree: 'warn',
  http_peer_answers: 'info',
  http_peer_fails: 'warn',

  http_listening: 'info',
  http_request_failed: 'error',
  credentials_in_clear: 'warn',
  agents_prove_nothing: 'warn',
  tls_files_read: 'info',
  tls_files_failed: 'error',
  tls_certificate_expired: 'error',
  token_keys_read: 'info',
  token_keys_failed: 'error',

  audit_file_closed: 'info',
  audit_damaged: 'error',
  audit_failed: 'error',

  fault_injection_on: 'warn',
  faults_set: 'warn',

  deprecated_variable: 'warn',
} as const satisfies Record<string, 'debug' | 'info' | 'warn' | 'error'>;

export type LogEvent = keyof typeof logEvents;
