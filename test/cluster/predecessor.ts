/** A node of the predecessor: takes registrations over HTTP, answers with whom it knows, and forgets all when it ends. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PredecessorNode {
  readonly id: string;
  readonly address: string;
  readonly metrics_port: number;
  readonly node_type: string;
  readonly is_load_balancer: boolean;
  readonly capabilities: readonly string[];
  readonly last_updated: number;
}

export class PredecessorServer {
  readonly id: string;
  /** What it was sent, `<action> <id> <address>`, in order; over all its lives. */
  readonly heard: string[] = [];
  readonly #known = new Map<string, PredecessorNode>();
  #server: Server | undefined;
  #port = 0;

  constructor(id: string) {
    this.id = id;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What it says of itself. */
  get node(): PredecessorNode {
    return {
      id: this.id,
      address: `127.0.0.1:${this.#port}`,
      metrics_port: this.#port,
      node_type: 'backend',
      is_load_balancer: false,
      capabilities: ['inference'],
      last_updated: Math.floor(Date.now() / 1_000) - 60,
    };
  }

  /** Starts, or comes back at the same port with an empty registry. */
  async start(): Promise<void> {
    const server = createServer((request, response) => this.#handle(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.knows(this.node);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#known.clear();
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }

  /** As if the node had registered with it. */
  knows(node: PredecessorNode): void {
    this.#known.set(node.id, node);
  }

  addressOf(id: string): string | undefined {
    return this.#known.get(id)?.address;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      if (request.url === '/metrics') return response.end('{"ready":true}');
      if (request.method !== 'POST' || request.url !== '/registration') return response.writeHead(404).end();
      const { action, node } = JSON.parse(Buffer.concat(chunks).toString()) as Registration;
      if (action === 'update' && !this.#known.has(node.id)) return response.writeHead(404).end();
      this.heard.push(`${action} ${node.id} ${node.address}`);
      this.knows(node);
      const peers = [...this.#known.values()].filter(({ id }) => id !== node.id);
      const status = action === 'update' ? 'updated' : 'registered';
      return response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ status, message: `${node.id} is ${status}`, peers }));
    });
  }
}

interface Registration {
  readonly action: 'register' | 'update';
  readonly node: PredecessorNode;
}
