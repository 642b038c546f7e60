/** A network whose place another one can take while the agent goes on: for an agent that changes its key. */
import type { PeerId } from '../core/record/record.ts';
import type { Standing } from '../core/reputation/reputation.ts';
import { FirsthandError } from '../errors.ts';
import type {
  Clock,
  DialTarget,
  LinkView,
  LocalContact,
  MdnsFinding,
  Network,
  NetworkHandlers,
} from './ports.ts';

/** A port that was just let go may be taken for a moment. */
const startsMaxCount = 10;
const startAgainMs = 200;

export class ReplaceableNetwork implements Network {
  readonly #clock: Clock;
  #current: Network;
  #handlers: NetworkHandlers | undefined;
  /** Bounded by the core, which remembers as many. */
  readonly #standings = new Map<PeerId, Standing>();
  #isStopped = false;

  constructor(first: Network, components: { readonly clock: Clock }) {
    this.#current = first;
    this.#clock = components.clock;
  }

  start(handlers: NetworkHandlers): Promise<LocalContact> {
    this.#handlers = handlers;
    return this.#current.start(handlers);
  }

  /**
   * Ends the present network with all its links, and starts the next one in its place.
   *
   * @param make - Called once for each attempt: a network starts once.
   * @throws FirsthandError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE when the last attempt fails as well.
   */
  async replace(make: () => Network): Promise<void> {
    const handlers = this.#handlers;
    if (handlers === undefined) throw new TypeError('the network was not started');
    const linked = this.#current.links().map(({ peer }) => peer);
    await this.#current.stop();
    for (const peer of linked) handlers.onLinkDown(peer);
    for (let attempt = 1; !this.#isStopped; attempt += 1) {
      this.#current = make();
      for (const [peer, standing] of this.#standings) this.#current.setStanding(peer, standing);
      try {
        await this.#current.start(handlers);
        return;
      } catch (error) {
        if (attempt >= startsMaxCount || !isTaken(error)) throw error;
        await new Promise<void>(resolve => this.#clock.after(startAgainMs, resolve));
      }
    }
  }

  publish(bytes: Uint8Array): void {
    this.#current.publish(bytes);
  }

  send(peer: PeerId, frame: Uint8Array): void {
    this.#current.send(peer, frame);
  }

  dial(target: DialTarget): void {
    this.#current.dial(target);
  }

  hangUp(peer: PeerId): void {
    this.#current.hangUp(peer);
  }

  setStanding(peer: PeerId, standing: Standing): void {
    // The next network has to know as well.
    if (standing === 'good') this.#standings.delete(peer);
    else this.#standings.set(peer, standing);
    this.#current.setStanding(peer, standing);
  }

  ping(peer: PeerId): void {
    this.#current.ping(peer);
  }

  lookUp(peer: PeerId): void {
    this.#current.lookUp(peer);
  }

  examineMdns(): Promise<readonly MdnsFinding[] | undefined> {
    return this.#current.examineMdns();
  }

  links(): readonly LinkView[] {
    return this.#current.links();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.#current.stop();
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof FirsthandError && error.code === 'ADDRESS_IN_USE';
}
