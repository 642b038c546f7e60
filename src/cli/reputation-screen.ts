/** `firsthand inspect reputation`. */
import type { ReputationBody } from './bodies.ts';
import { shortSpan } from './display.ts';
import { renderTable } from './table.ts';

export function reputationScreen(reputation: ReputationBody, colour: boolean): string {
  if (reputation.length === 0) return 'nobody has done anything wrong before the eyes of this agent\n';
  return renderTable(
    [
      { title: 'AGENT' },
      {
        title: 'STANDING',
        colour: cell => (cell === 'good' ? 'green' : cell === 'throttled' ? 'yellow' : 'red'),
      },
      { title: 'POINTS', align: 'right' },
      { title: 'FOR', align: 'right' },
      { title: 'FAULTS' },
      { title: 'PEER ID' },
    ],
    reputation.map(({ id, peer, standing, points, quarantined_for_ms, faults }) => [
      id ?? '-',
      standing,
      points.toFixed(1),
      quarantined_for_ms === undefined ? '' : shortSpan(quarantined_for_ms),
      faults.map(({ fault, count, last_ms }) => `${count} × ${fault} (${shortSpan(last_ms)} ago)`).join(', '),
      peer,
    ]),
    colour,
  );
}
