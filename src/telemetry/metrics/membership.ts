/** Where an authority says who is a member: how long this agent is one, and which lists of who is shut out it has. */
import type { AuthorityPort } from '../../runtime/agent-port.ts';
import type { MetricRegistry } from '../registry.ts';

export function registerMembershipMetrics(registry: MetricRegistry, authority: AuthorityPort): void {
  registry.gauge(
    'firsthand_certificate_expiry_timestamp_seconds',
    'When the membership certificate of this agent runs out; it is renewed at half of its life',
    [],
    gauge => gauge.set((authority.view().certificate?.expiresMs ?? 0) / 1_000),
  );
  registry.gauge(
    'firsthand_revocations',
    'Certificates and keys that are shut out, by the lists of all authorities that are trusted',
    ['of'],
    gauge => {
      const { revocations } = authority.view();
      const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
      gauge.set(sum(revocations.map(({ serials }) => serials.length)), { of: 'certificates' });
      gauge.set(sum(revocations.map(({ keys }) => keys.length)), { of: 'keys' });
    },
  );
}
