/** Counts and logs the protocol from outside, by what goes in and what comes out. */
import type { Effect, Input } from '../core/effects.ts';
import type { Observer } from '../runtime/driver.ts';
import type { Log } from './log.ts';
import type { ProtocolMetrics } from './metrics/protocol.ts';

export function observer(components: { readonly log: Log; readonly metrics: ProtocolMetrics }): Observer {
  const { log, metrics } = components;
  return {
    input: (input: Input) => {
      if (input.type === 'records-received')
        metrics.recordsReceived.add({ via: input.via }, input.records.length);
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
      }
    },
    rejected: (reason, via) => metrics.recordsRefused.add({ via, reason }),
    foreign: address => log('foreign_peer_refused', { address }),
    log,
  };
}

function outcomeOf({ reply }: Extract<Effect, { readonly type: 'reply' }>): string {
  if (!reply.ok) return reply.code.toLowerCase();
  return reply.changed ? 'changed' : 'renewed';
}
