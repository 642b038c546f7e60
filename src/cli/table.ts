/** Aligned columns for people. */
import { safe } from './display.ts';

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

const codes: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 };

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  readonly colour?: (cell: string) => Colour | undefined;
}

export function paint(text: string, colour: Colour | undefined, enabled: boolean): string {
  return enabled && colour !== undefined ? `\u001b[${codes[colour]}m${text}\u001b[0m` : text;
}

/**
 * Cells and notes are made safe here, so that no caller can forget it. Ends with a newline.
 *
 * @param notes - By row: lines that belong to it and fit no column; shown under it, indented.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  colour: boolean,
  notes: readonly (readonly string[])[] = [],
): string {
  const cells = rows.map(row => columns.map((_, index) => safe(row[index] ?? '')));
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...cells.map(row => widthOf(row[index] ?? ''))),
  );
  const line = (row: readonly string[], colourOf: (column: Column, cell: string) => Colour | undefined) =>
    columns
      .map((column, index) => {
        const cell = row[index] ?? '';
        const space = ' '.repeat((widths[index] ?? 0) - widthOf(cell));
        const painted = paint(cell, colourOf(column, cell), colour);
        return column.align === 'right' ? space + painted : painted + space;
      })
      .join('  ')
      .trimEnd();
  const head = line(
    columns.map(column => column.title),
    () => 'bold',
  );
  const body = cells.flatMap((row, index) => [
    line(row, (column, cell) => column.colour?.(cell)),
    ...(notes[index] ?? []).map(note => `  ${safe(note)}`),
  ]);
  return `${[head, ...body].join('\n')}\n`;
}

/** Liveness and health in the colours of a traffic light. */
export function stateColour(state: string): Colour | undefined {
  switch (state) {
    case 'alive':
    case 'connected':
    case 'answering':
    case 'ok':
    case 'healthy':
    case 'healed':
      return 'green';
    case 'suspect':
    case 'dialing':
    case 'contacting':
    case 'waiting':
    case 'suspected':
      return 'yellow';
    case 'dead':
    case 'unhealthy':
    case 'failing':
    case 'isolated':
      return 'red';
    case 'left':
      return 'dim';
    default:
      return undefined;
  }
}

function widthOf(text: string): number {
  return [...text].length;
}
