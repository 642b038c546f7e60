/** The report as Markdown, for an issue or a log. */
import type { Outcome } from '../run.ts';
import { factsOf, newsOf, seconds, stepsOf } from './facts.ts';

/** More would hide the rest; the HTML page has all of them in its drawing. */
const newsMaxCount = 200;

export function markdownReport(outcome: Outcome): string {
  const { conditions, timeline } = outcome;
  const news = newsOf(timeline);
  return [
    `# Drill ${outcome.drill}: ${outcome.passed ? 'passed' : 'FAILED'}`,
    outcome.summary,
    `${outcome.agentsCount} agents, stage \`${outcome.stage}\`, seed ${outcome.seed}, ${new Date(outcome.startedWallMs).toISOString()}, ${seconds(timeline.endMs)}.`,
    '## Conditions',
    table(
      ['', 'kind', 'condition', 'seen'],
      conditions.map(({ holds, kind, name, seen }) => [holds ? 'ok' : '**FAILED**', kind, name, seen]),
    ),
    '## Figures',
    table(
      ['what', 'measured'],
      factsOf(outcome).map(({ name, value }) => [name, value]),
    ),
    '## What was done',
    table(
      ['at', 'what'],
      stepsOf(timeline).map(({ atMs, text }) => [seconds(atMs), text]),
    ),
    '## Who saw what when',
    news.length > newsMaxCount ? `The first ${newsMaxCount} of ${news.length}.` : '',
    table(
      ['at', 'what'],
      news.slice(0, newsMaxCount).map(({ atMs, text }) => [seconds(atMs), text]),
    ),
    outcome.directory === undefined ? '' : `Data directories and logs: \`${outcome.directory}\``,
  ]
    .filter(part => part !== '')
    .join('\n\n')
    .concat('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'Nothing.';
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** Names come from agents, some of them hostile: nothing in them may end a cell or begin markup. */
function cell(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ').replace(/[\\|<>[\]`]/g, '\\$&');
}
