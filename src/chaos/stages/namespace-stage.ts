/** Agents on hosts of their own on this machine: network namespaces, disturbed by the kernel. Needs root. */
import type { Fault, StageKind, StageOptions } from '../stage.ts';
import { delayProblem, HostDelay } from './host-delay.ts';
import { LocalStage } from './local-stage.ts';
import { available, type NamespaceHost, NamespaceNetwork, tryIn } from './namespaces.ts';
import type { NetworkFaults } from './network-faults.ts';
import { diskProblem } from './small-disk.ts';
import { clockProblem } from './steered-clock.ts';

export const namespaceStage: StageKind = {
  name: 'namespace',
  summary: 'agents in network namespaces, cut off and delayed by the kernel; root, Linux',
  unusable: async () => {
    const { ok, reason } = available();
    return ok ? undefined : reason;
  },
  lacks: async (fault: Fault) => {
    if (fault === 'latency') return tryIn(delayProblem);
    if (fault === 'disk') return diskProblem();
    if (fault === 'clock') return clockProblem();
    return undefined;
  },
  open: async (options: StageOptions) => {
    const network = await NamespaceNetwork.open(options.agentsCount);
    try {
      return await LocalStage.open(
        {
          name: 'namespace',
          ownAddress: network.outsideAddress,
          seats: network.hosts.map(({ flags, wrapper, url }) => ({ flags, wrapper, url })),
          network: ids => new NamespaceFaults(ids, network),
        },
        options,
      );
    } catch (error) {
      await network.close();
      throw error;
    }
  },
};

class NamespaceFaults implements NetworkFaults {
  readonly #network: NamespaceNetwork;
  readonly #hosts: ReadonlyMap<string, NamespaceHost>;
  readonly #delays: ReadonlyMap<string, HostDelay>;

  constructor(ids: readonly string[], network: NamespaceNetwork) {
    this.#network = network;
    this.#hosts = new Map(ids.map((id, index) => [id, network.hosts[index] as NamespaceHost]));
    this.#delays = new Map(
      [...this.#hosts].map(([id, host]) => [id, new HostDelay(host, network.outsideAddress)]),
    );
  }

  cut(from: readonly string[], to: readonly string[]): Promise<void> {
    return this.#network.cut(this.#hostsOf(from), this.#hostsOf(to));
  }

  loss(share: number, ids: readonly string[]): Promise<void> {
    return this.#network.lose(share, this.#hostsOf(ids));
  }

  async latency(
    delay: { readonly ms: number; readonly jitterMs: number },
    ids: readonly string[],
  ): Promise<void> {
    await Promise.all(ids.map(id => this.#delays.get(id)?.set(delay)));
  }

  async heal(): Promise<void> {
    await this.#network.heal();
    await Promise.all([...this.#delays.values()].map(delay => delay.end()));
  }

  /** The host is disturbed, whatever process runs there. */
  async restore(): Promise<void> {}

  async close(): Promise<void> {
    await this.#network.close();
  }

  #hostsOf(ids: readonly string[]): readonly NamespaceHost[] {
    return ids.map(id => {
      const host = this.#hosts.get(id);
      if (host === undefined) throw new TypeError(`${id} is not on this stage`);
      return host;
    });
  }
}
