/** What was reached in a run: faults, rare branches of the protocol, and reasons for which something was refused. */
import { attackKinds } from './plan.ts';

export class Coverage {
  readonly #counts = new Map<string, number>();

  note(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/**
 * What a swarm of runs together must have reached: everything else would be tested in name only.
 *
 * In it is whatever at least ten of six hundred seeds reached: five hundred miss one of these once in thousands of
 * swarms.
 */
export const mustBeReached: readonly string[] = [
  // Every kind of fault.
  'crash',
  'stop',
  'power loss',
  'wipe',
  'rot',
  'pause',
  'starve',
  'disk',
  'clock',
  'partition',
  'one-way',
  'weather',
  'illness',
  'receiver away',
  'answers lost',
  'predecessor gone',
  // Every kind of attack.
  ...attackKinds.map(kind => `attack: ${kind}`),
  // Whatever callers ask, and what they are told.
  'register',
  'confirm',
  'deregister',
  'meddle',
  'enqueue',
  'predecessor changed',
  'confirmed false',
  'confirmed rolled back',
  'confirmed true',
  'confirmed unheard',
  'deregister done',
  'deregister refused: NOT_OWNER',
  'deregister refused: NOT_READY',
  'deregister refused: STORE_FAILED',
  'deregister refused: STORE_FULL',
  'deregister refused: UNKNOWN_NODE',
  'enqueue done',
  'enqueue refused: STORE_FAILED',
  'enqueue refused: STORE_FULL',
  'meddle refused: NOT_OWNER',
  'meddle refused: UNKNOWN_NODE',
  'register done',
  'register refused: NOT_OWNER',
  'register refused: NOT_READY',
  'register refused: STORE_FAILED',
  'register refused: STORE_FULL',
  // What whoever watches is told.
  'event: conflict concurrent',
  'event: conflict key-in-use-twice',
  'event: conflict name-held-by-another-key',
  'event: health healthy',
  'event: health unhealthy',
  'event: liveness alive',
  'event: liveness dead',
  'event: liveness left',
  'event: liveness suspect',
  'event: partition healed',
  'event: partition isolated',
  'event: partition suspected',
  'event: record added',
  'event: record departed',
  'event: record updated',
  // What the log says.
  'log: backend_healthy',
  'log: backend_unhealthy',
  'log: clock_set_back',
  'log: dial_failed',
  'log: http_peer_answers',
  'log: http_peer_fails',
  'log: http_peers_disagree',
  'log: isolated',
  'log: key_in_use_twice',
  'log: name_held_by_another_key',
  'log: outbox_receiver_recovered',
  'log: outbox_receiver_stuck',
  'log: outbox_undelivered',
  'log: partition_healed',
  'log: partition_suspected',
  'log: record_conflict',
  'log: registration_rolled_back',
  'log: seed_unreachable',
  'log: store_recovered',
  'log: store_write_failed',
  // Why something was not taken.
  'rejected: bad-signature',
  'rejected: future',
  'rejected: malformed',
  'rejected: not-for-us',
  'rejected: old-epoch',
  'rejected: own',
  'rejected: replayed',
  'rejected: stale',
  'rejected: stranger-rate',
  'rejected: succession',
  'rejected: unknown-context',
  'rejected: wrong-cluster',
  // How an exchange ends.
  'sync: busy',
  'sync: same',
  'sync: stalled',
  'sync: walked',
];

export function missing(happened: Readonly<Record<string, number>>): readonly string[] {
  return mustBeReached.filter(name => (happened[name] ?? 0) === 0);
}
