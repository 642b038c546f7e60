/**
 * A member with a valid key that means harm: an agent like any other, but for what it says.
 *
 * It answers probes and keeps its record, so nobody has another reason to doubt it. All its datagrams carry
 * lies about others; what else it does, it is told to: accuse everybody, and send any bytes to anybody.
 */

import { generateKeyPairSync } from 'node:crypto';
import { Protocol } from '../core/protocol.ts';
import { capabilitiesOf } from '../core/record/node.ts';
import type { RecordDraft, VerifiedRecord } from '../core/record/record.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import { claimsPerDatagramMaxCount, type ProbeMessage } from '../core/swim/message.ts';
import { AgentKey } from '../identity/agent-key.ts';
import { SignedProbeCodec } from '../identity/probe-codec.ts';
import { SignedRecordCodec } from '../identity/record-codec.ts';
import { treeHash } from '../identity/tree-hash.ts';
import { Libp2pNetwork } from '../net/network.ts';
import { ProbeSocket } from '../net/probe-socket.ts';
import { Driver } from '../runtime/driver.ts';
import { RecentEvents } from '../runtime/event-log.ts';
import { linkOf } from '../runtime/outbox-link.ts';
import type { ProbeCodec } from '../runtime/ports.ts';
import { systemClock, systemRandom } from '../runtime/system.ts';
import { MemoryStore } from '../store/memory-store.ts';
import { registerNetMetrics } from '../telemetry/metrics/net.ts';
import { MetricRegistry } from '../telemetry/registry.ts';

/** Lies in one datagram: as many as fit beside the rest. */
const liesPerDatagramCount = Math.min(5, claimsPerDatagramMaxCount);

export interface HostileOptions {
  readonly cluster: string;
  /** A multiaddr to join through. */
  readonly seed: string;
  readonly id?: string;
  /** Where the others reach it. */
  readonly host?: string;
}

export class HostileMember {
  readonly id: string;
  readonly #host: string;
  readonly #key = new AgentKey(generateKeyPairSync('ed25519').privateKey);
  readonly #codec: SignedProbeCodec;
  readonly #records: SignedRecordCodec;
  readonly #protocol: Protocol;
  readonly #driver: Driver;
  readonly #network: Libp2pNetwork;
  readonly #probes: ProbeSocket;
  /** Of all datagrams, true ones and others: the receivers refuse a number that they have seen. */
  #counter = 0;

