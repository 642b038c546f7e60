/** Writing what is already serialised. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Pieces } from './fragment-list.ts';

export const jsonType = 'application/json; charset=utf-8';

/** Above this the pieces go to the socket one by one; below, copying them together is cheaper (measured). */
const gatherMaxBytes = 128 * 1_024;

/** Answers, 200 unless the reply says otherwise, with `head`, the pieces and `tail`, which together are one JSON document. */
export function sendPieces(reply: FastifyReply, head: string, pieces: Pieces, tail: string): FastifyReply {
  const first = Buffer.from(head);
  const last = Buffer.from(tail);
  const byteLength = first.length + pieces.byteLength + last.length;
  const parts = [first, ...pieces.parts, last];
  if (byteLength <= gatherMaxBytes) return reply.type(jsonType).send(Buffer.concat(parts, byteLength));

  const headers = reply.type(jsonType).header('content-length', byteLength).getHeaders();
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(reply.statusCode, headers as OutgoingHttpHeaders);
  raw.cork();
  for (const part of parts) raw.write(part);
  raw.end();
  return reply;
}
