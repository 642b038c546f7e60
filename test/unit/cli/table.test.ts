import { assert, describe, it } from 'vitest';
import { renderTable, stateColour } from '../../../src/cli/table.ts';

const columns = [
  { title: 'ID' },
  { title: 'N', align: 'right' },
  { title: 'STATE', colour: stateColour },
] as const;

describe('cli/table', () => {
  it('aligns columns to their widest cell and leaves no space at the end of a line', () => {
    const text = renderTable(
      columns,
      [
        ['long-name', '5', 'alive'],
        ['b', '1234', 'dead'],
      ],
      false,
    );

    assert.equal(text, 'ID            N  STATE\nlong-name     5  alive\nb          1234  dead\n');
  });

  it('colours states without shifting columns', () => {
    const rows = [
      ['a', '1', 'suspect'],
      ['b', '2', 'alive'],
    ];

    const coloured = renderTable(
      [...columns, { title: 'LAST' }],
      rows.map(row => [...row, 'x']),
      true,
    );

    assert.include(coloured, '\u001b[33msuspect\u001b[0m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences are what is removed.
    const plain = coloured.replace(/\u001b\[\d+m/g, '');
    assert.equal(
      plain,
      renderTable(
        [...columns, { title: 'LAST' }],
        rows.map(row => [...row, 'x']),
        false,
      ),
    );
  });

  it('shows notes under their row, without widening a column', () => {
    const rows = [
      ['a', '1', 'dead'],
      ['b', '2', 'alive'],
    ];

    const text = renderTable(columns, rows, false, [['a note that is long', 'and\u001b another'], []]);

    assert.equal(
      text,
      'ID  N  STATE\na   1  dead\n  a note that is long\n  and\ufffd another\nb   2  alive\n',
    );
  });

  it('lets no control or direction character of a cell through', () => {
    const text = renderTable([{ title: 'ID' }], [['a\u001b]0;owned\u0007\nb\u009b2J\u202ec\u200f']], false);

    assert.equal(text, 'ID\na\ufffd]0;owned\ufffd\ufffdb\ufffd2J\ufffdc\ufffd\n');
  });
});
