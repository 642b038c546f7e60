import { assert, describe, it } from 'vitest';
import { placeLabels } from '../../../src/chaos/report/labels.ts';

const room = { rightEdge: 1_000, rowsMaxCount: 2 };
const rows = (...labels: readonly { readonly text: string; readonly x: number }[]) =>
  placeLabels(labels, room).map(({ text, row }) => `${text} ${row}`);

describe('chaos/report/labels', () => {
  it('puts labels beside each other in one row where there is room, else below', () => {
    assert.deepEqual(rows({ text: 'one', x: 0 }, { text: 'two', x: 10 }, { text: 'three', x: 100 }), [
      'one 0',
      'two 1',
      'three 0',
    ]);
  });

  it('leaves out what has no room in any row', () => {
    assert.deepEqual(rows({ text: 'one', x: 5 }, { text: 'two', x: 5 }, { text: 'three', x: 5 }), [
      'one 0',
      'two 1',
    ]);
  });

  it('moves what would stand over the right edge, and clips what is too long', () => {
    const [edge] = placeLabels([{ text: '1234567890', x: 990 }], room);
    const [long] = placeLabels([{ text: 'x'.repeat(100), x: 0 }], room);

    assert.equal(edge?.x, 946);
    assert.equal(long?.text, `${'x'.repeat(59)}…`);
  });
});
