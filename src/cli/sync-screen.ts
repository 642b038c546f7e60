/** Tables that agree, in one line for `status` and on a screen for `inspect sync`. */
import type { SyncAgreementBody, SyncBody } from './bodies.ts';
import { safe, shortSpan } from './display.ts';
import { renderTable } from './table.ts';

/** Of a root of 32 digits people compare the first four. */
export function shortRoot(root: string): string {
  return root.slice(0, 4);
}

/** `12 of 12 agree, root 9f3a, since 1.2 s`. */
export function agreementLine({ agree, of, root, since_ms, differ }: SyncAgreementBody): string {
  const unheard = of - agree - differ.length;
  const rest = [
    ...(differ.length === 0 ? [] : [`${differ.join(', ')} ${differ.length === 1 ? 'differs' : 'differ'}`]),
    ...(unheard > 0 ? [`${unheard} not heard since the last change`] : []),
  ];
  return [`${agree} of ${of} agree, root ${shortRoot(root)}, since ${shortSpan(since_ms)}`, ...rest].join(
    '; ',
  );
}

export function syncScreen(sync: SyncBody, colour: boolean): string {
  const head = [
    ['root', `${sync.root}, since ${shortSpan(sync.since_ms)}`],
    ['records', `${sync.entries} compared`],
    ['agents', agreementLine(sync.agreement)],
    ['exchanges', `${sync.exchanges} under way`],
  ].map(([label = '', fact = '']) => `${label.padEnd(10)} ${safe(fact)}\n`);
  if (sync.peers.length === 0) return `${head.join('')}no other agent is known\n`;
  const table = renderTable(
    [
      { title: 'AGENT' },
      {
        title: 'TABLE',
        colour: cell => (cell === 'differs' ? 'red' : cell === 'agrees' ? 'green' : undefined),
      },
      { title: 'SINCE', align: 'right' },
      { title: 'ROOT' },
      { title: 'RECORDS', align: 'right' },
      { title: 'HEARD', align: 'right' },
      { title: 'LAST EXCHANGE' },
      { title: 'TOOK', align: 'right' },
      { title: 'IN', align: 'right' },
      { title: 'OUT', align: 'right' },
      { title: 'BYTES', align: 'right' },
      { title: 'LIES', align: 'right', colour: cell => (cell === '0' ? undefined : 'red') },
    ],
    sync.peers.map(({ id, state, since_ms, root, entries, heard_ms, last, bytes, lies }) => [
      id,
      state,
      since_ms === undefined ? '-' : shortSpan(since_ms),
      root === undefined ? '-' : shortRoot(root),
      entries === undefined ? '-' : String(entries),
      heard_ms === undefined ? '-' : shortSpan(heard_ms),
      last === undefined ? '-' : `${last.outcome}, ${shortSpan(last.ago_ms)} ago`,
      last === undefined ? '-' : `${Math.round(last.took_ms)} ms`,
      last === undefined ? '-' : String(last.received),
      last === undefined ? '-' : String(last.sent),
      String(bytes),
      String(lies),
    ]),
    colour,
  );
  return `${head.join('')}\n${table}`;
}
