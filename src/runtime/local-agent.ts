/** A running agent as its callers see it: commands go to the driver, questions to the protocol's tables. */

import type { ConfirmationView } from '../core/confirm/confirmation.ts';
import type { Protocol } from '../core/protocol.ts';
import { isReservedSubject } from '../core/record/health.ts';
import type { NodeId, Owner } from '../core/record/node.ts';
import { compareText, type PeerId, type VerifiedRecord } from '../core/record/record.ts';
import type {
  DetectorView,
  OutboxView,
  PartitionView,
  RecordView,
  SubjectView,
  SyncView,
  TreePart,
  TreeRow,
} from '../core/view.ts';
import { FirsthandError } from '../errors.ts';
import type {
  AgentIdentity,
  AgentPort,
  AuthorityPort,
  BanRequest,
  ClockView,
  ComponentHealth,
  DoctorCheck,
  EventLog,
  EvidenceView,
  FaultPort,
  KeysView,
  Listing,
  MeshPeer,
  MeshView,
  NamedBan,
  NamedReputation,
  Phase,
  RegistrationOutcome,
  RegistrationRequest,
  StatusView,
} from './agent-port.ts';
import type { SecretPort } from './cluster-secret.ts';
import { detectorView } from './detector-view.ts';
import type { Doctor } from './doctor.ts';
import type { Driver } from './driver.ts';
import type { KeyRotation } from './key-rotation.ts';
import { membershipFinding } from './membership-finding.ts';
import { named, partitionSentence } from './partition-sentence.ts';
import type { Clock, Network } from './ports.ts';
import { syncAgreement, syncView, treeParts, treeRows } from './sync-view.ts';
import type { Warden } from './warden.ts';

export interface LocalAgentComponents {
  readonly protocol: Protocol;
  readonly driver: Driver;
  readonly network: Network;
  readonly clock: Clock;
  readonly events: EventLog;
  /** 99th percentile of the event loop's delay, ms. */
  readonly loopDelayMs: () => number;
  /** Name of the failure detector's profile. */
  readonly profile: string;
  readonly doctor: Doctor;
  readonly keyRotation: KeyRotation;
  readonly warden: Warden;
  /** Present where the agent was started for a drill. */
  readonly faults?: FaultPort | undefined;
  readonly authority?: AuthorityPort | undefined;
  /** Present where the agent goes by the cluster's secret. */
  readonly secret?: SecretPort | undefined;
}

/** Above this, timers and answers come so late that others may take the agent for frozen. Guess. */
const loopDelayMaxMs = 500;

export class LocalAgent implements AgentPort {
  readonly #identity: AgentIdentity;
  readonly listing: Listing;
  readonly events: EventLog;
  readonly faults: FaultPort | undefined;
  readonly authority: AuthorityPort | undefined;
  readonly secret: SecretPort | undefined;
  readonly #topic: string;
  readonly #components: LocalAgentComponents;
  readonly #startedMonoMs: number;
  readonly #left = Promise.withResolvers<void>();

  constructor(
    options: { readonly identity: AgentIdentity; readonly topic: string },
    components: LocalAgentComponents,
  ) {
    this.#identity = options.identity;
    this.#topic = options.topic;
    this.#components = components;
    this.#startedMonoMs = components.clock.now().monoMs;
    this.listing = components.protocol.table.listing;
    this.events = components.events;
    this.faults = components.faults;
    this.authority = components.authority;
    this.secret = components.secret;
  }

