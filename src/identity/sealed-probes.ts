/**
 * The failure detector's datagrams behind the cluster's seal: sealed on their way out, opened on their way in.
 *
 * Outside of the codec, so that an ack that is relayed inside another datagram is sealed once and not twice.
 */
import type { ProbeHandlers, ProbePort } from '../runtime/ports.ts';
import type { DatagramSeal } from './datagram-seal.ts';

export interface SealedProbesComponents {
  readonly seal: DatagramSeal;
  /** What came did not open; it is not answered, and nobody looks at it. */
  readonly onRefused: () => void;
}

export class SealedProbes implements ProbePort {
  readonly #port: ProbePort;
  readonly #parts: SealedProbesComponents;

  constructor(port: ProbePort, components: SealedProbesComponents) {
    this.#port = port;
    this.#parts = components;
  }

  send(address: string, bytes: Uint8Array): void {
    this.#port.send(address, this.#parts.seal.seal(bytes));
  }

  ask(peer: string, address: string, bytes: Uint8Array): void {
    this.#port.ask(peer, address, this.#parts.seal.seal(bytes));
  }

  /** What the socket is to call, in front of these. */
  handlers(inner: ProbeHandlers): ProbeHandlers {
    const { seal, onRefused } = this.#parts;
    return {
      onDatagram: (address, bytes) => {
        const plain = seal.open(bytes);
        if (plain === undefined) onRefused();
        else inner.onDatagram(address, plain);
      },
      onRefused: peer => inner.onRefused(peer),
    };
  }
}
