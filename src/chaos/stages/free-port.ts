/** Ports for agents that are restarted: the same again, although nobody holds them meanwhile. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

let lastPort = 12_000 + (process.pid % 15_000);

/**
 * For TCP and UDP on loopback, below the range from which the kernel takes the ports of outgoing
 * connections: nobody must be given it while its agent is down, least of all another agent that dials it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    lastPort = lastPort < 30_000 ? lastPort + 1 : 12_000;
    const port = lastPort;
    if ((await isFreeTcp(port)) && (await isFreeUdp(port))) return port;
  }
}

function isFreeTcp(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function isFreeUdp(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)));
  });
}
