/** Datagrams from one host in a network namespace to another one, counted and timed where they arrive. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { NamespaceHost } from '../../src/chaos/stages/namespaces.ts';

const receiver = `
  const socket = require('node:dgram').createSocket('udp4');
  let count = 0, firstMs = 0;
  socket.on('message', bytes => { count += 1; firstMs ||= Date.now() - Number(bytes); });
  socket.bind(Number(process.argv[1]), () => console.log('bound'));
  process.stdin.on('end', () => { console.log(count + ' ' + firstMs); process.exit(); }).resume();`;
const sender = `
  const [host, port, count, waitMs] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket('udp4');
  let left = Number(count);
  const next = () => left-- > 0 ? socket.send(String(Date.now()), Number(port), host, next)
    : setTimeout(() => socket.close(), Number(waitMs));
  next();`;
/** For the last ones to arrive, where they may be late. */
const lateMs = 1_000;

export class Exchange {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** @returns How many of so many arrived. */
  async send(from: NamespaceHost, to: NamespaceHost, count: number): Promise<number> {
    return (await this.#exchange(from, to, count, 0)).count;
  }

  /** @returns How long one took. Both hosts have the clock of this machine. */
  async timeMs(from: NamespaceHost, to: NamespaceHost): Promise<number> {
    return (await this.#exchange(from, to, 1, lateMs)).firstMs;
  }

  async #exchange(from: NamespaceHost, to: NamespaceHost, count: number, waitMs: number) {
    const receiving = inside(to, receiver, this.#port);
    const lines = createInterface({ input: receiving.stdout as NodeJS.ReadableStream });
    await once(lines, 'line');
    await once(inside(from, sender, to.address, this.#port, count, waitMs), 'exit');

    const answer = once(lines, 'line');
    receiving.stdin?.end();
    const [arrived = '', firstMs = ''] = String((await answer)[0]).split(' ');
    return { count: Number(arrived), firstMs: Number(firstMs) };
  }
}

function inside(
  { wrapper: [command = '', ...args] }: NamespaceHost,
  script: string,
  ...more: readonly (string | number)[]
): ChildProcess {
  return spawn(command, [...args, process.execPath, '-e', script, ...more.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}
