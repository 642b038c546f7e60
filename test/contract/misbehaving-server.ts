/** A server on loopback that does to its callers what a test tells it to. */

import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';

export class MisbehavingServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections taken so far. */
  connectionsCount = 0;
  port = 0;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.connectionsCount += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {}); // Its callers hang up when they have had enough.
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static http(listener: RequestListener, host = '127.0.0.1'): Promise<MisbehavingServer> {
    const server = createHttpServer({ keepAliveTimeout: 60_000 }, listener);
    return new MisbehavingServer(server).#listen(host);
  }

  /** Below HTTP. */
  static raw(onConnection: (socket: Socket) => void): Promise<MisbehavingServer> {
    const server = createServer(socket => {
      socket.resume();
      onConnection(socket);
    });
    return new MisbehavingServer(server).#listen('127.0.0.1');
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  /** Closes every connection, and goes on listening. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): Promise<void> {
    this.hangUp();
    return new Promise(resolve => {
      this.#server.close(() => resolve());
    });
  }

  #listen(host: string): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, host, () => {
        const address = this.#server.address();
        this.port = typeof address === 'object' && address !== null ? address.port : 0;
        resolve(this);
      });
    });
  }
}