  get identity(): AgentIdentity {
    return { ...this.#identity, peerId: this.#components.protocol.author.peer };
  }

  get phase(): Phase {
    return this.#components.protocol.phase;
  }

  /** Resolves when somebody asked this agent to leave for good, and it has said so. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  async register(request: RegistrationRequest): Promise<RegistrationOutcome> {
    const { changed, confirmation } = await this.#components.driver.registerAndConfirm(request);
    const node = this.listing.get(request.id);
    if (node === undefined && confirmation?.rolledBack !== true) {
      // Taken out again by somebody else between the write and this answer.
      throw new FirsthandError('UNKNOWN_NODE', {
        text: `${request.id} was registered and has departed again`,
      });
    }
    return {
      changed,
      ...(node === undefined ? {} : { node }),
      ...(confirmation === undefined ? {} : { confirmation }),
    };
  }

  deregister(id: NodeId, by?: Owner): Promise<void> {
    return this.#components.driver.deregister(id, by);
  }

  remove(id: NodeId): Promise<void> {
    return this.#components.driver.remove(id);
  }

  partition(): PartitionView {
    return this.#components.protocol.partition(this.#components.clock.now().monoMs);
  }

  detector(): DetectorView {
    const { protocol, clock } = this.#components;
    return detectorView(this.#components.profile, protocol, clock.now());
  }

  sync(): SyncView {
    const { protocol, clock } = this.#components;
    return syncView(protocol, clock.now());
  }

  treeParts(since: number): readonly TreePart[] {
    return treeParts(this.#components.protocol, since);
  }

  treeRows(since: number, prefix: string): readonly TreeRow[] {
    return treeRows(this.#components.protocol, since, prefix);
  }

  outbox(): OutboxView {
    return this.#components.protocol.outbox.views(this.#components.clock.now());
  }

  doctor(): Promise<readonly DoctorCheck[]> {
    return this.#components.doctor.examine();
  }

  async leave(): Promise<void> {
    await this.#components.driver.depart(true);
    this.#left.resolve();
  }

  get newcomersRefused(): number {
    return this.#components.protocol.newcomers.refusedCount;
  }

  reputation(): readonly NamedReputation[] {
    return this.#components.warden.reputation();
  }

  evidence(): readonly EvidenceView[] {
    return this.#components.warden.evidence();
  }

  bans(): readonly NamedBan[] {
    return this.#components.warden.bans();
  }

  async ban(request: BanRequest): Promise<PeerId> {
    return this.#components.warden.ban(request);
  }

  async pardon(request: Omit<BanRequest, 'forMs'>): Promise<PeerId> {
    return this.#components.warden.pardon(request);
  }

  keys(): KeysView {
    return this.#components.keyRotation.view();
  }

  rotateKey(): Promise<KeysView> {
    return this.#components.keyRotation.rotate();
  }

  async revokeKey(): Promise<void> {
    await this.#components.keyRotation.revoke();
    this.#left.resolve();
  }

  subject(id: NodeId): SubjectView | undefined {
    const { ledger, parking } = this.#components.protocol.table;
    const records = ledger.recordsOf(id);
    const parked = parking.countOf(id);
    if (records.length === 0 && parked === 0) return undefined;
    const { winner, rule, vouchers, conflict, losses } = ledger.resolution(id);
    const view = (record: VerifiedRecord): RecordView => {
      const lost = losses.get(record.digest);
      return {
        ...recordView(record),
        vouches: vouchers.includes(record),
        ...(lost === undefined ? {} : { lost }),
      };
    };
    return {
      id,
      ...(winner === undefined ? {} : { winner: winner.digest, rule }),
      conflict,
      records: [...records].sort((a, b) => compareText(a.author, b.author)).map(view),
      parked,
    };
  }

  subjects(after: NodeId | undefined, limit: number): readonly SubjectView[] {
    const all = [...this.#components.protocol.table.ledger.subjects()];
    const ids = all.filter(id => !isReservedSubject(id)).sort(compareText);
    const from = after === undefined ? 0 : ids.findIndex(id => id > after);
    const page = from < 0 ? [] : ids.slice(from, from + limit);
    return page.map(id => this.subject(id)).filter(view => view !== undefined);
  }

  clock(): ClockView {
    const { author, table } = this.#components.protocol;
    const seen = [...table.ledger.clock]
      .sort(([a], [b]) => compareText(a, b))
      .map(([peer, dot]) => {
        const id = this.#components.protocol.nodeIdOf(peer);
        return { author: peer, ...dot, ...(id === undefined ? {} : { id }) };
      });
    return { author: author.peer, ...author.dot, time: author.time, seen };
  }

  confirmations(): readonly ConfirmationView[] {
    return this.#components.protocol.confirmations.views(this.#components.clock.now());
  }

  mesh(): MeshView {
    const { protocol, network, driver, clock } = this.#components;
    const links = new Map(network.links().map(link => [link.peer, link]));
    const contacts = [...protocol.peering.contacts()];
    const known = new Set(contacts.map(({ peer }) => peer));
    const strangers = [...links.keys()].filter(peer => !known.has(peer));
    const seeds = contacts.filter(({ peer, sources }) => peer === undefined && sources.has('seed'));
    return {
      topic: this.#topic,
      peers: [...contacts.flatMap(({ peer }) => (peer === undefined ? [] : [peer])), ...strangers]
        .sort(compareText)
        .map(peer => this.#meshPeer(peer, links.get(peer))),
      pendingSeeds: seeds
        .filter(({ failedDialsCount }) => failedDialsCount > 0)
        .map(({ key, failedDialsCount, lastError }) => ({
          seed: key.slice('seed:'.length),
          failedDials: failedDialsCount,
          ...(lastError === undefined ? {} : { lastError }),
        })),
      foreignRefused: driver.foreignCount,
      httpPeers: protocol.bridge.views(clock.now().monoMs),
    };
  }

  status(): StatusView {
    const { protocol, clock } = this.#components;
    const { monoMs } = clock.now();
    const members = [...protocol.detector.members()];
    const partition = this.partition();
    const nodes = this.listing.nodes();
    const services = nodes.filter(node => node.peerId === undefined);
    return {
      identity: this.identity,
      phase: this.phase,
      uptimeS: Math.floor((monoMs - this.#startedMonoMs) / 1_000),
      agentsKnown: partition.known,
      agentsReachable: partition.reachable,
      agents: [...members, { ...this.#self(), sinceMonoMs: this.#startedMonoMs }]
        .sort((a, b) => compareText(a.id, b.id))
        .map(({ id, peer, state, sinceMonoMs }) => ({
          id,
          peerId: peer,
          state,
          sinceS: Math.floor((monoMs - sinceMonoMs) / 1_000),
        })),
      services: {
        total: services.length,
        hosted: protocol.hosting.hostedCount,
        suspect: services.filter(({ status }) => status === 'suspect').length,
        unhealthy: services.filter(({ status }) => status === 'unhealthy').length,
      },
      partition,
      sync: syncAgreement(protocol, clock.now()),
      conflicts: protocol.table.ledger.conflictsCount,
      quarantined: [...protocol.table.ledger.proofs.keys()].sort(compareText),
      components: this.components(),
      findings: this.#findings(),
    };
  }

  components(): readonly ComponentHealth[] {
    const { protocol, network, loopDelayMs } = this.#components;
    const linksCount = network.links().length;
    const delayMs = Math.round(loopDelayMs());
    const isSynced = this.phase !== 'starting';
    return [
      {
        name: 'store',
        ok: protocol.storeIsWell,
        detail: protocol.storeIsWell
          ? 'writes succeed'
          : protocol.storeProblem === 'STORE_FULL'
            ? 'the disk is full; writes are tried again every second'
            : 'the database refuses writes; they are tried again every second',
      },
      {
        name: 'network',
        ok: true,
        detail: linksCount === 0 ? 'no agent connected' : `${linksCount} connected`,
      },
      this.#partitionHealth(),
      { name: 'sync', ok: isSynced, detail: isSynced ? 'joined' : 'looking for a peer to learn from' },
      {
        name: 'event_loop',
        ok: delayMs <= loopDelayMaxMs,
        detail: `99 % of delays are below ${delayMs} ms`,
      },
    ];
  }

  /** In a partition an agent goes on; cut off from everybody it can speak for nobody but itself. */
  #partitionHealth(): ComponentHealth {
    const { state, reachable, known } = this.partition();
    const detail =
      state === 'isolated'
        ? `none of the ${known - 1} other agents can be reached`
        : `${reachable} of ${known} known agents can be reached`;
    return { name: 'partition', ok: state !== 'isolated', detail };
  }

