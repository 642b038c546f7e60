/** Hands deliveries of the outbox to HTTP peers, each as one registration. */
import { deliveryOutcome, urlOf } from '../core/bridge/delivery.ts';
import type { DeliveryOutcome } from '../core/outbox/delivery.ts';
import type { Deliverer, DeliveryTarget, HttpPeers } from './ports.ts';

export class HttpDeliverer implements Deliverer {
  readonly #peers: HttpPeers;

  constructor(components: { readonly peers: HttpPeers }) {
    this.#peers = components.peers;
  }

  deliver({ receiver, payload }: DeliveryTarget, onDelivered: (outcome: DeliveryOutcome) => void): void {
    const request = { url: urlOf(receiver), body: Buffer.from(payload).toString() };
    this.#peers.register(request, outcome => onDelivered(deliveryOutcome(outcome)));
  }

  /** The peers are stopped by whom they belong to. */
  stop(): Promise<void> {
    return Promise.resolve();
  }
}
