/** What waits for its receivers, read from the agent at each scrape. */
import type { AgentPort } from '../../runtime/agent-port.ts';
import type { MetricRegistry } from '../registry.ts';

const states = ['idle', 'waiting', 'delivering', 'stuck'] as const;
const breakers = ['closed', 'open', 'half-open'] as const;

export function registerOutboxMetrics(registry: MetricRegistry, agent: AgentPort): void {
  registry.gauge('firsthand_outbox_deliveries', 'Deliveries that wait or are under way', [], gauge =>
    gauge.set(agent.outbox().entries),
  );
  registry.gauge('firsthand_outbox_bytes', 'Their payloads together', [], gauge =>
    gauge.set(agent.outbox().bytes),
  );
  registry.gauge('firsthand_outbox_oldest_seconds', 'How long the oldest of them has waited', [], gauge => {
    const ages = agent.outbox().receivers.map(({ oldestMs = 0 }) => oldestMs);
    gauge.set(ages.reduce((a, b) => Math.max(a, b), 0) / 1_000);
  });
  registry.gauge('firsthand_outbox_receivers', 'Receivers, by what is being done', ['state'], gauge => {
    const { receivers } = agent.outbox();
    for (const state of states) gauge.set(receivers.filter(row => row.state === state).length, { state });
  });
  registry.gauge('firsthand_outbox_breakers', 'Circuit breakers of receivers', ['state'], gauge => {
    const { receivers } = agent.outbox();
    for (const state of breakers)
      gauge.set(receivers.filter(({ breaker }) => breaker === state).length, { state });
  });
  registry.totals(
    'firsthand_outbox_events_total',
    'What became of deliveries: enqueued, superseded, delivered, failed (attempts), refused, expired, damaged, turned_away',
    ['event'],
    report => {
      const { turnedAway, ...counts } = agent.outbox().counts;
      for (const [event, total] of Object.entries(counts)) report(total, { event });
      report(turnedAway, { event: 'turned_away' });
    },
  );
}
