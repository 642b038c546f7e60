/**
 * Hosts on this machine: network namespaces on a bridge that lives in a namespace of its own.
 *
 * A process in one of them sees a network card, an address and nobody but the other hosts; there is no
 * way out of the network. Faults are packets dropped where they arrive (iptables), so a link that is cut
 * falls silent: no reset, no ICMP, as when a cable is pulled. Taking the interface down was rejected:
 * the kernel would tell the sender.
 *
 * Several networks may stand side by side, also of other processes: each takes a block of 256 addresses
 * under 198.18.0.0/16 (set aside for tests, RFC 2544). Names hold the pid of whoever made them, so that
 * what a crashed process left behind can be told from what is in use.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { run, trouble } from './command.ts';

/** Of every namespace and of the one interface outside; the kernel allows 15 characters for that. */
const prefix = 'firsthand-';
const blocksMaxCount = 256;
const hostsMaxCount = 250;
/** The process that made the network reaches it from here. */
const outsideNumber = 254;
const swarmPort = 7_946;
const httpPort = 7_980;
/** The only chain that is ever filled, on what a host receives. */
const chain = 'faults';

export interface Availability {
  readonly ok: boolean;
  /** One sentence; empty when `ok`. */
  readonly reason: string;
}

/** Whether namespaces can be made here and packets dropped in them: tried, not guessed. */
export function available(): Availability {
  if (process.platform !== 'linux') return refused(`network namespaces need Linux, not ${process.platform}`);
  if (process.getuid?.() !== 0) return refused('network namespaces need root');
  for (const [tool, option] of [
    ['ip', '-Version'],
    ['iptables-restore', '--version'],
  ] as const) {
    if (trouble(tool, [option]) !== undefined)
      return refused(`there is no ${tool} (apt-get install iproute2 iptables)`);
  }
  const problem = tryIn(
    name =>
      trouble('ip', ['link', 'add', 'eth0', 'netns', name, 'type', 'veth', 'peer', 'eth1', 'netns', name]) ??
      trouble(
        'ip',
        ['netns', 'exec', name, 'iptables-restore'],
        restoreText([...lossRules(0.5), '-s 198.18.0.1 -j DROP']),
      ),
  );
  return problem === undefined
    ? { ok: true, reason: '' }
    : refused(`this machine does not allow it: ${problem}`);
}

/** Tries something in a namespace that is there for it only. @returns What went wrong. */
export function tryIn(attempt: (name: string) => string | undefined): string | undefined {
  const name = `${prefix}${process.pid}-try`;
  try {
    return trouble('ip', ['netns', 'add', name]) ?? attempt(name);
  } finally {
    trouble('ip', ['netns', 'delete', name]);
  }
}

function refused(reason: string): Availability {
  return { ok: false, reason };
}

export interface NamespaceHost {
  /** Of the namespace, for `ip netns exec`. */
  readonly name: string;
  readonly address: string;
  /** For `AgentProcessOptions`: runs a command in there, as that very process. */
  readonly wrapper: readonly string[];
  /** For `firsthand start`: the usual ports, reachable from the other hosts and from outside. */
  readonly flags: readonly string[];
  /** Of its agent's HTTP shim. */
  readonly url: string;
}

/** What befalls the packets that reach a host. */
interface Faults {
  /** Addresses nothing is heard from. */
  readonly cut: Set<string>;
  /** Addresses no UDP is heard from. */
  readonly cutUdp: Set<string>;
  blocksUdp: boolean;
  udpLoss: number;
  /** Of all packets but those from outside. */
  loss: number;
}

/** The third byte of the network's addresses, and the namespace that holds the bridge. */
interface Block {
  readonly block: number;
  readonly switchName: string;
}

export class NamespaceNetwork {
  readonly hosts: readonly NamespaceHost[];
  /** The interface through which this process reaches the hosts. */
  readonly outside: string;
  /** The address of this process, as the hosts see it. */
  readonly outsideAddress: string;
  readonly #switch: string;
  readonly #faults = new Map<NamespaceHost, Faults>();
  readonly #onExit = () => removeNamespaces(this.#names());

