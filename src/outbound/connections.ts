/**
 * Makes connections, and ends those at once that are still being made when nobody wants them any more.
 *
 * An abort signal as an option of the connections would do the same, but Node's sockets never take their listener
 * off it again: 5 to 33 KiB for each target that was ever tried.
 */
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

export class Connections {
  readonly #connect: buildConnector.connector;
  readonly #beingMade = new Set<Socket>();

  /** @param connect - As `undici.buildConnector` makes it. */
  constructor(connect: buildConnector.connector) {
    this.#connect = connect;
  }

  get beingMadeCount(): number {
    return this.#beingMade.size;
  }

  /** For the option of the same name. */
  readonly connect: buildConnector.connector = (options, callback) => {
    // It returns the socket, whatever its type says.
    const socket = this.#connect(options, (...made) => {
      this.#beingMade.delete(socket);
      callback(...made);
    }) as unknown as Socket;
    this.#beingMade.add(socket);
  };

  /** Each fails like one that was refused. */
  stop(): void {
    for (const socket of this.#beingMade) socket.destroy(new Error('nobody wants this connection any more'));
  }
}
