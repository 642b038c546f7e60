/** Looks for what is wrong around this agent, and says for each finding which line mends it. */
import type { Protocol } from '../core/protocol.ts';
import { compareText } from '../core/record/record.ts';
import type { Tracked } from '../core/swim/member.ts';
import type { DoctorCheck } from './agent-port.ts';
import type { Driver } from './driver.ts';
import type { Clock, Network } from './ports.ts';

export interface DoctorLimits {
  readonly fullMeshMaxCount: number;
  readonly hostedMaxCount: number;
  readonly driftMaxMs: number;
}

export interface DoctorComponents {
  readonly protocol: Protocol;
  readonly driver: Pick<Driver, 'feed'>;
  readonly network: Pick<Network, 'examineMdns'>;
  readonly clock: Clock;
  readonly loopDelayMs: () => number;
  /** Files this process may open; `undefined` where that cannot be told. */
  readonly openFilesMax: () => number | undefined;
  /** Where others send their probes, once that is known. */
  readonly ownProbe: () => string | undefined;
  /** Whether the agent was started for a drill. */
  readonly takesFaults: boolean;
}

/** Peers that are tried; two, so that one broken machine does not blame this one. */
const peersTriedCount = 2;
const udpWaitMs = 2_500;
const lookEveryMs = 50;
/** Above this, timers are so late that healthy peers look silent. Guess: half of an ack timeout's lower bound. */
const loopDelayMaxMs = 100;
/** Half of what the records of a peer may be ahead. */
const skewShare = 0.5;
const fullShare = 0.9;

export class Doctor {
  readonly #limits: DoctorLimits;
  readonly #parts: DoctorComponents;

  constructor(limits: DoctorLimits, components: DoctorComponents) {
    this.#limits = limits;
    this.#parts = components;
  }

  /** Takes some seconds, for it waits for answers. */
  async examine(): Promise<readonly DoctorCheck[]> {
    const [udp, mdns] = await Promise.all([this.#udp(), this.#mdns()]);
    return [
      ...this.#clocks(),
      this.#eventLoop(),
      ...udp,
      ...mdns,
      ...this.#tables(),
      this.#openFiles(),
      ...this.#faults(),
    ];
  }

  #clocks(): readonly DoctorCheck[] {
    const measured = [...this.#parts.protocol.detector.members()]
      .flatMap(({ id, state, skewMs }) => (state === 'alive' && skewMs !== undefined ? [{ id, skewMs }] : []))
      .sort((a, b) => a.skewMs - b.skewMs);
    const median = measured[Math.floor(measured.length / 2)]?.skewMs;
    if (median === undefined) return [{ name: 'clock', ok: true, detail: 'no other agent to compare with' }];
    const maxMs = this.#limits.driftMaxMs * skewShare;
    const count = agents(measured.length);
    if (Math.abs(median) > maxMs) {
      const side = median > 0 ? 'behind' : 'ahead of';
      const detail = `this clock is ${seconds(Math.abs(median))} ${side} the median of ${count}`;
      return [{ name: 'clock', ok: false, detail, fix: 'timedatectl set-ntp true' }];
    }
    const odd = measured.filter(({ skewMs }) => Math.abs(skewMs - median) > maxMs);
    return [
      {
        name: 'clock',
        ok: true,
        detail: `${seconds(Math.abs(median))} from the median of ${count}`,
      },
      ...odd.map(({ id, skewMs }): DoctorCheck => {
        const side = skewMs > median ? 'ahead of' : 'behind';
        const detail = `the clock of ${id} is ${seconds(Math.abs(skewMs - median))} ${side} the others`;
        return { name: 'clock', subject: id, ok: false, detail, fix: `on ${id}: timedatectl set-ntp true` };
      }),
    ];
  }

  #eventLoop(): DoctorCheck {
    const delayMs = Math.round(this.#parts.loopDelayMs());
    const detail = `99 % of the event loop's delays are below ${delayMs} ms`;
    if (delayMs <= loopDelayMaxMs) return { name: 'event_loop', ok: true, detail };
    const fix =
      'systemctl set-property firsthand.service CPUWeight=1000   # or move other work off this machine';
    return {
      name: 'event_loop',
      ok: false,
      detail: `${detail}; above ${loopDelayMaxMs} ms it takes healthy agents for silent`,
      fix,
    };
  }

  /** Both ways with a few agents: ours answered by them, theirs arriving here. */
  async #udp(): Promise<readonly DoctorCheck[]> {
    const { protocol, clock, driver } = this.#parts;
    const startMonoMs = clock.now().monoMs;
    const peers = this.#peersToTry();
    if (peers.length === 0) {
      const detail = 'no other agent to try with';
      return [
        { name: 'udp_out', ok: true, detail },
        { name: 'udp_in', ok: true, detail },
      ];
    }
    for (const { peer } of peers) driver.feed({ type: 'look', peer });
    const isDone = () =>
      peers.every(
        ({ lastUdpMonoMs = -1, lastPingMonoMs = -1, peer }) =>
          lastUdpMonoMs >= startMonoMs && (lastPingMonoMs >= startMonoMs || !protocol.links.has(peer)),
      );
    while (!isDone() && clock.now().monoMs - startMonoMs < udpWaitMs) await this.#wait(lookEveryMs);
    return peers.flatMap(member => [this.#outbound(member, startMonoMs), this.#inbound(member, startMonoMs)]);
  }

  #peersToTry(): readonly Tracked[] {
    const { detector, links } = this.#parts.protocol;
    return [...detector.members()]
      .filter(({ state }) => state === 'alive' || state === 'suspect')
      .sort((a, b) => Number(links.has(b.peer)) - Number(links.has(a.peer)) || compareText(a.peer, b.peer))
      .slice(0, peersTriedCount);
  }

  #outbound({ id, address, lastUdpMonoMs = -1, rttMs }: Tracked, startMonoMs: number): DoctorCheck {
    if (lastUdpMonoMs >= startMonoMs) {
      const detail = `${id} answers at ${address}${rttMs === undefined ? '' : ` after ${rttMs.toFixed(1)} ms`}`;
      return { name: 'udp_out', subject: id, ok: true, detail };
    }
    const [host = '', port = ''] = splitAddress(address);
    return {
      name: 'udp_out',
      subject: id,
      ok: false,
      detail: `no datagram of ours is answered by ${id} at ${address}`,
      fix: `iptables -I OUTPUT -p udp -d ${host} --dport ${port} -j ACCEPT   # and on ${id}: iptables -I INPUT -p udp --dport ${port} -j ACCEPT`,
    };
  }

  #inbound({ id, peer, lastPingMonoMs = -1 }: Tracked, startMonoMs: number): DoctorCheck {
    const own = this.#parts.ownProbe() ?? 'unknown';
    if (lastPingMonoMs >= startMonoMs) {
      return { name: 'udp_in', subject: id, ok: true, detail: `datagrams of ${id} arrive at ${own}` };
    }
    if (!this.#parts.protocol.links.has(peer)) {
      const detail = `${id} cannot be asked to send one: there is no connection to it`;
      return { name: 'udp_in', subject: id, ok: false, detail, fix: `firsthand inspect mesh   # says why` };
    }
    const [, port = ''] = splitAddress(own);
    return {
      name: 'udp_in',
      subject: id,
      ok: false,
      detail: `a datagram that ${id} was asked for did not arrive at ${own}`,
      fix: `iptables -I INPUT -p udp --dport ${port} -j ACCEPT   # or give others an address that leads here: --probe-listen`,
    };
  }

