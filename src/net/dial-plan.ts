/** What a dial target asks for, checked before anything is sent. Pure, but for the shuffle. */
import { BlockList, isIPv4 } from 'node:net';
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/record/record.ts';
import type { DialOutcome, DialTarget } from '../runtime/ports.ts';
import type { Interfaces } from './addresses.ts';

/** Addresses without `/p2p`, all of one peer when `peer` is known. */
export interface PlannedDial {
  readonly kind: 'dial';
  readonly peer?: PeerId;
  readonly addresses: readonly string[];
}

/** More than any agent announces; whatever comes from outside is cut here. */
const addressesMaxCount = 16;

export function planDial(
  target: DialTarget,
  self: PeerId,
): PlannedDial | { readonly kind: 'ended'; readonly outcome: DialOutcome } {
  const parsed = target.multiaddrs.slice(0, addressesMaxCount).flatMap(parseAddress);
  const peer = target.peer ?? parsed.find(address => address.peer !== undefined)?.peer;
  if (peer === self) {
    return ended({ ok: false, reason: 'self', text: `${target.multiaddrs.join(', ')} is this agent itself` });
  }
  const fitting = parsed.filter(address => address.peer === undefined || address.peer === peer);
  const addresses = [...new Set(fitting.map(address => address.text))];
  if (addresses.length === 0) {
    const text = `${target.multiaddrs.join(', ') || target.key}: no address that can be dialled`;
    return ended({ ok: false, reason: 'unreachable', text });
  }
  return peer === undefined ? { kind: 'dial', addresses } : { kind: 'dial', peer, addresses };
}

/**
 * Addresses on our own networks first, loopback last, by chance among equals.
 *
 * Loopback is last because another machine's loopback address leads back here; it is tried all the same,
 * for agents on one machine without a network.
 */
export function dialOrder(addresses: readonly string[], interfaces: Interfaces): readonly string[] {
  const own = ownNetworks(interfaces);
  const ranked = addresses.map(text => ({ text, rank: rankOf(text, own), chance: Math.random() }));
  return ranked.sort((a, b) => a.rank - b.rank || a.chance - b.chance).map(({ text }) => text);
}

function parseAddress(text: string): readonly { readonly text: string; readonly peer?: PeerId }[] {
  try {
    const components = multiaddr(text).getComponents();
    const peer = components.findLast(({ code }) => code === CODE_P2P)?.value;
    const rest = components.filter(({ code }) => code !== CODE_P2P);
    const plain = rest.map(({ name, value }) => `/${name}/${value ?? ''}`).join('');
    if (plain === '') return [];
    return peer === undefined ? [{ text: plain }] : [{ text: plain, peer }];
  } catch {
    return []; // Not an address: the caller says so when none is left.
  }
}

function rankOf(text: string, own: BlockList): number {
  const host = text.split('/')[2] ?? '';
  if (host === '::1' || host.startsWith('127.')) return 2;
  if (text.startsWith('/ip4/') || text.startsWith('/ip6/')) {
    return own.check(host, isIPv4(host) ? 'ipv4' : 'ipv6') ? 0 : 1;
  }
  return 1;
}

function ownNetworks(interfaces: Interfaces): BlockList {
  const own = new BlockList();
  for (const infos of Object.values(interfaces)) {
    for (const { cidr, family, internal } of infos ?? []) {
      const [address, prefix] = cidr?.split('/') ?? [];
      if (internal || address === undefined || prefix === undefined) continue;
      own.addSubnet(address, Number(prefix), family === 'IPv4' ? 'ipv4' : 'ipv6');
    }
  }
  return own;
}

function ended(outcome: DialOutcome): { readonly kind: 'ended'; readonly outcome: DialOutcome } {
  return { kind: 'ended', outcome };
}
