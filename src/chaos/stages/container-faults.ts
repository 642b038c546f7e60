/**
 * Faults in the network of a container: packets dropped where they arrive, by the host's iptables.
 *
 * The container needs neither a program nor a right for that, but this process has to be root on the machine
 * where the daemon runs. Only packets of other agents are dropped, so whoever watches from outside sees on.
 * (`docker network disconnect` was rejected: it cuts an agent off from everybody, its watchers too, and the
 * agent sees its card go, which no cut cable does.)
 */

import { run, trouble } from './command.ts';
import { docker } from './docker.ts';
import { type Inbound, InboundFaults } from './network-faults.ts';

export interface Reachable {
  readonly container: string;
  readonly address: string;
  readonly isRunning: boolean;
}

/** The only chain that is ever filled: Docker keeps its name service in others. */
const chain = 'faults';

/** Why packets cannot be dropped here; `undefined` if they can. */
export function packetsProblem(): string | undefined {
  if (process.platform !== 'linux') return `dropping packets needs Linux, not ${process.platform}`;
  if (process.getuid?.() !== 0) return 'dropping packets in the network of a container needs root';
  if (process.env.DOCKER_HOST)
    return 'dropping packets needs the docker daemon of this machine: DOCKER_HOST is set';
  for (const tool of ['nsenter', 'iptables-restore']) {
    if (trouble(tool, ['--version']) !== undefined)
      return `there is no ${tool} (apt-get install util-linux iptables)`;
  }
  return undefined;
}

export class ContainerFaults extends InboundFaults {
  readonly #agentOf: (id: string) => Reachable;
  readonly #others: readonly string[];

  /** @param addresses - Of all agents: what is lost is lost of theirs only. */
  constructor(
    ids: readonly string[],
    addresses: readonly string[],
    components: { readonly agentOf: (id: string) => Reachable },
  ) {
    super(ids);
    this.#others = addresses;
    this.#agentOf = components.agentOf;
  }

  /** A container that starts again has a new network, without rules. */
  override async restore(id: string): Promise<void> {
    await this.apply(id, this.inboundOf(id));
  }

  override async close(): Promise<void> {}

  protected override async apply(id: string, inbound: Inbound): Promise<void> {
    const { container, isRunning } = this.#agentOf(id);
    if (!isRunning) return; // Told when it runs again.
    const pid = await docker('inspect', '--format', '{{.State.Pid}}', container);
    const { cutFrom, loss } = inbound;
    const rules = [
      ...[...cutFrom].map(other => `-s ${this.#agentOf(other).address} -j DROP`),
      ...(loss > 0
        ? this.#others.map(
            address => `-s ${address} -m statistic --mode random --probability ${loss} -j DROP`,
          )
        : []),
    ];
    await run(
      'nsenter',
      ['--target', pid, '--net', 'iptables-restore'],
      [
        '*filter',
        ':INPUT ACCEPT',
        `:${chain} -`,
        `-A INPUT -i eth0 -j ${chain}`,
        ...rules.map(rule => `-A ${chain} ${rule}`),
        'COMMIT',
      ],
    );
  }
}
