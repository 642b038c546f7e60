/** A caller that sees bytes, for what well-behaved clients cannot do. */
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

const deadlineMs = 15_000;

export class RawClient {
  readonly socket: Socket;
  #received = '';
  #closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', text => {
      this.#received += text;
    });
    socket.on('close', () => {
      this.#closed = true;
    });
    socket.on('error', () => {
      // A reset by the server shows as `closed`, which is what the tests look at.
    });
    onTestFinished(() => {
      socket.destroy();
    });
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) });
    const client = new RawClient(socket);
    await until(() => !socket.connecting, 'connected');
    return client;
  }

  get received(): string {
    return this.#received;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** Forgets what came so far. */
  clear(): void {
    this.#received = '';
  }

  /** What came until now once it contains `text`. */
  async until(text: string): Promise<string> {
    await until(
      () => this.#received.includes(text),
      `received ${JSON.stringify(text)}`,
      () => this.#received,
    );
    return this.#received;
  }
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  state: () => unknown = () => '',
): Promise<void> {
  const startedMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMs > deadlineMs) throw new Error(`not ${what} in time: ${state()}`);
    await delay(5);
  }
}

/** The JSON body of an answer, and its status. */
export function parseAnswer(text: string): {
  readonly status: number;
  readonly body: Record<string, unknown>;
} {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
  const body = text.slice(text.indexOf('\r\n\r\n') + 4);
  return { status, body: JSON.parse(body) };
}
