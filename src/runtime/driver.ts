/**
 * Runs the protocol in a world: turns what happens there into inputs, one at a time, and carries
 * out the effects.
 *
 * The same driver serves production and the simulator; only the ports differ. An input that arrives
 * while another is being handled (an effect's synchronous consequence) waits for its turn.
 */
import type { CoreLogEvent, Effect, Input, Refusal, Reply, Ticket } from '../core/effects.ts';
import type { DeliveryRequest } from '../core/outbox/delivery.ts';
import type { Protocol } from '../core/protocol.ts';
import type { NodeFields, NodeId, Owner } from '../core/record/node.ts';
import type { AgentContact, PeerId, Predecessor, VerifiedRecord } from '../core/record/record.ts';
import type { VerifiedBan } from '../core/reputation/ban.ts';
import type { VerifiedClaim } from '../core/swim/claim.ts';
import { errorKind, FirsthandError, unreachable } from '../errors.ts';
import type { RegistrationRequest } from './agent-port.ts';
import type { RecentEvents } from './event-log.ts';
import { Intake, type IntakeSettings, type Rejection } from './intake.ts';
import type {
  Clock,
  Deliverer,
  HealthChecker,
  HttpPeers,
  MembershipPort,
  Network,
  NetworkHandlers,
  NextKey,
  ProbeCodec,
  ProbeHandlers,
  ProbePort,
  RecordCodec,
  Store,
  StoredState,
} from './ports.ts';
import { ProbeIntake, type ProbeRejection } from './probe-intake.ts';
import { Publisher } from './publisher.ts';
import { WriteQueue } from './write-queue.ts';

/** Hears of everything that goes in and out; counts and logs it. Must not throw. */
export interface Observer {
  input(input: Input): void;
  effect(effect: Effect): void;
  rejected(reason: Rejection | Refusal | ProbeRejection, via: 'gossip' | 'sync' | 'probe'): void;
  foreign(address: string): void;
  log(
    event: CoreLogEvent | 'store_write_failed' | 'store_recovered',
    fields: Readonly<Record<string, unknown>>,
  ): void;
}

export interface DriverComponents {
  readonly protocol: Protocol;
  readonly codec: RecordCodec;
  readonly probeCodec: ProbeCodec;
  readonly network: Network;
  readonly probes: ProbePort;
  readonly store: Store;
  readonly checker: HealthChecker;
  readonly deliverer: Deliverer;
  readonly httpPeers: HttpPeers;
  /** Where an authority says who is a member. */
  readonly membership?: MembershipPort | undefined;
  readonly clock: Clock;
  readonly events: RecentEvents;
  readonly observer: Observer;
}

export interface DriverOptions {
  readonly cluster: string;
  readonly seeds: readonly string[];
  readonly intake: Partial<IntakeSettings>;
}

type Done = Extract<Reply, { readonly ok: true }>;
type Waiting = { readonly resolve: (done: Done) => void; readonly reject: (error: unknown) => void };

