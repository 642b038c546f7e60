/**
 * An agent with a valid key that does not keep to the protocol.
 *
 * It is an agent like any other, so nobody has another reason to doubt it, until an attack begins; then it
 * strikes again and again with what it holds: its key, its links, its socket, and what it has overheard.
 */
import { drawn, type Random, randomIndex } from '../core/random.ts';
import { capabilitiesOf, type NodeId } from '../core/record/node.ts';
import {
  type PeerId,
  type RecordDraft,
  siblingsMaxCount,
  type VerifiedRecord,
} from '../core/record/record.ts';
import { datagramMaxBytes, type ProbeMessage } from '../core/swim/message.ts';
import type { SigningKey } from '../identity/agent-key.ts';
import { recordDomain } from '../identity/domains.ts';
import { sealEnvelope } from '../wire/envelope.ts';
import { clusterTag, encodeProbe, sealDatagram } from '../wire/probe.ts';
import { decodeEnvelope, encodeRecord } from '../wire/record.ts';
import { cluster, type Process, type SimAgent } from './agent.ts';
import type { KeyRing } from './key-ring.ts';
import { multiaddrOf, probeAddressOf, type SimNetworkHub } from './network.ts';
import type { AttackKind } from './plan.ts';

const strikeEveryMs = 700;
const overheardMaxCount = 200;
const floodCount = 300;
const strangersCount = 100;
/** More than a subject may have. */
const siblingsCount = siblingsMaxCount + 4;
const hourMs = 3_600_000;
const unknownDigest = 'ab'.repeat(32);

export interface AttackerComponents {
  readonly hub: SimNetworkHub;
  readonly keys: KeyRing;
  readonly random: Random;
  /** Whom it is after. */
  readonly victims: () => readonly SimAgent[];
}

export class Attacker {
  readonly agent: SimAgent;
  readonly #parts: AttackerComponents;
  readonly #under = new Set<AttackKind>();
  readonly #overheard: Uint8Array[] = [];
  readonly #records: VerifiedRecord[] = [];
  #count = 0;

