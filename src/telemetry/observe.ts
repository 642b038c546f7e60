/** Counts and logs the protocol from outside, by what goes in and what comes out. */
import type { CheckOutcome } from '../core/backends/outcome.ts';
import type { Effect, Input } from '../core/effects.ts';
import type { Observer } from '../runtime/driver.ts';
import type { Log } from './log.ts';
import type { HealthMetrics } from './metrics/health.ts';
import type { ProtocolMetrics } from './metrics/protocol.ts';

export interface ObserverComponents {
  readonly log: Log;
  readonly metrics: ProtocolMetrics;
  readonly health: HealthMetrics;
}

export function observer({ log, metrics, health }: ObserverComponents): Observer {
  return {
    input: (input: Input) => {
      if (input.type === 'records-received')
        metrics.recordsReceived.add({ via: input.via }, input.records.length);
      if (input.type === 'checked') countCheck(health, input.outcome);
    },
    effect: (effect: Effect) => {
      switch (effect.type) {
        case 'publish':
          return metrics.recordsWritten.add({}, effect.records.length);
        case 'persist':
          return metrics.storeOperations.add({}, effect.operations.length);
        case 'reply':
          return metrics.registrations.add({ outcome: outcomeOf(effect) });
        case 'event':
          if (effect.event.event === 'conflict') metrics.conflicts.add({ kind: effect.event.data.kind });
          return;
        case 'sync-ended':
          metrics.syncs.add({ outcome: effect.end.outcome });
          return metrics.syncBytes.add({}, effect.end.bytes);
        case 'log':
          if (effect.event === 'sync_lied') metrics.syncLies.add({ kind: String(effect.fields.lie) });
          if (effect.event === 'backend_unhealthy') health.turns.add({ to: 'unhealthy' });
          if (effect.event === 'backend_healthy') health.turns.add({ to: 'healthy' });
      }
    },
    rejected: (reason, via) => metrics.recordsRefused.add({ via, reason }),
    foreign: address => log('foreign_peer_refused', { address }),
    log,
  };
}

function countCheck({ checks, seconds }: HealthMetrics, outcome: CheckOutcome): void {
  checks.add({ outcome: outcome.ok ? 'ok' : outcome.reason.replaceAll('-', '_') });
  seconds.observe(outcome.latencyMs / 1_000);
}

function outcomeOf({ reply }: Extract<Effect, { readonly type: 'reply' }>): string {
  if (!reply.ok) return reply.code.toLowerCase();
  if (reply.confirmation?.rolledBack) return 'rolled_back';
  if (reply.confirmation?.isMet === false) return 'unconfirmed';
  return reply.changed ? 'changed' : 'renewed';
}
