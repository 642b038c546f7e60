/** The report as one page that needs nothing else: no script, no font, no picture from anywhere. */
import type { Outcome } from '../run.ts';
import { drawing } from './drawing.ts';
import { escaped } from './escape.ts';
import { factsOf, newsOf, seconds, stepsOf } from './facts.ts';
import { style } from './style.ts';

/** A page with more rows than that is slow to open, and nobody reads it. */
const newsMaxCount = 2_000;

export function htmlReport(outcome: Outcome): string {
  const { timeline, conditions } = outcome;
  const failed = conditions.filter(({ holds }) => !holds).length;
  const verdict = outcome.passed
    ? `passed: all ${conditions.length} conditions hold`
    : `failed: ${failed} of ${conditions.length} conditions ${failed === 1 ? 'does' : 'do'} not hold`;
  const news = newsOf(timeline);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`Drill ${outcome.drill}: ${outcome.passed ? 'passed' : 'failed'}`)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escaped(outcome.drill)} <span class="${outcome.passed ? 'passed' : 'failed'}">${escaped(verdict)}</span></h1>
<p>${escaped(outcome.summary)}</p>
<p class="meta">${escaped(`${outcome.agentsCount} agents, stage ${outcome.stage}, seed ${outcome.seed}, ${new Date(outcome.startedWallMs).toISOString()}, ${seconds(timeline.endMs)}`)}</p>
</header>
<section>
<h2>Who saw what when</h2>
<p class="legend">In the lane of an agent, a row for each other agent:
<i class="key alive"></i>alive <i class="key suspect"></i>suspect <i class="key dead"></i>dead <i class="key left"></i>left
<i class="key gone"></i>does not run itself <i class="key band"></i>fault <i class="key aimed"></i>aimed at this agent
<i class="key differ"></i>tables differ. Hold the pointer over anything for its times.</p>
${drawing(timeline)}
</section>
<section>
<h2>Conditions</h2>
${table(
  ['', 'kind', 'condition', 'seen'],
  conditions.map(({ holds, kind, name, seen }) => ({
    cells: [holds ? 'ok' : 'FAILED', kind, name, seen],
    isBad: !holds,
  })),
)}
</section>
<section>
<h2>Figures</h2>
${table(
  ['what', 'measured'],
  factsOf(outcome).map(({ name, value }) => ({ cells: [name, value] })),
)}
</section>
<section>
<h2>What was done</h2>
${table(
  ['at', 'what'],
  stepsOf(timeline).map(({ atMs, text }) => ({ cells: [seconds(atMs), text] })),
)}
</section>
<section>
<details>
<summary>All that the agents said: ${news.length}${news.length > newsMaxCount ? `, the first ${newsMaxCount}` : ''}</summary>
${table(
  ['at', 'what'],
  news.slice(0, newsMaxCount).map(({ atMs, text }) => ({ cells: [seconds(atMs), text] })),
)}
</details>
${outcome.directory === undefined ? '' : `<p>Data directories and logs: <code>${escaped(outcome.directory)}</code></p>`}
</section>
</body>
</html>
`;
}

interface Row {
  readonly cells: readonly string[];
  readonly isBad?: boolean;
}

function table(head: readonly string[], rows: readonly Row[]): string {
  const body = rows.map(
    ({ cells, isBad }) =>
      `<tr${isBad === true ? ' class="bad"' : ''}>${cells.map(cell => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table>
<thead><tr>${head.map(cell => `<th>${escaped(cell)}</th>`).join('')}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table></div>`;
}
