/** Who is shut out, and for what. */
import { faults } from '../../core/reputation/reputation.ts';
import type { AgentPort } from '../../runtime/agent-port.ts';
import type { MetricRegistry } from '../registry.ts';

const standings = ['throttled', 'no-mesh', 'quarantined'] as const;

export function registerExclusionMetrics(registry: MetricRegistry, agent: AgentPort): void {
  registry.gauge(
    'firsthand_peers_by_standing',
    'Peers that this agent holds something against',
    ['standing'],
    gauge => {
      const views = agent.reputation();
      for (const standing of standings)
        gauge.set(views.filter(view => view.standing === standing).length, {
          standing: standing.replace('-', '_'),
        });
    },
  );
  registry.gauge(
    'firsthand_peer_faults',
    'Faults of peers that are not forgotten yet, by kind',
    ['fault'],
    gauge => {
      const all = agent.reputation().flatMap(view => view.faults);
      for (const fault of faults) {
        const count = all.filter(each => each.fault === fault).reduce((sum, each) => sum + each.count, 0);
        gauge.set(count, { fault: fault.replaceAll('-', '_') });
      }
    },
  );
  registry.totals(
    'firsthand_newcomers_refused_total',
    'Records of keys that were not met because there were too many: in all, at one address, or a second',
    [],
    report => report(agent.newcomersRefused),
  );
  registry.gauge('firsthand_bans', 'Keys that operators have shut out', ['state'], gauge => {
    const bans = agent.bans();
    for (const state of ['in-force', 'advised'] as const)
      gauge.set(bans.filter(ban => ban.state === state).length, { state: state.replace('-', '_') });
  });
}
