/** Answers to what never became a request: headers too large, too slow, or not HTTP at all. */
import { type ErrorCode, FirsthandError } from '../errors.ts';
import { type ErrorAnswer, errorAnswer } from './error-answer.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** Not from `node:http`: importing that as a module loads Node's whole HTTP client, a tenth of a start. */
const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** @param code - Of the error with which Node's HTTP parser gave up. */
export function clientErrorAnswer(code: string, requestId: string): ErrorAnswer {
  return errorAnswer(new FirsthandError(codes[code] ?? 'INVALID_REQUEST'), requestId);
}

/** The whole answer as it goes to the socket, which has no response object. */
export function rawAnswer({ status, headers, body }: ErrorAnswer): string {
  const json = JSON.stringify(body);
  const lines = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(json)),
    connection: 'close',
    'x-request-id': String(body.request_id),
    ...headers,
  };
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\n${head.join('')}\r\n${json}`;
}
