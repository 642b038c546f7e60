/** Everything that one simulation consists of, and what befalls it. */
import { capabilitiesOf, type NodeId } from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';
import { unreachable } from '../errors.ts';
import { seededRandom } from '../runtime/seeded-random.ts';
import { SimAgent, type Witness } from './agent.ts';
import { Attacker } from './attacker.ts';
import type { SimAuthority } from './authority.ts';
import { Clinic } from './clinic.ts';
import { Decoded } from './codec.ts';
import { Ledger } from './delivery-ledger.ts';
import { KeyRing } from './key-ring.ts';
import { type CreateHub, calmConditions, SimNetworkHub } from './network.ts';
import { type Fault, type Happening, isFault, type Plan, receivers, type Work } from './plan.ts';
import { PostOffice } from './post.ts';
import { Predecessors } from './predecessors.ts';
import { Scheduler } from './scheduler.ts';
import { TroubleLog } from './trouble-log.ts';
import { Workload, type WorkloadHandlers } from './workload.ts';

const bridgesCount = 2;
const peerRefreshMs = 5_000;
/** What the system had not written back yet, and a little more. */
const cachedMs = 6_000;
const starveCycleMs = 400;

export class World {
  readonly plan: Plan;
  readonly scheduler = new Scheduler();
  readonly hub: SimNetworkHub;
  readonly clinic: Clinic;
  readonly predecessors: Predecessors;
  readonly post: PostOffice;
  readonly deliveries: Ledger;
  readonly keys: KeyRing;
  readonly authority: SimAuthority | undefined;
  readonly agents: readonly SimAgent[];
  /** Those that keep to the protocol. */
  readonly honest: readonly SimAgent[];
  readonly trouble: TroubleLog;
  readonly workload: Workload;
  readonly #attackers: readonly Attacker[];
  readonly #owners = new Map<NodeId, { readonly keys: PeerId[] }>();

  constructor(
    plan: Plan,
    components: {
      readonly witness: Witness;
      readonly handlers: WorkloadHandlers;
      /** Says who is a member, given everybody's keys; absent: everybody is. */
      readonly authority?: (keys: KeyRing) => SimAuthority;
      readonly createHub?: CreateHub;
    },
  ) {
    const { seed } = plan;
    this.plan = plan;
    const { scheduler } = this;
    const create = components.createHub ?? ((...parts) => new SimNetworkHub(...parts));
    this.hub = create(plan.conditions ?? calmConditions, {
      scheduler,
      random: seededRandom(seed, 'network'),
    });
    this.clinic = new Clinic({ random: seededRandom(seed, 'clinic') });
    this.predecessors = new Predecessors({ random: seededRandom(seed, 'predecessors') });
    this.post = new PostOffice({ receivers }, { random: seededRandom(seed, 'post') });
    this.deliveries = new Ledger(this.post);
    this.keys = new KeyRing({ seed, isReal: plan.realSignatures });
    this.trouble = new TroubleLog({ scheduler });
    for (let index = 1; index <= plan.predecessorsCount; index++) this.#addPredecessor(index);
    this.authority = components.authority?.(this.keys);
    this.agents = this.#populate(components.witness);
    this.honest = this.agents.filter(({ place }) => !plan.attackers.includes(place));
    for (const { id, peer } of this.honest) this.#owners.set(id, { keys: [peer] });
    this.workload = new Workload(components.handlers, { scheduler, ledger: this.deliveries });
    const { hub, keys } = this;
    this.#attackers = this.agents
      .filter(({ place }) => plan.attackers.includes(place))
      .map(
        agent =>
          new Attacker(agent, {
            hub,
            keys,
            random: seededRandom(seed, `attacker ${agent.place}`),
            victims: () => this.honest,
          }),
      );
  }

  get nowMs(): number {
    return this.scheduler.nowMs;
  }

  /** By node id, with all keys that an agent has had; of those that keep to the protocol. */
  get owners(): ReadonlyMap<NodeId, { readonly keys: readonly PeerId[] }> {
    return this.#owners;
  }

  agent(place: number): SimAgent {
    return this.agents[place - 1] as SimAgent;
  }

  async begin(happening: Happening): Promise<void> {
    if (!isFault(happening)) return this.#work(happening);
    const end = await this.#strike(happening);
    this.trouble.begin(happening);
    this.scheduler.after(happening.forMs, () => {
      end();
      this.trouble.end(happening);
    });
  }

  /** Everybody runs, and nothing is wrong any more. */
  async calm(): Promise<void> {
    this.hub.heal();
    await this.scheduler.run(this.nowMs + 1_000);
    for (const agent of this.agents) await agent.start();
    await this.scheduler.run(this.nowMs + 1);
  }