  #self() {
    const { id, peerId: peer } = this.identity;
    return { id, peer, state: this.#components.protocol.livenessOf(peer) };
  }

  #meshPeer(peer: PeerId, link: ReturnType<Network['links']>[number] | undefined): MeshPeer {
    const { protocol, clock } = this.#components;
    const contact = protocol.peering.contact(peer);
    const id = protocol.nodeIdOf(peer);
    const member = protocol.detector.member(peer);
    const rttMs = member?.rttMs;
    const isWaiting = link === undefined && contact !== undefined && !contact.isDialing;
    return {
      peer,
      ...(id === undefined ? {} : { id }),
      state: link !== undefined ? 'connected' : contact?.isDialing ? 'dialing' : 'waiting',
      ...(member === undefined ? {} : { liveness: member.state }),
      ...(link === undefined ? {} : { link }),
      ...(rttMs === undefined ? {} : { rttMs }),
      sources: contact === undefined ? ['inbound'] : [...contact.sources].sort(compareText),
      failedDials: contact?.failedDialsCount ?? 0,
      ...(isWaiting
        ? { nextDialInMs: Math.max(0, Math.round(contact.nextDialMonoMs - clock.now().monoMs)) }
        : {}),
      ...(contact?.lastError === undefined ? {} : { lastError: contact.lastError }),
    };
  }

  #findings(): readonly string[] {
    const { protocol } = this.#components;
    const members = [...protocol.detector.members()].filter(({ state }) => state !== 'left');
    const idsOf = (state: 'suspect' | 'dead') =>
      members
        .filter(member => member.state === state)
        .map(({ id }) => id)
        .sort(compareText);
    const partition = this.partition();
    const sentence = partitionSentence(partition);
    const suspect = idsOf('suspect');
    const dead = idsOf('dead').filter(id => !partition.there.includes(id));
    const findings: string[] = [];
    if (protocol.isNameLost) {
      findings.push(
        `the name ${this.identity.id} is held by another key: start this agent with another --id`,
      );
    }
    if (protocol.table.ledger.isQuarantined(this.identity.peerId)) {
      findings.push(
        'this agent’s key is proved to have signed contradictory records: start it with a new data directory',
      );
    }
    for (const { id, peer, standing, faults } of this.reputation()) {
      if (standing !== 'no-mesh' && standing !== 'quarantined') continue;
      const what = faults.map(({ fault, count }) => `${count} × ${fault}`).join(', ');
      findings.push(
        `${id ?? peer} misbehaves (${what}) and is ${standing === 'quarantined' ? 'in quarantine' : 'out of the mesh'}: see 'firsthand inspect reputation'`,
      );
    }
    const twinAgoMs = protocol.ownVoice.twinAgoMs(this.#components.clock.now().monoMs);
    if (twinAgoMs !== undefined) {
      findings.push(
        `another process speaks with this agent’s key, last ${Math.round(twinAgoMs / 1_000)} s ago: end one of them, and give it a data directory of its own`,
      );
    }
    const { roster } = protocol;
    const membership = membershipFinding(roster, this.identity.peerId, this.#components.clock.now().wallMs);
    if (membership !== undefined) findings.push(membership);
    if (sentence !== undefined) findings.push(sentence);
    else if (suspect.length > 0) findings.push(`not reachable at the moment: ${named(suspect)}`);
    if (dead.length > 0) {
      findings.push(`dead: ${named(dead)}; 'firsthand remove ID' takes out for good who does not come back`);
    }
    const stuck = this.outbox().receivers.filter(({ state }) => state === 'stuck');
    for (const { receiver, depth, lastError } of stuck) {
      const why = lastError === undefined ? '' : `: ${lastError}`;
      findings.push(`${receiver} takes none of ${depth} deliveries${why}`);
    }
    const unhealthy = this.listing.nodes().filter(({ status }) => status === 'unhealthy');
    if (unhealthy.length > 0)
      findings.push(`unhealthy: ${named(unhealthy.map(({ id }) => id).sort(compareText))}`);
    for (const { seed, lastError } of this.mesh().pendingSeeds) {
      findings.push(`seed ${seed} does not answer${lastError === undefined ? '' : `: ${lastError}`}`);
    }
    for (const { url, isConfigured, state, lastError } of protocol.bridge.views(0)) {
      if (isConfigured && state === 'failing') findings.push(`HTTP peer ${url} fails: ${lastError ?? ''}`);
    }
    findings.push(...(this.secret?.findings() ?? []));
    const conflicts = protocol.table.ledger.conflictsCount;
    if (conflicts > 0) {
      findings.push(
        `${conflicts} ${conflicts === 1 ? 'id is' : 'ids are'} in conflict; 'firsthand inspect records' shows which`,
      );
    }
    if (this.faults !== undefined) {
      const { length } = this.faults.view().rules;
      const now =
        length === 0 ? 'none is in place now' : `${length} ${length === 1 ? 'is' : 'are'} in place now`;
      findings.push(`this agent was started with --fault-injection: callers may inject faults, ${now}`);
    }
    for (const { ok, name, detail } of this.components()) {
      if (!ok && name !== 'partition') findings.push(`${name}: ${detail}`);
    }
    return findings;
  }
}

function recordView(record: VerifiedRecord): Omit<RecordView, 'vouches' | 'lost'> {
  const { subject, author, authority, epoch, sequence, context, time, claimedAt, leaseMs, digest, body } =
    record;
  return {
    subject,
    author,
    authority,
    epoch,
    sequence,
    context,
    time,
    claimedAt,
    leaseMs,
    digest,
    kind: body.type === 'departure' ? body.reason : body.type,
    ...(body.type === 'entry' ? { node: body.node } : {}),
    ...(body.type === 'departure' && body.owner !== undefined ? { owner: body.owner } : {}),
    ...(body.type === 'entry' && body.learntFrom !== undefined ? { learntFrom: body.learntFrom } : {}),
    wire: Buffer.from(record.wire).toString('base64'),
  };
}
