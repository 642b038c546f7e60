/** `/events`: what happens, as it happens. */
import type { ServerResponse } from 'node:http';
import { type EventKind, eventKinds } from './event-frame.ts';
import type { EventHub } from './event-hub.ts';
import { badQuery, Query } from './query.ts';
import type { Route } from './route.ts';

export function eventRoutes(hub: EventHub): readonly Route[] {
  return [
    {
      operation: 'events',
      method: 'GET',
      paths: ['/events'],
      noHead: true,
      handle: (request, reply) => {
        const query = new Query(request.query);
        const lastEventId = request.headers['last-event-id'];
        const start = hub.prepare({
          filter: { kinds: kindsOf(query), subject: query.nodeId('id') },
          snapshot: query.flag('snapshot') ?? false,
          lastEventId: typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined,
        });
        reply.hijack();
        reply.raw.writeHead(200, {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no', // Asks proxies not to hold events back.
          'x-request-id': request.id,
        });
        start(reply.raw);
        endWith(request.principal.untilWallMs, reply.raw);
        return reply;
      },
    },
  ];
}

/** What a timer takes; a stream that is open for longer is ended then, and its reader comes again. */
const timerMaxMs = 2 ** 31 - 1;

/** A stream ends with the credentials that it was opened with. */
function endWith(untilWallMs: number | undefined, response: ServerResponse): void {
  if (untilWallMs === undefined) return;
  const leftMs = Math.min(timerMaxMs, Math.max(0, untilWallMs - Date.now()));
  const timer = setTimeout(() => response.end(), leftMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
}

function kindsOf(query: Query): ReadonlySet<EventKind> | undefined {
  const names = query.all('kind');
  if (names.length === 0) return undefined;
  const kinds = names.map(name => {
    const kind = eventKinds.find(known => known === name.toLowerCase());
    if (kind === undefined) throw badQuery('kind', `kind must be of ${eventKinds.join(', ')}`);
    return kind;
  });
  return new Set(kinds);
}