  #work(work: Work): void {
    if (work.type === 'predecessor changed') {
      const url = this.predecessors.urls[work.predecessor - 1];
      if (url !== undefined) this.predecessors.update(url, { metricsPort: work.port });
      return;
    }
    this.workload.perform(work, this.agent(work.agent));
  }

  /** @returns What ends it. */
  async #strike(fault: Fault): Promise<() => void> {
    switch (fault.type) {
      case 'crash': {
        const agent = this.agent(fault.agent);
        agent.crash();
        return () => this.#start(agent);
      }
      case 'stop': {
        const agent = this.agent(fault.agent);
        agent.stop();
        return () => this.scheduler.after(600, () => this.#start(agent));
      }
      case 'power loss': {
        const agents = fault.agents.map(place => this.agent(place));
        for (const agent of agents) this.#losePower(agent);
        return () => {
          for (const agent of agents) this.#start(agent);
        };
      }
      case 'wipe': {
        const agent = this.agent(fault.agent);
        agent.wipe();
        this.#owners.get(agent.id)?.keys.push(agent.peer);
        this.workload.forget(agent);
        this.deliveries.forget(agent);
        return () => this.#start(agent);
      }
      case 'rot': {
        const agent = this.agent(fault.agent);
        agent.crash();
        await this.#rot(agent);
        return () => this.#start(agent);
      }
      case 'pause': {
        this.agent(fault.agent).pause(fault.forMs);
        return () => {};
      }
      case 'starve':
        return this.#starve(this.agent(fault.agent), fault.share, fault.forMs);
      case 'disk': {
        const { disk } = this.agent(fault.agent);
        disk.begin(fault.trouble);
        return () => disk.end(fault.trouble);
      }
      case 'clock': {
        const { machine } = this.agent(fault.agent);
        machine.offsetMs += fault.byMs;
        return () => {
          machine.offsetMs -= fault.byMs;
        };
      }
      case 'partition': {
        const side = new Set(fault.side);
        const rest = new Set(this.agents.map(({ place }) => place).filter(place => !side.has(place)));
        return this.hub.partition(side, rest);
      }
      case 'one-way':
        return this.hub.impose({ from: new Set(fault.from), to: new Set(fault.to), isCut: true });
      case 'weather':
        return this.#weather(fault);
      case 'attack': {
        const attacker = this.#attackers.find(({ agent }) => agent.place === fault.agent);
        attacker?.begin(fault.kind);
        return () => attacker?.end(fault.kind);
      }
      case 'illness': {
        const backends = this.agent(fault.agent).backends;
        const url = backends[fault.service % Math.max(1, backends.length)]?.url;
        if (url === undefined) return () => {};
        this.clinic.fallsIll(url, fault.ailment);
        return () => this.clinic.isCured(url);
      }
      case 'receiver away': {
        const receiver = receivers[fault.receiver] ?? receivers[0];
        this.post.set(receiver, false);
        return () => this.post.set(receiver, true);
      }
      case 'answers lost':
        this.post.lossShare = fault.share;
        return () => {
          this.post.lossShare = 0;
        };
      case 'predecessor gone': {
        const url = this.predecessors.urls[fault.predecessor - 1] ?? '';
        this.predecessors.crash(url);
        return () => this.predecessors.restart(url);
      }
      default:
        return unreachable(fault);
    }
  }

  #start(agent: SimAgent): void {
    this.scheduler.settled();
    void agent.start();
  }

  #losePower(agent: SimAgent): void {
    agent.losePower();
    if (agent.syncs) return;
    this.workload.forget(agent, this.nowMs - cachedMs);
    this.deliveries.forget(agent, this.nowMs - cachedMs);
  }

  /** One delivery that is neither the first nor the last of its queue is gone. */
  async #rot(agent: SimAgent): Promise<void> {
    const { outbox } = await agent.disk.content();
    const { receiver, sequence } = outbox.deliveries[1] ?? {};
    if (receiver === undefined || sequence === undefined) return;
    agent.disk.damage([{ type: 'delete-delivery', receiver, sequence }]);
    this.deliveries.rotted(agent);
  }

  #starve(agent: SimAgent, share: number, forMs: number): () => void {
    const endMs = this.nowMs + forMs;
    const random = seededRandom(this.plan.seed, `starve ${agent.id} ${endMs}`);
    const cycle = () => {
      if (this.nowMs >= endMs) return;
      const cycleMs = starveCycleMs * 2 * random.next();
      agent.pause(cycleMs * (1 - share));
      this.scheduler.after(Math.max(1, cycleMs), cycle);
    };
    cycle();
    return () => {};
  }

  #weather(fault: Extract<Fault, { readonly type: 'weather' }>): () => void {
    const { agents, loss, duplicates, delayMinMs, delayMaxMs } = fault;
    const conditions = { loss, duplicates, delayMinMs, delayMaxMs };
    if (agents === undefined) return this.hub.impose(conditions);
    const places = new Set(agents);
    const lifts = [
      this.hub.impose({ ...conditions, from: places }),
      this.hub.impose({ ...conditions, to: places }),
    ];
    return () => {
      for (const lift of lifts) lift();
    };
  }

  #populate(witness: Witness): readonly SimAgent[] {
    const { plan, hub, clinic, predecessors, post, keys, authority } = this;
    const decoded = new Decoded();
    const agents: SimAgent[] = [];
    for (let index = 1; index <= plan.agentsCount; index++) {
      const seeds = agents.slice(0, 2).map(agent => agent.address);
      const urls = index <= bridgesCount ? predecessors.urls.slice(0, 2) : [];
      const settings = {
        ...plan.settings,
        bridge: { urls, refreshMs: peerRefreshMs, ...plan.settings.bridge },
      };
      agents.push(
        new SimAgent(
          {
            seed: plan.seed,
            index,
            seeds,
            settings,
            syncs: plan.syncs,
            nodeType: plan.nodeTypes?.[index - 1] ?? 'backend',
          },
          { hub, clinic, predecessors, post, keys, decoded, witness, authority },
        ),
      );
    }
    return agents;
  }

  #addPredecessor(index: number): void {
    this.predecessors.add({
      id: `old-${index}`,
      node: {
        address: `10.2.0.${index}:8000`,
        metricsPort: 9_000,
        nodeType: 'backend',
        isLoadBalancer: false,
        capabilities: capabilitiesOf('backend'),
        lastUpdatedS: 1_767_225_600,
      },
    });
  }
}
