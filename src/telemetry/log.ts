/** Logs go to standard error, as JSON lines or, on a terminal, as text for people. */
import { pino } from 'pino';
import { type LogEvent, logEvents } from './log-events.ts';

/** Never pass keys, tokens, or bytes from the network. An `error` field may hold an `Error`. */
export type Log = (event: LogEvent, fields?: Readonly<Record<string, unknown>>) => void;

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'pretty' | 'json';
}

export const silentLog: Log = () => {};

export async function createLog(options: LogOptions): Promise<Log> {
  const base = {
    level: options.level,
    base: null,
    messageKey: 'event',
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err },
  };
  // A synchronous destination: a line is never lost when the process is killed right after it.
  const logger =
    options.format === 'json'
      ? pino(base, pino.destination({ fd: 2, sync: true }))
      : pino(base, await prettyStream());
  return (event, fields = {}) => logger[logEvents[event]](fields, event);
}

async function prettyStream() {
  const { default: pretty } = await import('pino-pretty');
  const colour = process.stderr.isTTY === true && process.env.NO_COLOR === undefined;
  return pretty({
    destination: 2,
    sync: true,
    colorize: colour,
    messageKey: 'event',
    translateTime: 'HH:MM:ss.l',
  });
}