export class Driver {
  readonly #options: DriverOptions;
  readonly #components: DriverComponents;
  readonly #writes: WriteQueue;
  readonly #publisher: Publisher;
  readonly #intake: Intake;
  readonly #probeIntake: ProbeIntake;
  readonly #inputs: Input[] = [];
  readonly #waiting = new Map<Ticket, Waiting>();
  readonly #timers = new Set<() => void>();
  readonly #ready = Promise.withResolvers<void>();
  /** What the network has to call. */
  readonly handlers: NetworkHandlers = {
    onGossip: (from, bytes) => (this.#isStopped ? 'ignore' : this.#intake.gossip(from, bytes)),
    onFrame: (from, bytes) => {
      if (!this.#isStopped) this.#intake.frame(from, bytes);
    },
    onLinkUp: (peer, address) => this.feed({ type: 'link-up', peer, address }),
    onLinkDown: peer => this.feed({ type: 'link-down', peer }),
    onSubscribed: peer => this.feed({ type: 'subscribed', peer }),
    onDialEnded: (key, outcome) =>
      outcome.ok
        ? this.feed({ type: 'dial-succeeded', key, peer: outcome.peer })
        : this.feed({
            type: 'dial-failed',
            key,
            reason: outcome.reason,
            isRefused: outcome.isRefused === true,
            text: outcome.text,
          }),
    onPing: (peer: PeerId, rttMs) => this.feed({ type: 'pinged', peer, rttMs }),
    onDiscovered: (peer, multiaddrs, source) => this.feed({ type: 'discovered', peer, multiaddrs, source }),
    onForeign: address => {
      this.#foreignCount += 1;
      this.#components.observer.foreign(address);
    },
  };
  /** What the probe socket has to call. */
  readonly probeHandlers: ProbeHandlers = {
    onDatagram: (address, bytes) => {
      if (!this.#isStopped) this.#probeIntake.datagram(address, bytes);
    },
    onRefused: peer => this.feed({ type: 'probe-refused', peer }),
  };
  #isBusy = false;
  #isStopped = false;
  #lastTicket = 0;
  #foreignCount = 0;

  constructor(options: DriverOptions, components: DriverComponents) {
    this.#options = options;
    this.#components = components;
    const feed = (input: Input) => this.feed(input);
    this.#writes = new WriteQueue(
      {
        onDurable: effects => this.#run(effects),
        onFailed: (error, refused) => this.#storeFailed(error, refused),
        onRecovered: () => {
          components.observer.log('store_recovered', {});
          this.feed({ type: 'store-health', ok: true });
        },
      },
      components,
    );
    this.#publisher = new Publisher(components);
    const { protocol, clock, probeCodec, observer } = components;
    this.#probeIntake = new ProbeIntake(
      {
        get self() {
          return protocol.author.peer;
        },
      },
      {
        feed,
        onFault: (peer, fault) => feed({ type: 'fault-seen', peer, fault }),
        onRejected: reason => observer.rejected(reason, 'probe'),
      },
      { protocol, clock, codec: probeCodec },
    );
    this.#intake = new Intake(
      { cluster: options.cluster, settings: options.intake },
      {
        feed,
        onClaims: (from, claims) => this.#probeIntake.claims(from, claims),
        onFault: (peer, fault) => feed({ type: 'fault-seen', peer, fault }),
        onRejected: (reason, via) => observer.rejected(reason, via),
      },
      components,
    );
  }

  /** Agents of other clusters that were met and refused. */
  get foreignCount(): number {
    return this.#foreignCount;
  }

  /** Takes up what an earlier run left in the store. Before `start`. */
  restore(stored: StoredState): void {
    const { codec, probeCodec, protocol, clock } = this.#components;
    const isKnown = <T>(value: T | undefined): value is T => value !== undefined;
    const proofs = stored.proofs.flatMap(proof => {
      const first = codec.trust(proof.first);
      const second = codec.trust(proof.second);
      return first === undefined || second === undefined ? [] : [{ first, second }];
    });
    const restored = {
      records: stored.records.map(wire => codec.trust(wire)).filter(isKnown),
      floors: stored.floors,
      clocks: stored.clocks,
      contacts: stored.contacts,
      proofs,
      reachability: stored.reachability,
      confirmations: stored.confirmations ?? [],
      bans: (stored.bans ?? []).map(wire => codec.trustBan(wire)).filter(isKnown),
      removals: stored.removals.map(wire => probeCodec.trustClaim(wire)).filter(isKnown),
      outbox: stored.outbox,
      aliveAtMs: stored.meta['alive-at-ms'],
    };
    this.#run(protocol.restore(restored, clock.now()));
  }

  /** An authority's list that came from outside the cluster, such as from its operator. */
  publishRevocations(record: VerifiedRecord): void {
    this.feed({ type: 'revocations-given', record });
  }

