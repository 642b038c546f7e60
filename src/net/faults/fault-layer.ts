/**
 * Faults in this agent's own transport, for drills on one machine without root.
 *
 * An agent loads this only when it is started with `--fault-injection`; without it nothing here exists. The rules
 * are put in place as a whole, so there is no moment with half of them.
 */
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';
import type { Random } from '../../core/random.ts';
import type { PeerId } from '../../core/record/record.ts';
import type { FaultPort, FaultRule, FaultsView } from '../../runtime/agent-port.ts';
import type { ProbeHandlers } from '../../runtime/ports.ts';
import { faultyHandlers } from './faulty-probes.ts';
import { FaultyStream } from './faulty-stream.ts';
import { clear, type Weather, weatherOf } from './rules.ts';

export interface FaultLayerComponents {
  readonly random: Random;
  /** Who claims to have sent a datagram; `undefined` for what is none of ours. */
  readonly senderOf: (bytes: Uint8Array) => PeerId | undefined;
}

export class FaultLayer implements FaultPort {
  readonly #parts: FaultLayerComponents;
  readonly #streams = new Set<FaultyStream>();
  readonly #weather = new Map<PeerId, Weather>();
  #rules: readonly FaultRule[] = [];
  #datagramsDroppedCount = 0;

  constructor(components: FaultLayerComponents) {
    this.#parts = components;
  }

  set(rules: readonly FaultRule[]): void {
    this.#rules = rules;
    this.#weather.clear();
    for (const stream of this.#streams) stream.weatherChanged();
  }

  view(): FaultsView {
    return {
      rules: this.#rules,
      datagramsDropped: this.#datagramsDroppedCount,
      piecesHeld: [...this.#streams].reduce((sum, { heldCount }) => sum + heldCount, 0),
    };
  }

  /** An encrypter whose connections are behind the rules once it knows who is at the other end. */
  overEncrypter<Components>(
    make: (components: Components) => ConnectionEncrypter,
  ): (components: Components) => ConnectionEncrypter {
    return components => {
      const inner = make(components);
      // What else libp2p asks of an encrypter, it finds at the original.
      return Object.assign(Object.create(inner) as ConnectionEncrypter, {
        secureInbound: async (...args: Parameters<ConnectionEncrypter['secureInbound']>) =>
          this.#wrapped(await inner.secureInbound(...args)),
        secureOutbound: async (...args: Parameters<ConnectionEncrypter['secureOutbound']>) =>
          this.#wrapped(await inner.secureOutbound(...args)),
      });
    };
  }

  overProbes(handlers: ProbeHandlers): ProbeHandlers {
    return faultyHandlers(handlers, {
      weatherOf: peer => this.#weatherOf(peer),
      senderOf: this.#parts.senderOf,
      random: this.#parts.random,
      onDropped: () => {
        this.#datagramsDroppedCount += 1;
      },
    });
  }

  #wrapped<
    Secured extends { readonly connection: MessageStream; readonly remotePeer: { toString(): string } },
  >(secured: Secured): Secured {
    const peer = secured.remotePeer.toString();
    const stream = new FaultyStream(secured.connection, {
      weather: () => this.#weatherOf(peer),
      random: this.#parts.random,
    });
    this.#streams.add(stream);
    stream.addEventListener('close', () => this.#streams.delete(stream));
    return { ...secured, connection: stream };
  }

  #weatherOf(peer: PeerId): Weather {
    if (this.#rules.length === 0) return clear;
    let weather = this.#weather.get(peer);
    if (weather === undefined) {
      weather = weatherOf(this.#rules, peer);
      this.#weather.set(peer, weather);
    }
    return weather;
  }
}
