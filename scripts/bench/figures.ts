/** What a benchmark measured, and how it is shown. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The least that is acceptable on two cores; absent where the figure is for information. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number };
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank; `percent` in (0, 100]. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Median and worst case; a goal for each, where there is one. */
export function spreadMs(
  name: string,
  valuesMs: readonly number[],
  goalsMs: { readonly p50?: number; readonly p99?: number },
): readonly Figure[] {
  return ([50, 99] as const).map(percent => {
    const goalMs = percent === 50 ? goalsMs.p50 : goalsMs.p99;
    return {
      name: `${name}, p${percent}`,
      value: percentile(valuesMs, percent),
      unit: 'ms',
      ...(goalMs === undefined ? {} : { goal: { atMost: goalMs } }),
    };
  });
}

/** Something that must not happen at all. */
export function never(name: string, value: number, unit: string): Figure {
  return { name, value, unit, goal: { atMost: 0 } };
}

export function isReached({ value, goal }: Figure): boolean {
  if (goal === undefined) return true;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}

export function printTable(figures: readonly Figure[]): void {
  const rows = figures.map(figure => [
    figure.name,
    `${figure.value >= 100 ? figure.value.toFixed(0) : figure.value.toPrecision(3)} ${figure.unit}`,
    goalText(figure),
    figure.goal === undefined ? '' : isReached(figure) ? 'reached' : 'missed',
  ]);
  const widths = [0, 1, 2, 3].map(column => Math.max(...rows.map(row => (row[column] ?? '').length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function goalText({ goal, unit }: Figure): string {
  if (goal === undefined) return '';
  return 'atMost' in goal ? `at most ${goal.atMost} ${unit}` : `at least ${goal.atLeast} ${unit}`;
}
