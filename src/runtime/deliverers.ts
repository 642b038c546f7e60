/** Who delivers to whom: by the beginning of the receiver, `http:` or `peer:`. */
import type { DeliveryOutcome } from '../core/outbox/delivery.ts';
import type { Clock, Deliverer, DeliveryTarget } from './ports.ts';

export class Deliverers implements Deliverer {
  readonly #clock: Clock;
  readonly #byScheme = new Map<string, Deliverer>();

  constructor(components: { readonly clock: Clock }) {
    this.#clock = components.clock;
  }

  /** @param scheme - Up to and including the colon. @throws RangeError when it is taken. */
  add(scheme: string, deliverer: Deliverer): void {
    if (this.#byScheme.has(scheme)) throw new RangeError(`two deliver to ${scheme}`);
    this.#byScheme.set(scheme, deliverer);
  }

  deliver(target: DeliveryTarget, onDelivered: (outcome: DeliveryOutcome) => void): void {
    const scheme = target.receiver.slice(0, target.receiver.indexOf(':') + 1);
    const deliverer = this.#byScheme.get(scheme);
    if (deliverer !== undefined) return deliverer.deliver(target, onDelivered);
    // Left by an earlier run that was configured otherwise: no later attempt can do better.
    const detail = `this agent delivers nothing to ${scheme === '' ? target.receiver : scheme}`;
    this.#clock.soon(() => onDelivered({ ok: false, isFinal: true, detail }));
  }

  async stop(): Promise<void> {
    for (const deliverer of this.#byScheme.values()) await deliverer.stop();
  }
}