  private constructor({ block, switchName }: Block, hosts: readonly NamespaceHost[]) {
    this.outside = outsideOf(block);
    this.outsideAddress = outsideAddressOf(block);
    this.#switch = switchName;
    this.hosts = hosts;
    for (const host of hosts) this.#faults.set(host, noFaults());
    process.once('exit', this.#onExit);
  }

  /** First takes away what processes that are gone have left behind. @throws Error with what `ip` said. */
  static async open(hostsCount: number): Promise<NamespaceNetwork> {
    if (hostsCount > hostsMaxCount) throw new RangeError(`at most ${hostsMaxCount} hosts`);
    removeNamespaces(abandonedNamespaces());
    const taken = await takeBlock();
    const network = new NamespaceNetwork(
      taken,
      Array.from({ length: hostsCount }, (_, i) => hostOf(taken.block, i + 1)),
    );
    try {
      await network.#connect(taken.block);
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** Nothing from `from` reaches `to` any more; the way back stays open. */
  cut(from: readonly NamespaceHost[], to: readonly NamespaceHost[]): Promise<void> {
    return this.#change(to, (faults, host) => {
      for (const other of from) if (other !== host) faults.cut.add(other.address);
    });
  }

  /** Hosts of different sides hear nothing of each other; a host of no side hears everybody. */
  async partition(...sides: readonly (readonly NamespaceHost[])[]): Promise<void> {
    await Promise.all(
      sides.map(side =>
        this.cut(
          sides.filter(other => other !== side).flatMap(other => [...other]),
          side,
        ),
      ),
    );
  }

  /** Of the UDP datagrams that reach each of these hosts, this share is lost; 0 to 1. */
  loseUdp(share: number, hosts: readonly NamespaceHost[] = this.hosts): Promise<void> {
    return this.#change(hosts, faults => {
      faults.udpLoss = share;
    });
  }

  /** Of all that reaches each of these hosts from other hosts, this share is lost; 0 to 1. */
  lose(share: number, hosts: readonly NamespaceHost[] = this.hosts): Promise<void> {
    return this.#change(hosts, faults => {
      faults.loss = share;
    });
  }

  /** These hosts neither hear nor are heard over UDP; TCP goes on. */
  blockUdp(hosts: readonly NamespaceHost[] = this.hosts): Promise<void> {
    return this.#change(this.hosts, (faults, host) => {
      if (hosts.includes(host)) faults.blocksUdp = true;
      else for (const other of hosts) faults.cutUdp.add(other.address);
    });
  }

  /** Ends every fault. */
  heal(): Promise<void> {
    for (const host of this.hosts) this.#faults.set(host, noFaults());
    return this.#change(this.hosts, () => {});
  }

  /** Ends what still runs in there, and leaves nothing behind. */
  async close(): Promise<void> {
    process.off('exit', this.#onExit);
    removeNamespaces(this.#names());
  }

  #names(): readonly string[] {
    return [...this.hosts.map(({ name }) => name), this.#switch];
  }

  async #connect(block: number): Promise<void> {
    const hosts = this.hosts.map(({ name }, i) => ({ name, port: `port${i + 1}` }));
    await run(
      'ip',
      ['-batch', '-'],
      [
        ...hosts.map(({ name }) => `netns add ${name}`),
        ...hosts.map(
          ({ name, port }) => `link add eth0 netns ${name} type veth peer ${port} netns ${this.#switch}`,
        ),
      ],
    );
    await run(
      'ip',
      ['-netns', this.#switch, '-batch', '-'],
      [
        'link add bridge type bridge',
        'link set bridge up',
        ...['outside', ...hosts.map(({ port }) => port)].flatMap(port => [
          `link set ${port} master bridge`,
          `link set ${port} up`,
        ]),
      ],
    );
    const outside = `${prefix}${block}`;
    await run(
      'ip',
      ['-batch', '-'],
      [
        `link set ${outside} addrgenmode none`,
        `addr add ${this.outsideAddress}/24 dev ${outside}`,
        `link set ${outside} up`,
      ],
    );
    for (const { name, address } of this.hosts) {
      await run(
        'ip',
        ['-netns', name, '-batch', '-'],
        [
          'link set lo up',
          'link set eth0 addrgenmode none',
          `addr add ${address}/24 dev eth0`,
          'link set eth0 up',
        ],
      );
    }
    await this.heal();
  }

  async #change(
    hosts: readonly NamespaceHost[],
    change: (faults: Faults, host: NamespaceHost) => void,
  ): Promise<void> {
    await Promise.all(
      hosts.map(host => {
        const faults = this.#faults.get(host);
        if (faults === undefined) throw new TypeError(`${host.name} is not of this network`);
        change(faults, host);
        return run(
          'ip',
          ['netns', 'exec', host.name, 'iptables-restore'],
          restoreText(rulesOf(faults, this.outsideAddress)),
        );
      }),
    );
  }
}