  constructor(agent: SimAgent, components: AttackerComponents) {
    this.agent = agent;
    this.#parts = components;
    agent.onOverheard = (via, bytes) => {
      if (via === 'gossip') this.#keep(bytes);
      if (this.#overheard.push(bytes) > overheardMaxCount) this.#overheard.shift();
    };
  }

  begin(kind: AttackKind): void {
    this.#under.add(kind);
    if (kind === 'lie about root') this.agent.showsFalseRoot = true;
    else if (kind === 'stay silent') this.agent.isSilent = true;
    else this.#strike(kind);
  }

  end(kind: AttackKind): void {
    this.#under.delete(kind);
    if (kind === 'lie about root') this.agent.showsFalseRoot = false;
    if (kind === 'stay silent') this.agent.isSilent = false;
  }

  #strike(kind: AttackKind): void {
    if (!this.#under.has(kind)) return;
    this.#parts.hub.scheduler.after(strikeEveryMs, () => this.#strike(kind));
    const { process } = this.agent;
    if (process !== undefined) this.#attack(kind, process);
  }

  #attack(kind: AttackKind, process: Process): void {
    switch (kind) {
      case 'forge':
        return this.#forge(process);
      case 'replay':
        return this.#replay(process);
      case 'equivocate':
        return this.#publish(process, ...this.#contradiction(process));
      case 'flood':
        return this.#flood(process);
      case 'accuse':
        return this.#accuse(process);
      case 'claim a name':
        return this.#publish(process, this.#usurpation(process));
      case 'silence another':
        return this.#publish(process, ...this.#silencing());
      case 'speak from the future': {
        const time = { wallMs: this.agent.machine.wallMs + hourMs, counter: 0 };
        return this.#publish(process, this.#draft(process, { time, claimedAt: time }));
      }
      case 'name the unknown': {
        const context = [{ author: this.#victim.peer, epoch: 1, sequence: 1, digest: unknownDigest }];
        return this.#publish(process, this.#draft(process, { context }));
      }
      case 'send garbage':
        return this.#garble(process);
      case 'send too much':
        for (const peer of linked(process)) process.host.send(peer, this.#bytes(100_000));
        return process.host.publish(this.#bytes(200_000));
      case 'foreign cluster':
        return this.#speakForeign(process);
      case 'many names':
        return this.#crowd(process);
      case 'lie about root':
      case 'stay silent':
        return; // Lasts by itself.
    }
  }

  /** In the name of another, signed with our own key. */
  #forge(process: Process): void {
    const victim = this.#victim;
    const draft = { ...this.#draft(process, {}), author: victim.peer };
    const record = encodeRecord(cluster, draft);
    const envelope = sealEnvelope({ record, signature: this.#bytes(64) });
    if (envelope !== undefined) {
      process.host.publish(gossip(process, envelope));
      this.#serve(process, envelope);
    }
    for (const { place, peer } of this.#parts.victims()) {
      const message: ProbeMessage = {
        ...this.#heading(process, peer),
        from: victim.peer,
        body: { type: 'ping', nonce: 7 },
        claims: [],
      };
      const probe = encodeProbe(clusterTag(cluster), message);
      process.probes.send(probeAddressOf(place), sealDatagram({ probe, signature: this.#bytes(64) }));
    }
  }

  /** Has it in its own table, so that others find it there when they compare. */
  #serve({ protocol, clock }: Process, envelope: Uint8Array): void {
    const record = decodeEnvelope(envelope);
    if (record !== undefined) protocol.table.take(record as unknown as VerifiedRecord, clock.now());
  }

  #keep(bytes: Uint8Array): void {
    const { process } = this.agent;
    for (const record of process?.codec.decodeGossip(bytes)?.records ?? [])
      this.#records.push(record as unknown as VerifiedRecord);
    if (this.#records.length > overheardMaxCount) this.#records.splice(0, this.#records.length / 2);
  }

  /** As it came; and its records in other company, or whoever has seen the message would not look at it. */
  #replay(process: Process): void {
    const { random } = this.#parts;
    for (let i = 0; i + 1 < this.#records.length && i < 10; i++) {
      const pair = drawn(random, this.#records, 2);
      process.host.publish(process.codec.encodeGossip(pair, []));
    }
    for (let i = 0; i < 20; i++) {
      const bytes = this.#overheard[randomIndex(this.#parts.random, Math.max(1, this.#overheard.length))];
      if (bytes === undefined) return;
      // A copy, as it would be from the wire.
      process.host.publish(Uint8Array.from(bytes));
      if (bytes.length <= datagramMaxBytes)
        process.probes.send(probeAddressOf(this.#victim.place), Uint8Array.from(bytes));
    }
  }

  #flood(process: Process): void {
    const { place } = this.#victim;
    for (let i = 0; i < floodCount; i++) process.probes.send(probeAddressOf(place), this.#bytes(200));
    for (let i = 0; i < 20; i++) process.host.publish(this.#bytes(300));
  }

  /** Everybody is dead, says every one of these to everybody. */
  #accuse(process: Process): void {
    const { protocol, probeCodec, probes } = process;
    const members = [...protocol.detector.members()];
    const claims = members.map(({ peer, life }) =>
      probeCodec.sealClaim({ kind: 'dead', issuer: this.agent.peer, subject: peer, refused: true, ...life }),
    );
    for (const { peer, address } of members) {
      const about = claims.slice(randomIndex(this.#parts.random, claims.length)).slice(0, 4);
      const news = { ...this.#heading(process, peer), body: { type: 'news' }, claims: about } as const;
      probes.send(address, probeCodec.encodeProbe(news));
    }
  }

  /** What was right once, with a few bytes changed; and what never was. */
  #garble(process: Process): void {
    const { random } = this.#parts;
    for (let i = 0; i < 10; i++) {
      const bytes = Uint8Array.from(
        this.#overheard[randomIndex(random, Math.max(1, this.#overheard.length))] ?? this.#bytes(100),
      );
      for (let flips = 0; flips < 3; flips++)
        bytes[randomIndex(random, bytes.length)] = randomIndex(random, 256);
      process.host.publish(bytes);
      for (const peer of linked(process)) process.host.send(peer, bytes);
      if (bytes.length <= datagramMaxBytes) process.probes.send(probeAddressOf(this.#victim.place), bytes);
    }
  }

  #speakForeign(process: Process): void {
    const draft = this.#draft(process, {});
    const record = encodeRecord('another', draft);
    const envelope = sealEnvelope({ record, signature: this.#bytes(64) });
    if (envelope !== undefined) process.host.publish(gossip(process, envelope));
    const { place, peer } = this.#victim;
    const message: ProbeMessage = {
      ...this.#heading(process, peer),
      body: { type: 'ping', nonce: 7 },
      claims: [],
    };
    const probe = encodeProbe(clusterTag('another'), message);
    process.probes.send(probeAddressOf(place), sealDatagram({ probe, signature: this.#bytes(64) }));
  }

  /** Datagrams of keys that nobody has heard of, all well signed. */
  #crowd(process: Process): void {
    this.#gang(process);
    const { place, peer } = this.#victim;
    for (let i = 0; i < strangersCount; i++) {
      this.#count += 1;
      const key = this.#parts.keys.key(10_000 + this.agent.place, this.#count);
      const message = { ...this.#heading(process, peer), from: key.peerId } as const;
      const probe = encodeProbe(clusterTag(cluster), {
        ...message,
        body: { type: 'ping', nonce: this.#count },
        claims: [],
      });
      const signature = key.sign(Buffer.concat([Buffer.from(`firsthand/probe/1\0${cluster}\0`), probe]));
      process.probes.send(probeAddressOf(place), sealDatagram({ probe, signature }));
    }
  }

  /** Many keys say something about one subject. */
  #gang(process: Process): void {
    for (let i = 1; i <= siblingsCount; i++) {
      const key = this.#parts.keys.key(20_000 + this.agent.place, i);
      const draft = this.#draft(process, {
        subject: `gang-${this.agent.place}`,
        author: key.peerId,
        body: { type: 'departure', reason: 'withdrawn' },
      });
      const envelope = sealedBy(key, draft);
      if (envelope !== undefined) process.host.publish(gossip(process, envelope));
    }
  }

  get #victim(): SimAgent {
    const victims = this.#parts.victims();
    return victims[randomIndex(this.#parts.random, victims.length)] as SimAgent;
  }

  #heading(process: Process, to: PeerId) {
    const { epoch, incarnation } = process.protocol.detector.life;
    this.#count += 1;
    const counter = 1_000_000 + this.#count;
    return { from: this.agent.peer, to, epoch, incarnation, counter, wallMs: this.agent.machine.wallMs };
  }

  /** Two things said in one breath: an author, a dot, a subject, and different addresses. */
  #contradiction(process: Process): readonly RecordDraft[] {
    const one = this.#draft(process, {}, 8_001);
    const { body } = this.#draft(process, {}, 8_002);
    return [one, { ...one, body }];
  }

  /** "I take back what I said", and said to have come after what the victim says of itself. */
  #silencing(): readonly RecordDraft[] {
    const { process } = this.agent;
    if (process === undefined) return [];
    const { id: subject } = this.#victim;
    const { ledger } = process.protocol.table;
    const context = ledger.contextFor(this.agent.peer, subject);
    return (['hint', 'host'] as const).map(authority =>
      this.#draft(process, {
        subject,
        authority,
        context,
        leaseMs: 0,
        body: { type: 'departure', reason: 'withdrawn' },
      }),
    );
  }

  /** "I am that one", with a key that is not that one's. */
  #usurpation(process: Process): RecordDraft {
    const draft = this.#draft(process, { subject: this.#victim.id, authority: 'self', leaseMs: 0 });
    if (draft.body.type !== 'entry') return draft;
    const { place, peer } = this.agent;
    const agent = { multiaddrs: [multiaddrOf(place, peer)], probe: probeAddressOf(place) };
    return { ...draft, body: { ...draft.body, agent } };
  }

  #draft(process: Process, changes: Partial<RecordDraft>, port = 8_000): RecordDraft {
    const { epoch } = process.protocol.author.dot;
    this.#count += 1;
    const time = { wallMs: this.agent.machine.wallMs, counter: 0 };
    return {
      subject: `evil-${this.agent.place}-${this.#count % 3}` satisfies NodeId,
      author: this.agent.peer,
      epoch,
      sequence: 500_000 + this.#count,
      authority: 'host',
      context: [],
      time,
      claimedAt: time,
      leaseMs: 900_000,
      body: {
        type: 'entry',
        node: {
          address: `10.9.0.1:${port}`,
          metricsPort: 9_999,
          nodeType: 'backend',
          isLoadBalancer: false,
          capabilities: capabilitiesOf('backend'),
          lastUpdatedS: Math.floor(time.wallMs / 1_000),
        },
      },
      ...changes,
    };
  }

  #publish(process: Process, ...drafts: readonly RecordDraft[]): void {
    for (const draft of drafts)
      process.host.publish(process.codec.encodeGossip([process.codec.seal(draft)], []));
  }

  #bytes(count: number): Uint8Array {
    const words = new Uint32Array(Math.ceil(count / 4));
    for (let i = 0; i < words.length; i++) words[i] = randomIndex(this.#parts.random, 2 ** 32);
    return new Uint8Array(words.buffer, 0, count);
  }
}

function sealedBy(key: SigningKey, draft: RecordDraft): Uint8Array | undefined {
  const record = encodeRecord(cluster, draft);
  return sealEnvelope({ record, signature: key.sign(Buffer.concat([recordDomain(cluster), record])) });
}

function linked({ protocol }: Process): readonly PeerId[] {
  return [...protocol.links.peers()];
}

function gossip({ codec }: Process, envelope: Uint8Array): Uint8Array {
  const record = decodeEnvelope(envelope);
  // Only its bytes are looked at.
  return codec.encodeGossip(record === undefined ? [] : [record as unknown as VerifiedRecord], []);
}
