/** The failure detector's datagrams behind the same rules: dropped or late by who claims to have sent them. */
import type { Random } from '../../core/random.ts';
import type { PeerId } from '../../core/record/record.ts';
import type { ProbeHandlers } from '../../runtime/ports.ts';
import { datagramDelayMs, type Weather } from './rules.ts';

export interface FaultyProbesComponents {
  readonly weatherOf: (peer: PeerId) => Weather;
  /** Who claims to have sent this; `undefined` for what is no datagram of ours. Addresses do not tell: agents ask from sockets of their own. */
  readonly senderOf: (bytes: Uint8Array) => PeerId | undefined;
  readonly random: Random;
  readonly onDropped: () => void;
}

/** Delayed datagrams at once; above, they are lost, as in a full buffer. */
const delayedMaxCount = 10_000;

export function faultyHandlers(handlers: ProbeHandlers, components: FaultyProbesComponents): ProbeHandlers {
  let delayedCount = 0;
  return {
    onDatagram: (address, bytes) => {
      const sender = components.senderOf(bytes);
      if (sender === undefined) return handlers.onDatagram(address, bytes);
      const delayMs = datagramDelayMs(components.weatherOf(sender), components.random);
      if (delayMs === undefined || delayedCount >= delayedMaxCount) return components.onDropped();
      if (delayMs === 0) return handlers.onDatagram(address, bytes);
      delayedCount += 1;
      setTimeout(() => {
        delayedCount -= 1;
        handlers.onDatagram(address, bytes);
      }, delayMs).unref();
    },
    onRefused: peer => {
      // The refusal is a packet too.
      if (components.weatherOf(peer).isCut) components.onDropped();
      else handlers.onRefused(peer);
    },
  };
}
