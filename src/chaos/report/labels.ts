/** Where the names of faults stand above the drawing: none over another one. */

export interface Label {
  readonly text: string;
  /** Where its fault begins. */
  readonly x: number;
}

export interface PlacedLabel {
  readonly text: string;
  readonly x: number;
  /** From the top, 0 to `rowsMaxCount - 1`. */
  readonly row: number;
}

/** Of a character of ten pixels' height, a little more than on average. */
const characterWidth = 5.4;
const gap = 8;
const textMaxLength = 60;

/**
 * Each in the first row that has room for it, in order. What finds none is left out: it is in the list of what was
 * done, and under the pointer.
 */
export function placeLabels(
  labels: readonly Label[],
  { rightEdge, rowsMaxCount }: { readonly rightEdge: number; readonly rowsMaxCount: number },
): readonly PlacedLabel[] {
  const taken: { readonly row: number; readonly fromX: number; readonly toX: number }[] = [];
  const placed: PlacedLabel[] = [];
  for (const label of labels) {
    const text = clipped(label.text);
    const width = text.length * characterWidth;
    const x = Math.max(0, Math.min(label.x, rightEdge - width));
    const span = { fromX: x, toX: x + width + gap };
    const isFree = (row: number) =>
      taken.every(other => other.row !== row || other.toX <= span.fromX || other.fromX >= span.toX);
    const row = Array.from({ length: rowsMaxCount }, (_, index) => index).find(isFree);
    if (row === undefined) continue;
    taken.push({ row, ...span });
    placed.push({ text, x, row });
  }
  return placed;
}

function clipped(text: string): string {
  return text.length > textMaxLength ? `${text.slice(0, textMaxLength - 1)}…` : text;
}
