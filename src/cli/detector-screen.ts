/** The failure detector on one screen: how it is set, a row for each member with who accuses it, hosted backends. */

import { compareText } from '../core/record/record.ts';
import { type Layer, layers } from '../core/view.ts';
import { named } from '../runtime/partition-sentence.ts';
import type { DetectorBody } from './bodies.ts';
import { safe, shortPeer, shortSpan } from './display.ts';
import { type Colour, paint, renderTable, stateColour } from './table.ts';

type Member = DetectorBody['members'][number];
type Backend = DetectorBody['backends'][number];

/** Probe rounds and accusers shown of each member; `--json` has all. */
const historyMaxCount = 12;
const accusersMaxCount = 8;

const legend =
  'HISTORY: newest probe last; U by UDP, I through helpers, L over the link only, x failed. INC: incarnation.\n';

export function detectorScreen(detector: DetectorBody, colour: boolean): string {
  const members = [...detector.members].sort((a, b) => compareText(a.id, b.id));
  const backends = [...detector.backends].sort((a, b) => compareText(a.id, b.id));
  const parts = [
    head(detector, colour),
    members.length === 0
      ? 'no other agent is known\n'
      : memberTable(members, colour) + paint(legend, 'dim', colour),
    ...(backends.length === 0 ? [] : [backendTable(backends, colour)]),
  ];
  return parts.join('\n');
}

function head(detector: DetectorBody, colour: boolean): string {
  const { partition } = detector;
  const facts: (readonly [label: string, fact: string, tint?: Colour | undefined])[] = [
    ['profile', `${detector.profile}, own incarnation ${detector.incarnation}`],
    localHealth(detector.local_health),
    [
      'probes',
      `every ${exactSpan(detector.probe_interval_ms)}, an answer is due within ${exactSpan(detector.ack_timeout_ms)}`,
    ],
    [
      'suspicion',
      `a suspect has ${exactSpan(detector.suspicion_min_ms)} to ${exactSpan(detector.suspicion_max_ms)} to answer`,
    ],
    detector.is_frozen
      ? ['verdicts', 'held back: most members fell silent, so none of them is declared dead', 'yellow']
      : ['verdicts', 'given when that time is over'],
    [
      'view',
      `${partition.reachable} of ${partition.known} known agents reachable, ${partition.is_majority ? 'a majority' : 'no majority'}`,
      partition.is_majority ? undefined : 'red',
    ],
  ];
  if (partition.state !== 'whole') {
    const since = partition.since_ms === undefined ? '' : ` since ${shortSpan(partition.since_ms)}`;
    const what = partition.state === 'suspected' ? 'suspected' : 'isolated: no other agent can be reached,';
    facts.push(
      ['partition', `${what}${since}`, stateColour(partition.state)],
      ['  here', named(partition.here)],
      ['  silent', named(partition.there)],
    );
  }
  return facts
    .map(([label, fact, tint]) => `${label.padEnd(12)} ${paint(safe(fact), tint, colour)}\n`)
    .join('');
}

function localHealth(points: number): readonly [string, string, Colour?] {
  return points === 0
    ? ['local health', 'well']
    : ['local health', `${points} against itself: it waits longer before it accuses others`, 'yellow'];
}

function memberTable(members: readonly Member[], colour: boolean): string {
  return renderTable(
    [
      { title: 'AGENT' },
      { title: 'STATE', colour: stateColour },
      { title: 'SINCE', align: 'right' },
      { title: 'LAST ACK', align: 'right' },
      { title: 'RTT', align: 'right' },
      { title: 'SCORE', align: 'right' },
      { title: 'HISTORY', align: 'right' },
      { title: 'STRIKES', align: 'right' },
      ...layers.map(layer => ({ title: layer.toUpperCase(), colour: markColour })),
      { title: 'SKEW', align: 'right' },
      { title: 'INC', align: 'right' },
    ],
    members.map(member => [
      member.id,
      member.state,
      shortSpan(member.since_ms),
      optional(member.last_ack_ms, shortSpan),
      optional(member.rtt_ms, ms => `${ms.toFixed(1)} ms`),
      member.score.toFixed(0),
      member.history.slice(-historyMaxCount),
      String(member.strikes),
      ...layers.map(layer => layerMark(member, layer)),
      optional(member.clock_skew_ms, skew),
      String(member.incarnation),
    ]),
    colour,
    members.map(notes),
  );
}

/** Why a member is not well: who says so, how long it still has, and which ways to it are blocked. */
function notes(member: Member): readonly string[] {
  const { accusers, state, verdict_in_ms } = member;
  const lines = accusers
    .slice(0, accusersMaxCount)
    .map(
      ({ by, says, refused, ago_ms }) =>
        `accused by ${accuser(by)} (${says}${refused ? ', refused' : ''}) ${shortSpan(ago_ms)} ago`,
    );
  if (accusers.length > accusersMaxCount) lines.push(`and by ${accusers.length - accusersMaxCount} more`);
  if (state === 'suspect') {
    lines.push(
      verdict_in_ms === undefined
        ? 'no verdict while most members are silent'
        : `declared dead in ${shortSpan(verdict_in_ms)} unless it answers`,
    );
  }
  for (const { layer, ok, ago_ms, detail } of member.layers) {
    if (ok !== false) continue;
    lines.push(
      `${layer} failed${optional(ago_ms, ms => ` ${shortSpan(ms)} ago`, '')}${detail === undefined ? '' : `: ${detail}`}`,
    );
  }
  return lines;
}

/** A node id, or the key of somebody unknown. */
function accuser(by: string): string {
  return by.startsWith('12D3KooW') ? shortPeer(by) : by;
}

function layerMark(member: Member, wanted: Layer): string {
  const ok = member.layers.find(({ layer }) => layer === wanted)?.ok;
  return ok === undefined ? '-' : ok ? 'ok' : 'no';
}

function markColour(mark: string): Colour | undefined {
  return mark === 'ok' ? 'green' : mark === 'no' ? 'red' : undefined;
}

function backendTable(backends: readonly Backend[], colour: boolean): string {
  return renderTable(
    [
      { title: 'BACKEND' },
      { title: 'STATE', colour: stateColour },
      { title: 'SINCE', align: 'right' },
      { title: 'CHECKS', align: 'right' },
      { title: 'FAILED', align: 'right' },
      { title: 'IN A ROW', align: 'right' },
      { title: 'LAST CHECK', align: 'right' },
      { title: 'RESULT' },
      { title: 'URL' },
    ],
    backends.map(backend => [
      backend.id,
      backend.state,
      shortSpan(backend.since_ms),
      String(backend.checks),
      String(backend.failures),
      String(backend.failures_in_row),
      optional(backend.last_check_ms, shortSpan),
      backend.last_result ?? 'not checked yet',
      backend.url,
    ]),
    colour,
  );
}

function optional(value: number | undefined, format: (value: number) => string, absent = '-'): string {
  return value === undefined ? absent : format(value);
}

/** Settings are shown as they are set: 500 ms, 1.5 s, 24 s. */
function exactSpan(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}

function skew(ms: number): string {
  const sign = ms > 0 ? '+' : '';
  return Math.abs(ms) < 1_000 ? `${sign}${Math.round(ms)} ms` : `${sign}${(ms / 1_000).toFixed(1)} s`;
}
