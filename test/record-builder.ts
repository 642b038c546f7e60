/**
 * Records for tests.
 *
 * `record` makes claims that nobody signed, cheap enough for properties over thousands of them; what
 * the digest covers is what a real one covers. `Speaker` signs with a real key, for whatever verifies: records,
 * claims and datagrams.
 */

import { createHash } from 'node:crypto';
import type { Ledger } from '../src/core/record/ledger.ts';
import { capabilitiesOf, type NodeFields, type NodeId } from '../src/core/record/node.ts';
import {
  type Body,
  type ContextEntry,
  compareText,
  type DepartureReason,
  type PeerId,
  type RecordDraft,
  type VerifiedRecord,
} from '../src/core/record/record.ts';
import type { ClaimDraft, ClaimKind, VerifiedClaim } from '../src/core/swim/claim.ts';
import type { ProbeBody, ProbeMessage, ReceivedProbe } from '../src/core/swim/message.ts';
import type { Now } from '../src/core/time.ts';
import { AgentKey } from '../src/identity/agent-key.ts';
import { SignedProbeCodec } from '../src/identity/probe-codec.ts';
import { SignedRecordCodec } from '../src/identity/record-codec.ts';

/** 2025-11-24, when every test begins. */
export const startWallMs = 1_763_942_400_000;
export const testCluster = 'test';

export function at(monoMs: number): Now {
  return { monoMs, wallMs: startWallMs + monoMs };
}

export function nodeFields(fields: Partial<NodeFields> = {}): NodeFields {
  return {
    address: '10.0.0.1:8080',
    metricsPort: 9_090,
    nodeType: 'backend',
    isLoadBalancer: false,
    capabilities: capabilitiesOf('backend'),
    lastUpdatedS: startWallMs / 1_000,
    ...fields,
  };
}

export function entryAt(address: string): Body {
  return { type: 'entry', node: nodeFields({ address }) };
}

export function departure(reason: DepartureReason): Body {
  return { type: 'departure', reason };
}

/** An agent's entry about itself. */
export function agentEntry(address = '10.0.0.1:7000', multiaddrs: readonly string[] = []): Body {
  return { type: 'entry', node: nodeFields({ address }), agent: { multiaddrs, probe: '10.0.0.1:7946' } };
}

export function record(fields: Partial<RecordDraft> = {}): VerifiedRecord {
  const time = fields.time ?? { wallMs: startWallMs, counter: 0 };
  const draft: RecordDraft = {
    subject: 'svc',
    author: 'a',
    authority: 'host',
    epoch: 1,
    sequence: 1,
    context: [],
    claimedAt: time,
    leaseMs: 0,
    body: { type: 'entry', node: nodeFields() },
    ...fields,
    time,
  };
  const digest = createHash('sha256').update(JSON.stringify(draft)).digest('hex');
  const subjectHash = subjectHashOf(draft.subject);
  return { ...draft, digest, subjectHash, wire: new Uint8Array() } as RecordDraft as VerifiedRecord;
}

export function subjectHashOf(subject: NodeId): string {
  return createHash('sha256').update(subject).digest('hex').slice(0, 12);
}

/** The context of somebody who had seen these. */
export function seen(...records: readonly VerifiedRecord[]): readonly ContextEntry[] {
  return records
    .map(({ author, epoch, sequence, digest }) => ({ author, epoch, sequence, digest }))
    .sort((a, b) => compareText(a.author, b.author));
}

export function time(offsetMs: number, counter = 0) {
  return { wallMs: startWallMs + offsetMs, counter };
}

export function keyNumber(number: number): AgentKey {
  return AgentKey.fromSeed(Buffer.alloc(32, number));
}

/** An agent that signs; counts its own sequence, and its datagrams. */
export class Speaker {
  readonly key: AgentKey;
  readonly codec: SignedRecordCodec;
  readonly probeCodec: SignedProbeCodec;
  /** Where its datagrams come from. */
  readonly probeAddress: string;
  #sequence = 0;
  #counter = 0;

  constructor(number: number, cluster = testCluster) {
    this.key = keyNumber(number);
    this.codec = new SignedRecordCodec({ cluster }, { key: this.key });
    this.probeCodec = new SignedProbeCodec({ cluster }, { key: this.key });
    this.probeAddress = `10.0.0.${number}:7946`;
  }

  get peer(): string {
    return this.key.peerId;
  }

  get multiaddr(): string {
    return `/ip4/10.0.0.1/tcp/7946/p2p/${this.peer}`;
  }

  say(fields: Partial<RecordDraft> = {}): VerifiedRecord {
    this.#sequence += 1;
    const time = fields.time ?? { wallMs: startWallMs, counter: 0 };
    return this.codec.seal({
      subject: 'svc',
      author: this.peer,
      authority: 'host',
      epoch: 1,
      sequence: this.#sequence,
      context: [],
      claimedAt: time,
      leaseMs: 0,
      body: { type: 'entry', node: nodeFields() },
      ...fields,
      time,
    });
  }

  /** Its entry about itself. */
  introduce(id: NodeId, fields: Partial<RecordDraft> = {}): VerifiedRecord {
    return this.say({
      subject: id,
      authority: 'self',
      body: agentEntry('10.0.0.1:7000', [this.multiaddr]),
      ...fields,
    });
  }

  /** What it says about who is alive. */
  claim(kind: ClaimKind, subject: PeerId = this.peer, fields: Partial<ClaimDraft> = {}): VerifiedClaim {
    const life = { epoch: 1, incarnation: 0 };
    return this.probeCodec.sealClaim({
      kind,
      issuer: this.peer,
      subject,
      refused: false,
      ...life,
      ...fields,
    });
  }

  /** A datagram of its own. */
  datagram(to: PeerId, body: ProbeBody, fields: Partial<ProbeMessage> = {}): Uint8Array {
    this.#counter += 1;
    const heading = {
      from: this.peer,
      to,
      epoch: 1,
      incarnation: 0,
      counter: this.#counter,
      wallMs: startWallMs,
    };
    return this.probeCodec.encodeProbe({ ...heading, body, claims: [], ...fields });
  }

  /** The same as its receiver sees it once it is verified. */
  probe(to: PeerId, body: ProbeBody, fields: Partial<ProbeMessage> = {}): ReceivedProbe {
    return asReceived(this.probeCodec, this.datagram(to, body, fields), this.probeAddress);
  }
}

/** A datagram of this cluster, taken for verified. @throws TypeError for anything else. */
export function asReceived(codec: SignedProbeCodec, wire: Uint8Array, address: string): ReceivedProbe {
  const probe = codec.decodeProbe(wire);
  if (probe === undefined || probe === 'foreign') throw new TypeError('no datagram of this cluster');
  const claims = probe.claims.flatMap(claim => codec.verifyClaim(claim) ?? []);
  if (probe.body.type !== 'relay') return { ...probe, body: probe.body, claims, address };
  const { from, epoch, incarnation, body } = asReceived(codec, probe.body.ack, '');
  if (body.type !== 'ack' || body.origin === undefined) throw new TypeError('no ack for somebody else');
  const relayed = { from, epoch, incarnation, origin: body.origin };
  return { ...probe, body: { type: 'relay', relayed }, claims, address };
}

/** Every record of a table by its digest, in an order that does not depend on when it came. */
export function heldIn(ledger: Ledger): string {
  return Array.from(ledger.records(), ({ digest }) => digest)
    .sort()
    .join(' ');
}
