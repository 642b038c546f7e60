/** The outbox on one screen: how full it is, a row for each receiver, and what did not arrive. */
import type { OutboxBody } from './bodies.ts';
import { count, localTime, safe, shortSpan } from './display.ts';
import { paint, renderTable } from './table.ts';

/** Dead letters shown; `--json` has more. */
const lettersMaxCount = 20;

export function outboxScreen(outbox: OutboxBody, colour: boolean): string {
  const parts = [
    head(outbox, colour),
    outbox.receivers.length === 0 ? 'nothing waits for anybody\n' : receiverTable(outbox, colour),
    ...(outbox.dead_letters.length === 0 ? [] : [letterTable(outbox, colour)]),
  ];
  return parts.join('\n');
}

function head(outbox: OutboxBody, colour: boolean): string {
  const { counts } = outbox;
  const dead = counts.refused + counts.expired + counts.damaged;
  const lines = [
    `waiting    ${outbox.entries} of at most ${outbox.entries_max}, ${outbox.bytes} bytes`,
    `so far     ${counts.enqueued} enqueued, ${counts.superseded} superseded, ${counts.delivered} delivered, ${dead} dead, ${counts.turned_away} turned away`,
  ];
  if (outbox.damaged.length > 0) {
    const names = outbox.damaged.map(safe).join(', ');
    lines.push(paint(`damaged    found at start, and not delivered: ${names}`, 'red', colour));
  }
  return `${lines.join('\n')}\n`;
}

function receiverTable({ receivers }: OutboxBody, colour: boolean): string {
  return renderTable(
    [
      { title: 'RECEIVER' },
      { title: 'STATE', colour: cell => (cell === 'stuck' ? 'red' : undefined) },
      { title: 'DEPTH', align: 'right' },
      { title: 'OLDEST', align: 'right' },
      { title: 'ATTEMPTS', align: 'right' },
      { title: 'FAILED IN ROW', align: 'right' },
      { title: 'NEXT TRY', align: 'right' },
      { title: 'BREAKER', colour: cell => (cell === 'open' ? 'red' : undefined) },
      { title: 'RESPONSE', align: 'right' },
      { title: 'LAST ERROR' },
    ],
    receivers.map(row => [
      row.receiver,
      row.state,
      String(row.depth),
      row.oldest_ms === undefined ? '-' : shortSpan(row.oldest_ms),
      String(row.attempts),
      String(row.failures_in_row),
      row.next_try_in_ms === undefined ? '-' : shortSpan(row.next_try_in_ms),
      row.breaker,
      row.response_ms === undefined ? '-' : `${row.response_ms.toFixed(1)} ms`,
      row.last_error ?? '',
    ]),
    colour,
  );
}

function letterTable({ dead_letters, dead_letters_count }: OutboxBody, colour: boolean): string {
  const shown = dead_letters.slice(0, lettersMaxCount);
  const table = renderTable(
    [
      { title: 'DEAD SINCE' },
      { title: 'RECEIVER' },
      { title: 'ABOUT' },
      { title: 'KIND' },
      { title: 'REASON' },
      { title: 'DETAIL' },
    ],
    shown.map(letter => [
      localTime(letter.died_at_ms),
      letter.receiver,
      letter.subject ?? '-',
      letter.kind,
      letter.reason,
      letter.detail,
    ]),
    colour,
  );
  const more = dead_letters_count - shown.length;
  return more > 0 ? `${table}and ${count(more, 'older dead letter')}\n` : table;
}