  /** The network listens: announce this agent and look for the others. */
  start(own: { readonly node: NodeFields; readonly agent: AgentContact }): void {
    this.feed({ type: 'start', node: own.node, self: own.agent, seeds: this.#options.seeds });
  }

  /** Resolves once the agent has joined, or knows that it is alone. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves with whether anything changed, once it is durable. @throws FirsthandError */
  async register(request: RegistrationRequest): Promise<boolean> {
    return (await this.registerAndConfirm(request)).changed;
  }

  /** Resolves once others hold it too, or time is up, if the request asks for that. @throws FirsthandError */
  registerAndConfirm(request: RegistrationRequest): Promise<Done> {
    return this.#ask(ticket => ({ type: 'register', ticket, ...request }));
  }

  async deregister(id: NodeId, by?: Owner): Promise<void> {
    await this.#ask(ticket => ({ type: 'deregister', ticket, id, by }));
  }

  /** Takes an agent that is gone out of the cluster. @throws FirsthandError UNKNOWN_NODE, STILL_ALIVE */
  async remove(id: NodeId): Promise<void> {
    await this.#ask(ticket => ({ type: 'remove', ticket, id }));
  }

  /** A certificate for the key that is to follow ours. @throws FirsthandError NO_ISSUER, NOT_READY, STORE_FULL, STORE_FAILED */
  async certifyNext({ peer: key, signature }: NextKey): Promise<Uint8Array> {
    const { certificate } = await this.#ask(ticket => ({ type: 'certify-next', ticket, key, signature }));
    return certificate as Uint8Array;
  }

  /** The codecs sign with the new key already. Resolves once everything is said with it, durably. */
  async rekey(peer: PeerId, predecessor: Predecessor, certificate?: Uint8Array): Promise<void> {
    await this.#ask(ticket => ({ type: 'rekey', ticket, peer, predecessor, certificate }));
    this.#publisher.flush();
  }

  /** Ends a former key of this agent, by its own word. */
  async endKey(claim: VerifiedClaim): Promise<void> {
    await this.#ask(ticket => ({ type: 'end-key', ticket, claim }));
  }

  /** Ends the key of this agent, which should be stopped then. @throws FirsthandError NOT_READY, STORE_FULL, STORE_FAILED */
  async revokeKey(): Promise<void> {
    await this.#ask(ticket => ({ type: 'revoke-key', ticket }));
  }

  /** An operator shuts a key out, or pardons it, through this agent. @throws FirsthandError STORE_FULL, STORE_FAILED */
  async decide(ban: VerifiedBan): Promise<void> {
    await this.#ask(ticket => ({ type: 'ban', ticket, ban }));
  }

  /** What is to be written by now is written. */
  settled(): Promise<void> {
    return this.#writes.idle();
  }

  /** Resolves once it is durable, long before it has arrived. @throws FirsthandError OUTBOX_FULL, STORE_FULL, STORE_FAILED */
  async enqueue(request: DeliveryRequest): Promise<void> {
    await this.#ask(ticket => ({ type: 'enqueue', ticket, request }));
  }

  /** Announces departure; resolves once that is written and handed to the network. */
  async depart(forGood: boolean): Promise<void> {
    await this.#ask(ticket => ({ type: 'depart', ticket, forGood }));
    this.#publisher.flush();
  }

  /** Safe to call twice. Waits for writes under way; what the store refuses by then is lost with the process. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    await this.#writes.idle();
    this.#isStopped = true;
    this.#writes.stop();
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    const error = new FirsthandError('NOT_READY', { text: 'the agent has stopped' });
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#ready.resolve();
  }

  feed(input: Input): void {
    if (this.#isStopped) return;
    this.#inputs.push(input);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
        this.#components.observer.input(next);
        this.#run(this.#components.protocol.step(next, this.#components.clock.now()));
      }
    } finally {
      this.#isBusy = false;
    }
  }

  #ask(inputFor: (ticket: Ticket) => Input): Promise<Done> {
    if (this.#isStopped)
      return Promise.reject(new FirsthandError('NOT_READY', { text: 'the agent has stopped' }));
    this.#lastTicket += 1;
    const ticket = this.#lastTicket;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ticket, { resolve, reject });
      this.feed(inputFor(ticket));
    });
  }

  #run(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.#components.observer.effect(effect);
      this.#carryOut(effect);
    }
  }

  #carryOut(effect: Effect): void {
    const { network, probes, codec, probeCodec, checker, deliverer, httpPeers, clock, events, observer } =
      this.#components;
    switch (effect.type) {
      case 'persist':
        return this.#writes.add(effect.operations, effect.then);
      case 'publish':
        return this.#publisher.add(effect.records);
      case 'publish-proof':
        return this.#publisher.addProof(effect.proof);
      case 'publish-bans':
        return this.#publisher.addBans(effect.bans);
      case 'send':
        return network.send(effect.to, codec.encodeFrame(effect.message));
      case 'datagram': {
        const { address, asks, message } = effect;
        const bytes = probeCodec.encodeProbe(message);
        return asks ? probes.ask(message.to, address, bytes) : probes.send(address, bytes);
      }
      case 'dial': {
        const { key, peer, multiaddrs } = effect.dial;
        return network.dial({ key, multiaddrs, ...(peer === undefined ? {} : { peer }) });
      }
      case 'hang-up':
        return network.hangUp(effect.peer);
      case 'standing':
        return network.setStanding(effect.peer, effect.standing);
      case 'ping':
        return network.ping(effect.peer);
      case 'look-up':
        return network.lookUp(effect.peer);
      case 'check': {
        const { key } = effect;
        return checker.check(effect, outcome => this.feed({ type: 'checked', key, outcome }));
      }
      case 'deliver': {
        const { id } = effect;
        const sinceMonoMs = clock.now().monoMs;
        return deliverer.deliver(effect, outcome =>
          this.feed({ type: 'delivered', id, outcome, latencyMs: clock.now().monoMs - sinceMonoMs }),
        );
      }
      case 'written':
        return this.feed({ type: 'outbox-written', receiver: effect.receiver, sequence: effect.sequence });
      case 'register-with': {
        const { key } = effect;
        return httpPeers.register(effect, outcome => this.feed({ type: 'http-peer-answered', key, outcome }));
      }
      case 'renew':
        return this.#components.membership?.renew(effect.certificate, this.#handOver(effect.to));
      case 'certify-next': {
        const { to, certificate, key } = effect;
        return this.#components.membership?.certifyNext(certificate, key, this.#handOver(to));
      }
      case 'keep-certificate':
        return this.#components.membership?.keep(effect.certificate);
      case 'wake':
        return this.#wake(effect.afterMs, effect.input, effect.afterPoll === true);
      case 'reply':
        return this.#answer(effect.ticket, effect.reply);
      case 'event': {
        const at = new Date(clock.now().wallMs).toISOString();
        const { event } = effect;
        return events.append({ ...event, data: { at, ...event.data } } as Parameters<
          RecentEvents['append']
        >[0]);
      }
      case 'refused':
        return observer.rejected(effect.reason, effect.via);
      case 'log':
        return observer.log(effect.event, effect.fields);
      case 'sync-ended': // Only for the observer.
        return;
      case 'ready':
        return this.#ready.resolve();
      default:
        return unreachable(effect);
    }
  }

  /** To a member who has asked for a certificate: it goes on under the present key of ours, or is one of ours. */
  #handOver(to: PeerId): (certificate: Uint8Array) => void {
    const { network, codec, protocol } = this.#components;
    return certificate => {
      if (to === protocol.author.peer) this.feed({ type: 'renewed', certificate });
      else network.send(to, codec.encodeFrame({ type: 'renewal', certificate }));
    };
  }

  /**
   * After a blocked turn the loop runs what is due before it reads what has come in: 60 of 60 acks that were
   * waiting in the socket counted as missing, and none once each timer had let one poll phase pass.
   */
  #wake(afterMs: number, input: Input, afterPoll: boolean): void {
    const { clock } = this.#components;
    const cancel = clock.after(afterMs, () => {
      this.#timers.delete(cancel);
      if (afterPoll) clock.soon(() => this.feed(input));
      else this.feed(input);
    });
    this.#timers.add(cancel);
  }

  #answer(ticket: Ticket, reply: Reply): void {
    const waiting = this.#waiting.get(ticket);
    this.#waiting.delete(ticket);
    if (reply.ok) waiting?.resolve(reply);
    else waiting?.reject(new FirsthandError(reply.code, reply.details));
  }

  #storeFailed(error: unknown, refused: readonly Effect[]): void {
    this.#components.observer.log('store_write_failed', { error });
    const isFull = error instanceof FirsthandError && error.code === 'STORE_FULL';
    const problem = isFull ? 'STORE_FULL' : 'STORE_FAILED';
    for (const effect of refused) {
      if (effect.type !== 'reply') continue;
      const { text } = errorKind(problem);
      this.#answer(effect.ticket, { ok: false, code: problem, details: { text } });
    }
    this.feed({ type: 'store-health', ok: false, problem });
  }
}
