/** What a stage of local processes needs from whoever disturbs the network between them. */
export interface NetworkFaults {
  cut(from: readonly string[], to: readonly string[]): Promise<void>;
  loss(share: number, ids: readonly string[]): Promise<void>;
  latency(delay: { readonly ms: number; readonly jitterMs: number }, ids: readonly string[]): Promise<void>;
  heal(): Promise<void>;
  /** This agent's process is a new one, or runs again after a pause: faults that are in its way count again. */
  restore(id: string): Promise<void>;
  close(): Promise<void>;
}

/** What befalls the messages that reach one agent. */
export interface Inbound {
  readonly cutFrom: ReadonlySet<string>;
  readonly loss: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
}

export const undisturbed: Inbound = { cutFrom: new Set(), loss: 0, latencyMs: 0, jitterMs: 0 };

/** Keeps what befalls each agent, and has it put in place where it changed. */
export abstract class InboundFaults implements NetworkFaults {
  readonly #ids: readonly string[];
  readonly #inbound = new Map<string, Inbound>();

  constructor(ids: readonly string[]) {
    this.#ids = ids;
  }

  cut(from: readonly string[], to: readonly string[]): Promise<void> {
    return this.#change(to, (inbound, id) => ({
      ...inbound,
      cutFrom: new Set([...inbound.cutFrom, ...from.filter(other => other !== id)]),
    }));
  }

  loss(share: number, ids: readonly string[]): Promise<void> {
    return this.#change(ids, inbound => ({ ...inbound, loss: share }));
  }

  latency(delay: { readonly ms: number; readonly jitterMs: number }, ids: readonly string[]): Promise<void> {
    return this.#change(ids, inbound => ({ ...inbound, latencyMs: delay.ms, jitterMs: delay.jitterMs }));
  }

  heal(): Promise<void> {
    return this.#change(this.#ids, () => undisturbed);
  }

  abstract restore(id: string): Promise<void>;
  abstract close(): Promise<void>;

  /** Puts all of it in place as one; called only when it is not what it was. */
  protected abstract apply(id: string, inbound: Inbound): Promise<void>;

  protected inboundOf(id: string): Inbound {
    return this.#inbound.get(id) ?? undisturbed;
  }

  async #change(ids: readonly string[], change: (inbound: Inbound, id: string) => Inbound): Promise<void> {
    await Promise.all(
      ids.map(async id => {
        if (!this.#ids.includes(id)) throw new TypeError(`${id} is not on this stage`);
        const before = this.inboundOf(id);
        const after = change(before, id);
        if (after === before) return;
        this.#inbound.set(id, after);
        await this.apply(id, after);
      }),
    );
  }
}
