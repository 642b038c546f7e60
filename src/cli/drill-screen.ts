/** What `chaos` shows in a terminal. */
import { factsOf } from '../chaos/report/facts.ts';
import type { Outcome } from '../chaos/run.ts';
import { count, safe } from './display.ts';
import { paint, renderTable } from './table.ts';

export interface DrillRow {
  readonly name: string;
  readonly summary: string;
  readonly agents_min: number;
  readonly stages: readonly { readonly stage: string; readonly refusals: readonly string[] }[];
}

export function drillList(
  rows: readonly DrillRow[],
  kinds: readonly { readonly name: string; readonly summary: string }[],
  colour: boolean,
): string {
  const drills = rows.map(({ name, summary, agents_min, stages }) => {
    const can = stages.filter(({ refusals }) => refusals.length === 0).map(({ stage }) => stage);
    const cannot = stages
      .filter(({ refusals }) => refusals.length > 0)
      .map(({ stage, refusals }) => `  not on ${stage}: ${refusals.join('; ')}\n`);
    const where = can.length === 0 ? paint('nowhere here', 'red', colour) : `on ${can.join(', ')}`;
    return `${paint(safe(name), 'bold', colour)}  (${where}; ${agents_min} agents or more)\n  ${safe(summary)}\n${cannot.join('')}`;
  });
  const stages = kinds.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}\n`);
  return `${drills.join('\n')}\nstages:\n${stages.join('')}`;
}

export function stepLine(atMs: number, text: string): string {
  return `${(atMs / 1_000).toFixed(1).padStart(7)} s  ${safe(text)}\n`;
}

export function outcomeScreen(
  outcome: Outcome,
  reports: { readonly markdown: string; readonly html: string },
  colour: boolean,
): string {
  const facts = factsOf(outcome);
  const width = Math.max(...facts.map(({ name }) => name.length));
  const figures = facts.map(({ name, value }) => `  ${safe(name).padEnd(width)}  ${safe(value)}\n`).join('');
  const conditions = renderTable(
    [
      { title: '', colour: cell => (cell === 'ok' ? 'green' : 'red') },
      { title: 'KIND' },
      { title: 'CONDITION' },
      { title: 'SEEN' },
    ],
    outcome.conditions.map(({ holds, kind, name, seen }) => [holds ? 'ok' : 'FAILED', kind, name, seen]),
    colour,
  );
  const failed = outcome.conditions.filter(({ holds }) => !holds).length;
  const verdict =
    failed === 0
      ? paint('passed', 'green', colour)
      : paint(`FAILED: ${count(failed, 'condition does', 'conditions do')} not hold`, 'red', colour);
  const kept = outcome.directory === undefined ? '' : `data  ${outcome.directory}\n`;
  return `\n${figures}\n${conditions}\n${outcome.drill}: ${verdict}\nreport  ${reports.html}\n        ${reports.markdown}\n${kept}\n`;
}

export function summaryScreen(
  outcomes: readonly Outcome[],
  others: { readonly refused: number; readonly brokenOff: number },
  colour: boolean,
): string {
  const table = renderTable(
    [
      { title: 'DRILL' },
      { title: 'VERDICT', colour: cell => (cell === 'passed' ? 'green' : 'red') },
      { title: 'CONDITIONS', align: 'right' },
      { title: 'TOOK', align: 'right' },
      { title: 'SEED', align: 'right' },
    ],
    outcomes.map(({ drill, passed, conditions, timeline, seed }) => [
      drill,
      passed ? 'passed' : 'FAILED',
      `${conditions.filter(({ holds }) => holds).length}/${conditions.length}`,
      `${Math.round(timeline.endMs / 1_000)} s`,
      String(seed),
    ]),
    colour,
  );
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const verdict =
    failed === 0
      ? paint(`all ${outcomes.length} passed`, 'green', colour)
      : paint(`${failed} of ${outcomes.length} failed`, 'red', colour);
  const left = others.refused === 0 ? '' : `, ${others.refused} left out`;
  const broken = others.brokenOff === 0 ? '' : paint(`, ${others.brokenOff} broken off`, 'red', colour);
  return `${table}\n${verdict}${broken}${left}\n`;
}
