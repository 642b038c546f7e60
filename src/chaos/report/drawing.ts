/**
 * The timeline as one SVG: a lane for each agent, in it a row for each other agent in the colour of what the lane's
 * agent thought of it. Faults are bands across all lanes, darker where they are aimed. Below, when tables differed.
 */
import type { State, Timeline } from '../timeline.ts';
import { figuresOf } from '../verdict.ts';
import { escaped } from './escape.ts';
import { seconds } from './facts.ts';
import { placeLabels } from './labels.ts';

const width = 1_000;
const gutter = 86;
const plotWidth = width - gutter - 10;
const rowHeight = 6;
const laneGap = 10;
const laneMinHeight = 24;
const labelHeight = 13;
const labelRowsMaxCount = 8;

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface StateSpan extends Span {
  readonly state: State;
}

export function drawing(timeline: Timeline): string {
  const { agents, endMs } = timeline;
  const x = (ms: number) =>
    round(gutter + (Math.max(0, Math.min(ms, endMs)) / Math.max(1, endMs)) * plotWidth);
  const bar = (span: Span, y: number, height: number, attributes: string, title: string) =>
    `<rect x="${x(span.fromMs)}" y="${y}" width="${Math.max(0.5, round(x(span.toMs) - x(span.fromMs)))}" height="${height}" ${attributes}><title>${escaped(title)}</title></rect>`;

  const labels = placeLabels(
    timeline.windows.map(({ title, fromMs }) => ({ text: title, x: x(fromMs) + 2 })),
    { rightEdge: width - 10, rowsMaxCount: labelRowsMaxCount },
  );
  const top = (1 + Math.max(0, ...labels.map(({ row }) => row))) * labelHeight + 6;
  const laneHeight = Math.max(laneMinHeight, (agents.length - 1) * rowHeight);
  const laneTop = (index: number) => top + index * (laneHeight + laneGap);
  const lanesEnd = laneTop(agents.length);
  const height = lanesEnd + 50;

  const bands = timeline.windows.map(window => {
    const span = { fromMs: window.fromMs, toMs: window.toMs ?? endMs };
    const aimed = agents
      .map((agent, lane) =>
        window.targets.includes(agent)
          ? bar(span, laneTop(lane) - 3, laneHeight + 6, 'class="aimed"', window.title)
          : '',
      )
      .join('');
    return `${bar(span, top - 4, lanesEnd - top, 'class="band"', window.title)}${aimed}`;
  });
  const names = labels.map(
    ({ text, x, row }) =>
      `<text x="${round(x)}" y="${(row + 1) * labelHeight - 2}" class="label">${escaped(text)}</text>`,
  );

  const lanes = agents.map((observer, lane) => {
    const others = agents.filter(agent => agent !== observer);
    const step = laneHeight / Math.max(1, others.length);
    const rows = others.flatMap((subject, row) =>
      statesOf(timeline, observer, subject).map(span =>
        bar(
          span,
          round(laneTop(lane) + row * step),
          round(Math.max(1, step - 1)),
          `class="${span.state}"`,
          `${observer}: ${subject} is ${span.state}, ${seconds(span.fromMs)} to ${seconds(span.toMs)}`,
        ),
      ),
    );
    const gone = goneSpans(timeline, observer).map(span =>
      bar(span, laneTop(lane), laneHeight, 'class="gone"', `${observer} does not run`),
    );
    return `<text x="${gutter - 8}" y="${laneTop(lane) + laneHeight / 2 + 4}" text-anchor="end">${escaped(observer)}</text>${rows.join('')}${gone.join('')}`;
  });

  const differing = figuresOf(timeline).divergences.map(({ fromMs, toMs = endMs, rootsMaxCount }) =>
    bar(
      { fromMs, toMs },
      lanesEnd + 2,
      10,
      'class="differ"',
      `${rootsMaxCount} different tables, ${seconds(fromMs)} to ${seconds(toMs)}`,
    ),
  );
  const axis = ticks(endMs).map(
    ms =>
      `<line x1="${x(ms)}" x2="${x(ms)}" y1="${top - 4}" y2="${lanesEnd + 16}" class="tick"/><text x="${x(ms)}" y="${lanesEnd + 30}" text-anchor="middle">${ms / 1_000} s</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Timeline of the drill">
${bands.join('\n')}
${names.join('\n')}
${axis.join('')}
${lanes.join('\n')}
<text x="${gutter - 8}" y="${lanesEnd + 11}" text-anchor="end">tables</text>${differing.join('')}
</svg>`;
}

/** What an observer thought of one other agent, while it ran. */
export function statesOf(timeline: Timeline, observer: string, subject: string): readonly StateSpan[] {
  const spans: StateSpan[] = [];
  let open: { readonly fromMs: number; readonly state: State } | undefined;
  const close = (toMs: number) => {
    if (open !== undefined && toMs > open.fromMs) spans.push({ ...open, toMs });
    open = undefined;
  };
  for (const entry of timeline.entries) {
    if (entry.type === 'process' && entry.agent === observer && !entry.isRunning) close(entry.atMs);
    if (entry.type !== 'liveness' || entry.observer !== observer || entry.subject !== subject) continue;
    if (open?.state === entry.to) continue;
    close(entry.atMs);
    open = { fromMs: entry.atMs, state: entry.to };
  }
  close(timeline.endMs);
  return spans;
}

function goneSpans({ entries, endMs }: Timeline, agent: string): readonly Span[] {
  const spans: Span[] = [];
  let fromMs: number | undefined;
  for (const entry of entries) {
    if (entry.type !== 'process' || entry.agent !== agent) continue;
    if (!entry.isRunning) fromMs ??= entry.atMs;
    else if (fromMs !== undefined) {
      spans.push({ fromMs, toMs: entry.atMs });
      fromMs = undefined;
    }
  }
  return fromMs === undefined ? spans : [...spans, { fromMs, toMs: endMs }];
}

/** About ten, at round numbers. */
export function ticks(endMs: number): readonly number[] {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600].map(step => step * 1_000);
  const step = steps.find(each => endMs / each <= 12) ?? 3_600_000;
  return Array.from({ length: Math.floor(endMs / step) + 1 }, (_, index) => index * step);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