function hostOf(block: number, number: number): NamespaceHost {
  const name = `${prefix}${process.pid}-${block}-${number}`;
  const address = `198.18.${block}.${number}`;
  return {
    name,
    address,
    wrapper: ['ip', 'netns', 'exec', name],
    flags: ['--listen', `/ip4/${address}/tcp/${swarmPort}`, '--http', `${address}:${httpPort}`],
    url: `http://${address}:${httpPort}`,
  };
}

function outsideAddressOf(block: number): string {
  return `198.18.${block}.${outsideNumber}`;
}

function outsideOf(block: number): string {
  return `${prefix}${block}`;
}

/** The interface outside is named after the block: only one process can make it, so it holds the block. */
async function takeBlock(): Promise<Block> {
  for (let block = 0; block < blocksMaxCount; block++) {
    const outside = outsideOf(block);
    if (existsSync(`/sys/class/net/${outside}`)) continue;
    const switchName = `${prefix}${process.pid}-${block}-switch`;
    await run('ip', ['netns', 'add', switchName]);
    const problem = trouble('ip', [
      'link',
      'add',
      outside,
      'type',
      'veth',
      'peer',
      'outside',
      'netns',
      switchName,
    ]);
    if (problem === undefined) return { block, switchName };
    removeNamespaces([switchName]);
    if (!problem.includes('File exists')) throw new Error(problem);
  }
  throw new Error('every block of addresses under 198.18.0.0/16 is taken');
}

/** Of processes that are gone. */
function abandonedNamespaces(): readonly string[] {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .split('\n')
    .map(line => line.split(' ')[0] ?? '');
  return names.filter(name => {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
}

/** Waits for nothing, so that it can be done while the process exits. A name that is gone already is no error. */
function removeNamespaces(names: readonly string[]): void {
  for (const name of names) {
    if (!existsSync(`/run/netns/${name}`)) continue;
    // Its processes hold a namespace alive. They are ours: nobody else knows the way in.
    for (const pid of pidsIn(name)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself meanwhile.
      }
    }
    // The kernel takes its time over a namespace; the interface outside has to be gone at once.
    trouble('ip', ['-netns', name, 'link', 'delete', 'outside']);
    trouble('ip', ['netns', 'delete', name]);
  }
}

function pidsIn(name: string): readonly number[] {
  try {
    const output = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8', stdio: 'pipe' });
    return output.split('\n').filter(Boolean).map(Number);
  } catch {
    return []; // Somebody else took it away meanwhile.
  }
}

function noFaults(): Faults {
  return { cut: new Set(), cutUdp: new Set(), blocksUdp: false, udpLoss: 0, loss: 0 };
}

function rulesOf(
  { cut, cutUdp, blocksUdp, udpLoss, loss }: Faults,
  outsideAddress: string,
): readonly string[] {
  return [
    ...[...cut].map(address => `-s ${address} -j DROP`),
    ...[...cutUdp].map(address => `-p udp -s ${address} -j DROP`),
    ...(blocksUdp ? ['-p udp -j DROP'] : []),
    ...lossRules(udpLoss),
    ...(loss > 0 ? [`! -s ${outsideAddress} -m statistic --mode random --probability ${loss} -j DROP`] : []),
  ];
}

function lossRules(share: number): readonly string[] {
  return share > 0 ? [`-p udp -m statistic --mode random --probability ${share} -j DROP`] : [];
}

/** The whole filter table, put in place as one: there is no moment with half of the rules. */
function restoreText(rules: readonly string[]): readonly string[] {
  return [
    '*filter',
    ':INPUT ACCEPT',
    `:${chain} -`,
    `-A INPUT -i eth0 -j ${chain}`,
    ...rules.map(rule => `-A ${chain} ${rule}`),
    'COMMIT',
  ];
}
