import { assert, describe, it } from 'vitest';
import type { AgentEvent } from '../../../src/core/view.ts';
import { RecentEvents } from '../../../src/runtime/event-log.ts';

function conflict(id: string): AgentEvent {
  return { event: 'conflict', data: { at: '2025-11-24T00:00:00.000Z', id, kind: 'concurrent', authors: [] } };
}

function filled(count: number, keptMaxCount?: number): RecentEvents {
  const events = new RecentEvents({ epoch: 7, ...(keptMaxCount === undefined ? {} : { keptMaxCount }) });
  for (let n = 1; n <= count; n++) events.append(conflict(`event-${n}`));
  return events;
}

function idsSince(events: RecentEvents, lastId: string): readonly string[] | undefined {
  return events.since(lastId)?.map(({ id }) => id);
}

describe('runtime/event-log', () => {
  const table: readonly {
    readonly what: string;
    readonly count: number;
    readonly lastId: string;
    readonly ids: readonly string[] | undefined;
  }[] = [
    { what: 'everything after the beginning', count: 3, lastId: '7-0', ids: ['7-1', '7-2', '7-3'] },
    { what: 'what came after an event', count: 3, lastId: '7-2', ids: ['7-3'] },
    { what: 'nothing after the last', count: 3, lastId: '7-3', ids: [] },
    { what: 'nothing of an empty log', count: 0, lastId: '7-0', ids: [] },
    { what: 'not what has not happened yet', count: 3, lastId: '7-4', ids: undefined },
    { what: 'not another epoch', count: 3, lastId: '6-1', ids: undefined },
    { what: 'not an id without a number', count: 3, lastId: '7-', ids: undefined },
    { what: 'not a negative number', count: 3, lastId: '7--1', ids: undefined },
    { what: 'not a number with something behind it', count: 3, lastId: '7-1 ', ids: undefined },
    { what: 'not an empty id', count: 3, lastId: '', ids: undefined },
    { what: 'all four that are kept', count: 10, lastId: '7-6', ids: ['7-7', '7-8', '7-9', '7-10'] },
    { what: 'the rest after the ring has wrapped', count: 10, lastId: '7-8', ids: ['7-9', '7-10'] },
    { what: 'not what fell out of the ring', count: 10, lastId: '7-5', ids: undefined },
    { what: 'all of a ring that is just full', count: 4, lastId: '7-0', ids: ['7-1', '7-2', '7-3', '7-4'] },
    { what: 'not the first of a ring just overfull', count: 5, lastId: '7-0', ids: undefined },
  ];
  for (const { what, count, lastId, ids } of table) {
    it(`answers ${what}: ${count} events of 4 kept, since ${JSON.stringify(lastId)}`, () => {
      assert.deepEqual(idsSince(filled(count, 4), lastId), ids);
    });
  }

  it('gives back the events as they were, after the ring has wrapped too', () => {
    const events = filled(6, 4);

    assert.deepEqual(
      events.since('7-4')?.map(({ event }) => event),
      [conflict('event-5'), conflict('event-6')],
    );
  });

  it('keeps 10,000 events by default', () => {
    const events = filled(10_001);

    assert.lengthOf(events.since('7-1') ?? [], 10_000);
    assert.isUndefined(events.since('7-0'));
  });

  it('tells each subscriber of each event at once, until it unsubscribes', () => {
    const events = filled(1);
    const heard: string[] = [];
    const unsubscribe = events.subscribe(({ id }) => heard.push(`a ${id}`));
    events.subscribe(({ id }) => heard.push(`b ${id}`));

    events.append(conflict('x'));
    unsubscribe();
    unsubscribe();
    events.append(conflict('y'));

    assert.deepEqual(heard, ['a 7-2', 'b 7-2', 'b 7-3']);
  });

  it('lets a subscriber resume from inside its call', () => {
    const events = filled(2);
    const seen: (readonly string[] | undefined)[] = [];
    events.subscribe(({ id }) => seen.push(idsSince(events, '7-1'), [id]));

    events.append(conflict('x'));

    assert.deepEqual(seen, [['7-2', '7-3'], ['7-3']]);
  });
});
