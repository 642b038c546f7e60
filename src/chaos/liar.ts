/**
 * A member with a valid key that accuses everybody: an agent like any other, but for what it says about others.
 *
 * It answers probes and keeps its record, so nobody has another reason to doubt it. All its datagrams carry
 * lies, and besides it sends them to everybody whenever it is told to shout.
 */

import { generateKeyPairSync } from 'node:crypto';
import { Protocol } from '../core/protocol.ts';
import { capabilitiesOf } from '../core/record/node.ts';
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

export class Liar {
  readonly id = 'liar';
  readonly #key = new AgentKey(generateKeyPairSync('ed25519').privateKey);
  readonly #codec: SignedProbeCodec;
  readonly #protocol: Protocol;
  readonly #driver: Driver;
  readonly #network: Libp2pNetwork;
  readonly #probes: ProbeSocket;
  /** Of all datagrams, true ones and others: the receivers refuse a number that they have seen. */
  #counter = 0;

  constructor(options: { readonly cluster: string; readonly seed: string }) {
    const { cluster, seed } = options;
    const key = this.#key;
    const metrics = registerNetMetrics(new MetricRegistry());
    const epoch = Date.now();
    this.#codec = new SignedProbeCodec({ cluster }, { key });
    const codec = new SignedRecordCodec({ cluster }, { key });
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
      { cluster, privateKeyRaw: key.rawPrivateKey(), listen: ['/ip4/127.0.0.1/tcp/0'] },
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
      { host: '127.0.0.1', port: 0, explicit: true },
      this.#driver.probeHandlers,
    );
    this.#driver.start({
      node: {
        address: `127.0.0.1:${port}`,
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
