/** A small HTTP server that answers as an agent would, and remembers what it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  /** `POST /registration` */
  readonly what: string;
  readonly headers: IncomingMessage['headers'];
  /** Parsed; `undefined` when there was none. */
  readonly body: unknown;
}

/** A document to answer 200 with, or a handler of one's own. */
export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | ((request: IncomingMessage, response: ServerResponse) => void);

export interface CliAgent {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** As after `kill -9`. */
  close(): void;
}

/** Keys are `METHOD /path?query` or `METHOD /path`; everything else is answered with 404. Closed when the test ends. */
export async function cliAgent(answers: Readonly<Record<string, Answer>>): Promise<CliAgent> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void collect(request).then(text => {
      const what = `${request.method} ${request.url}`;
      asked.push({ what, headers: request.headers, body: text === '' ? undefined : JSON.parse(text) });
      const answer = answers[what] ?? answers[what.replace(/\?.*$/, '')] ?? notFound;
      if (typeof answer === 'function') return answer(request, response);
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer.json));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close };
}

const notFound: Answer = { status: 404, json: { error: 'there is nothing at this path', code: 'NOT_FOUND' } };

async function collect(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}
