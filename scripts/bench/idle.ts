/** What an agent costs while nothing happens: processor time, and what it sends. */
import { readFile } from 'node:fs/promises';
import { available } from '../../src/chaos/stages/namespaces.ts';
import type { Figure } from './figures.ts';
import { agentsUsualCount, type Fleet, pause, progress, withFleet, withHosts } from './fleet.ts';
import type { BenchOptions } from './options.ts';

const clusterSizes = [5, agentsUsualCount, 50] as const;
const settleMaxSeconds = 30;
/** The kernel counts processor time in these; it has been 100 a second everywhere for decades. */
const tickMs = 10;

/** Sums over all agents since they started; absent where nobody counts it. */
interface Counters {
  readonly cpuMs: number;
  readonly probes: number | undefined;
  readonly probeBytes: number | undefined;
  /** By the host's own counters; of no use on loopback, which all share. */
  readonly datagrams: number;
  readonly bytes: number;
}

/** Mean of an agent per second. */
type Rates = Counters;

export async function idle({ agents, seconds = 60 }: BenchOptions): Promise<readonly Figure[]> {
  const sizes = agents === undefined ? clusterSizes : [agents];
  const figures: Figure[] = [];
  const bySize = new Map<number, Rates>();
  for (const size of sizes) {
    const rates = await withFleet({ agents: size, isFollowed: false }, fleet => measure(fleet, seconds));
    bySize.set(size, rates);
    figures.push(...processFigures(size, rates));
  }
  const [least, most] = [bySize.get(sizes[0] as number), bySize.get(sizes.at(-1) as number)];
  if (sizes.length > 1 && least !== undefined && most !== undefined) {
    const span = `${sizes.at(-1)} to ${sizes[0]} agents`;
    figures.push({ name: `idle: processor time, ${span}`, value: most.cpuMs / least.cpuMs, unit: 'times' });
    if (most.probes !== undefined && least.probes !== undefined)
      figures.push({ name: `idle: datagrams, ${span}`, value: most.probes / least.probes, unit: 'times' });
  }
  figures.push(...(await onTheWire(agents ?? agentsUsualCount, seconds)));
  return figures;
}

function processFigures(size: number, { cpuMs, probes, probeBytes }: Rates): readonly Figure[] {
  const isGoal = size === agentsUsualCount;
  const figure = (what: string, value: number, unit: string, atMost: number): Figure => ({
    name: `idle: ${what}, each of ${size} agents`,
    value,
    unit,
    ...(isGoal ? { goal: { atMost } } : {}),
  });
  const figures = [figure('processor time', cpuMs, 'ms/s', 4)];
  if (probes === undefined || probeBytes === undefined)
    progress('datagrams: not available, this agent does not count what it sends');
  else
    figures.push(
      figure('datagrams sent', probes, 'per s', 5),
      figure('bytes in datagrams sent', probeBytes, 'B/s', 1_000),
    );
  return figures;
}

/** Everything that leaves a host, gossip and sync included, as the host counts it. */
async function onTheWire(agents: number, seconds: number): Promise<readonly Figure[]> {
  const { ok, reason } = available();
  if (!ok) {
    progress(`bytes on the wire: not available, ${reason}`);
    return [];
  }
  const { datagrams, bytes } = await withHosts({ agents, isFollowed: false }, fleet =>
    measure(fleet, seconds),
  );
  return [
    { name: `idle: all UDP datagrams sent, each of ${agents} hosts`, value: datagrams, unit: 'per s' },
    { name: `idle: all bytes sent, each of ${agents} hosts`, value: bytes, unit: 'B/s' },
  ];
}

async function measure(fleet: Fleet, seconds: number): Promise<Rates> {
  const size = fleet.ids.length;
  const settleSeconds = Math.min(settleMaxSeconds, seconds);
  progress(`idle: ${size} agents, ${settleSeconds} s to settle, then ${seconds} s`);
  await pause(settleSeconds * 1_000);
  // Asking costs them something too, so it is done outside of the time that counts.
  const probesBefore = await probeCounters(fleet);
  const before = await hostCounters(fleet);
  const startedMs = performance.now();
  await pause(seconds * 1_000);
  const after = await hostCounters(fleet);
  const agentSeconds = ((performance.now() - startedMs) / 1_000) * size;
  const probesAfter = await probeCounters(fleet);
  const rate = (from: number, to: number) => (to - from) / agentSeconds;
  const probeRate = (key: 'probes' | 'probeBytes') => {
    const [from, to] = [probesBefore[key], probesAfter[key]];
    return from === undefined || to === undefined ? undefined : rate(from, to);
  };
  return {
    cpuMs: rate(before.cpuMs, after.cpuMs),
    datagrams: rate(before.datagrams, after.datagrams),
    bytes: rate(before.bytes, after.bytes),
    probes: probeRate('probes'),
    probeBytes: probeRate('probeBytes'),
  };
}

async function probeCounters(fleet: Fleet): Promise<Pick<Counters, 'probes' | 'probeBytes'>> {
  const texts = await Promise.all(
    fleet.ids.map(async id => (await fetch(`${fleet.agent(id).ready.http}/telemetry`)).text()),
  );
  const sum = (metric: string) => {
    const values = texts.map(text => sentOf(text, metric));
    return values.some(value => value === undefined)
      ? undefined
      : values.reduce((total: number, value) => total + (value ?? 0), 0);
  };
  return { probes: sum('firsthand_probe_datagrams_total'), probeBytes: sum('firsthand_probe_bytes_total') };
}

/** Over all other labels; `undefined` where the metric does not tell what was sent from what came. */
function sentOf(text: string, metric: string): number | undefined {
  const found = [...text.matchAll(new RegExp(`^${metric}\\{[^}]*direction="out"[^}]*\\} (\\S+)`, 'gm'))];
  return found.length === 0 ? undefined : found.reduce((total, [, value]) => total + Number(value), 0);
}

async function hostCounters(fleet: Fleet): Promise<Pick<Counters, 'cpuMs' | 'datagrams' | 'bytes'>> {
  const each = await Promise.all(
    fleet.ids.map(async id => {
      const { pid } = fleet.agent(id);
      const [stat, snmp, device] = await Promise.all(
        ['stat', 'net/snmp', 'net/dev'].map(file => readFile(`/proc/${pid}/${file}`, 'utf8')),
      );
      return {
        cpuMs: cpuMsOf(stat ?? ''),
        datagrams: datagramsOf(snmp ?? ''),
        bytes: bytesOf(device ?? ''),
      };
    }),
  );
  return {
    cpuMs: each.reduce((total, { cpuMs }) => total + cpuMs, 0),
    datagrams: each.reduce((total, { datagrams }) => total + datagrams, 0),
    bytes: each.reduce((total, { bytes }) => total + bytes, 0),
  };
}

/** User and system time: fields 14 and 15, counted from behind the name, which may hold anything. */
function cpuMsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

function datagramsOf(snmp: string): number {
  const [names, values] = snmp
    .split('\n')
    .filter(line => line.startsWith('Udp: '))
    .map(line => line.split(' '));
  return Number(values?.[names?.indexOf('OutDatagrams') ?? -1]);
}

/** Sent through the network card; the ninth number of its line. */
function bytesOf(device: string): number {
  const line = /^\s*eth0:(.*)$/m.exec(device)?.[1];
  return line === undefined ? 0 : Number(line.trim().split(/\s+/)[8]);
}