  async #mdns(): Promise<readonly DoctorCheck[]> {
    const interfaces = await this.#parts.network.examineMdns();
    if (interfaces === undefined) return [{ name: 'mdns', ok: true, detail: 'switched off' }];
    return interfaces.map(({ name, problem }): DoctorCheck => {
      if (problem === undefined) {
        return { name: 'mdns', subject: name, ok: true, detail: 'hears what it sends' };
      }
      const fix = `ip link set ${name} multicast on   # or where there is no multicast: --no-mdns and --seed`;
      return { name: 'mdns', subject: name, ok: false, detail: problem, fix };
    });
  }

  #tables(): readonly DoctorCheck[] {
    const { detector, hosting } = this.#parts.protocol;
    const { fullMeshMaxCount, hostedMaxCount } = this.#limits;
    return [
      limitCheck('full_mesh_max_count', detector.membersCount + 1, fullMeshMaxCount, 'agents'),
      limitCheck('hosted_max_count', hosting.hostedCount, hostedMaxCount, 'hosted services'),
    ];
  }

  /** A connection each, perhaps twice for a moment, and what the process needs anyway. */
  #openFiles(): DoctorCheck {
    const max = this.#parts.openFilesMax();
    const needed =
      256 + 2 * Math.min(this.#parts.protocol.detector.membersCount, this.#limits.fullMeshMaxCount);
    if (max === undefined) return { name: 'open_files', ok: true, detail: 'no limit can be read here' };
    const detail = `${max} may be open, ${needed} may be needed`;
    if (max >= needed) return { name: 'open_files', ok: true, detail };
    return {
      name: 'open_files',
      ok: false,
      detail,
      fix: `LimitNOFILE=${2 * needed}   # or: ulimit -n ${2 * needed}`,
    };
  }

  /** Says nothing where all is as it should be: hardly any agent is ever started for a drill. */
  #faults(): readonly DoctorCheck[] {
    if (!this.#parts.takesFaults) return [];
    return [
      {
        name: 'fault_injection',
        ok: false,
        detail: 'callers may cut off, delay and lose what this agent receives',
        fix: 'firsthand start …   # without --fault-injection (FIRSTHAND_FAULT_INJECTION, fault_injection)',
      },
    ];
  }

  #wait(ms: number): Promise<void> {
    return new Promise(resolve => this.#parts.clock.after(ms, resolve));
  }
}

function limitCheck(setting: string, count: number, max: number, what: string): DoctorCheck {
  const detail = `${count} of ${max} ${what}`;
  if (count <= max * fullShare) return { name: 'limits', subject: setting, ok: true, detail };
  return { name: 'limits', subject: setting, ok: false, detail, fix: `${setting}: ${2 * max}` };
}

function splitAddress(address: string): readonly [string, string] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), address.slice(colon + 1)];
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function agents(count: number): string {
  return count === 1 ? '1 agent' : `${count} agents`;
}