  constructor({ cluster, seed, id = 'liar', host = '127.0.0.1' }: HostileOptions) {
    this.id = id;
    this.#host = host;
    const key = this.#key;
    const metrics = registerNetMetrics(new MetricRegistry());
    const epoch = Date.now();
    this.#codec = new SignedProbeCodec({ cluster }, { key });
    const codec = new SignedRecordCodec({ cluster }, { key });
    this.#records = codec;
    this.#protocol = new Protocol(
      { id: this.id, peer: key.peerId, epoch, settings: {} },
      {
        seal: draft => codec.seal(draft),
        sealClaim: draft => this.#codec.sealClaim(draft),
        random: systemRandom,
        hash: treeHash,
        linkOf,
      },
    );
    this.#network = new Libp2pNetwork(
      { cluster, privateKeyRaw: key.rawPrivateKey(), listen: [`/ip4/${host}/tcp/0`] },
      { log: () => {}, metrics },
    );
    this.#probes = new ProbeSocket({ metrics });
    this.#driver = new Driver(
      { cluster, seeds: [seed], intake: {} },
      {
        protocol: this.#protocol,
        codec,
        probeCodec: this.#lyingCodec(),
        network: this.#network,
        probes: this.#probes,
        store: new MemoryStore(),
        checker: { check: () => {}, stop: async () => {} },
        deliverer: { deliver: () => {}, stop: async () => {} },
        httpPeers: { register: () => {}, stop: async () => {} },
        clock: systemClock,
        events: new RecentEvents({ epoch }),
        observer: { input: () => {}, effect: () => {}, rejected: () => {}, foreign: () => {}, log: () => {} },
      },
    );
  }

  /** Resolves once it has joined. */
  async start(): Promise<void> {
    const { multiaddrs } = await this.#network.start(this.#driver.handlers);
    const { host, port } = await this.#probes.start(
      { host: this.#host, port: 0, explicit: true },
      this.#driver.probeHandlers,
    );
    this.#driver.start({
      node: {
        address: `${this.#host}:${port}`,
        metricsPort: Math.max(1_024, port),
        nodeType: 'governator',
        isLoadBalancer: false,
        capabilities: capabilitiesOf('governator'),
        lastUpdatedS: Math.floor(Date.now() / 1_000),
      },
      agent: { multiaddrs, probe: `${host}:${port}` },
    });
    await this.#driver.ready;
  }

  /** Tells everybody that everybody is dead. @returns The lies told. */
  shout(): number {
    const members = [...this.#protocol.detector.members()];
    const lies = members.map(({ peer, life }) =>
      this.#codec.sealClaim({
        kind: 'dead',
        issuer: this.#key.peerId,
        subject: peer,
        refused: true,
        ...life,
      }),
    );
    for (const { peer, address } of members) {
      for (let i = 0; i < lies.length; i += liesPerDatagramCount) {
        const claims = lies.slice(i, i + liesPerDatagramCount);
        this.#probes.send(address, this.#encode({ ...this.#heading(peer), body: { type: 'news' }, claims }));
      }
    }
    return lies.length * members.length;
  }

  get key(): AgentKey {
    return this.#key;
  }

  /** Signs whatever it is told to. */
  seal(draft: Omit<RecordDraft, 'author'>): VerifiedRecord {
    return this.#records.seal({ ...draft, author: this.#key.peerId });
  }

  /** Envelopes of records, genuine or not, in one message to everybody. */
  gossip(envelopes: readonly Uint8Array[]): void {
    // The encoder looks at nothing but the envelope.
    const records = envelopes.map(wire => ({ wire })) as unknown as readonly VerifiedRecord[];
    this.publish(this.#records.encodeGossip(records, []));
  }

  /** Any bytes, to everybody. */
  publish(bytes: Uint8Array): void {
    this.#network.publish(bytes);
  }

  /** Any bytes as a datagram to every member. @returns How many were sent. */
  datagrams(bytes: Uint8Array): number {
    const members = [...this.#protocol.detector.members()];
    for (const { address } of members) this.#probes.send(address, bytes);
    return members.length;
  }

  /** One genuine datagram of its own, sent to every member so many times. @returns How many were sent. */
  repeat(timesCount: number): number {
    const members = [...this.#protocol.detector.members()];
    for (const { peer, address } of members) {
      const bytes = this.#encode({ ...this.#heading(peer), body: { type: 'news' }, claims: [] });
      for (let i = 0; i < timesCount; i++) this.#probes.send(address, bytes);
    }
    return members.length * timesCount;
  }

  /** Any bytes on the sync stream of every member. */
  frames(bytes: Uint8Array): void {
    for (const { peer } of this.#protocol.detector.members()) this.#network.send(peer, bytes);
  }

  async stop(): Promise<void> {
    await this.#driver.stop();
    await this.#probes.stop();
    await this.#network.stop();
  }

  #heading(to: string) {
    const { epoch, incarnation } = this.#protocol.detector.life;
    return { from: this.#key.peerId, to, epoch, incarnation, counter: 0, wallMs: Date.now() };
  }

  #encode(message: ProbeMessage): Uint8Array {
    this.#counter += 1;
    return this.#codec.encodeProbe({ ...message, counter: this.#counter });
  }

  /** Signs as it should, and slips a lie about the receiver's neighbour into what has room for it. */
  #lyingCodec(): ProbeCodec {
    const codec = this.#codec;
    return {
      sealClaim: draft => codec.sealClaim(draft),
      verifyClaim: claim => codec.verifyClaim(claim),
      trustClaim: wire => codec.trustClaim(wire),
      decodeProbe: bytes => codec.decodeProbe(bytes),
      verifyProbe: probe => codec.verifyProbe(probe),
      encodeProbe: message => {
        const isRoomy = message.body.type === 'ping' || message.body.type === 'news';
        return this.#encode(isRoomy ? { ...message, claims: this.#lies(message.to) } : message);
      },
    };
  }

  #lies(receiver: string): readonly VerifiedClaim[] {
    return [...this.#protocol.detector.members()]
      .filter(({ peer }) => peer !== receiver)
      .slice(0, liesPerDatagramCount)
      .map(({ peer, life }) =>
        this.#codec.sealClaim({
          kind: 'suspect',
          issuer: this.#key.peerId,
          subject: peer,
          refused: true,
          ...life,
        }),
      );
  }
}
