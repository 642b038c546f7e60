/**
 * Reads a request's body as text, whatever media type it claims to have.
 *
 * What is too large becomes an answer while the rest of the body is read and thrown away: closing the
 * connection at once would often destroy the answer before the caller has seen it. A body without end
 * runs into the request timeout.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { FirsthandError } from '../errors.ts';

type Done = (error: Error | null, body?: string | FirsthandError) => void;

export function bodyReader(maxBytes: number) {
  return (request: FastifyRequest, payload: IncomingMessage, done: Done): void => {
    const declared = Number(request.headers['content-length']);
    if (declared > maxBytes) {
      payload.resume();
      done(null, tooLarge(maxBytes, declared));
      return;
    }
    collect(payload, maxBytes, done);
  };
}

function collect(payload: IncomingMessage, maxBytes: number, done: Done): void {
  const chunks: Buffer[] = [];
  let received = 0;
  const finish = (error: Error | null, body?: string | FirsthandError) => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    done(error, body);
  };
  const onData = (chunk: Buffer) => {
    received += chunk.length;
    chunks.push(chunk);
    if (received <= maxBytes) return;
    finish(null, tooLarge(maxBytes, received));
    payload.resume();
  };
  const onEnd = () => finish(null, decode(chunks));
  const onError = (cause: Error) =>
    finish(new FirsthandError('INVALID_REQUEST', { text: 'the body ended early' }, cause));
  payload.on('data', onData).on('end', onEnd).on('error', onError);
}

function decode(chunks: readonly Buffer[]): string {
  return (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('utf8');
}

function tooLarge(maxBytes: number, receivedBytes: number): FirsthandError {
  return new FirsthandError('PAYLOAD_TOO_LARGE', {
    text: `the body is larger than ${maxBytes} bytes`,
    max_size_bytes: maxBytes,
    received_size_bytes: receivedBytes,
  });
}

/** The body that was read. @throws FirsthandError PAYLOAD_TOO_LARGE */
export function bodyText(request: FastifyRequest): string {
  const { body } = request;
  if (body instanceof FirsthandError) throw body;
  return typeof body === 'string' ? body : '';
}
