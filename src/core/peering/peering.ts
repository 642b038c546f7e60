/**
 * Whom to dial, and when.
 *
 * libp2p gives up on a lost peer after about half a minute; this never does. Every seed and every
 * member that has not been reaped is dialled until it answers, with capped exponential backoff and
 * full jitter. Peers known only from a LAN announcement, the DHT or an earlier life are dropped
 * after a number of failures: they come back when somebody names them again.
 *
 * Up to `fullMeshMaxCount` agents everyone keeps a link to everyone; beyond, each keeps
 * `partialMeshCount` links to agents drawn at random, and dials one of the others now and then, each in its
 * turn, to see whether it is still there.
 */
import { drawn, fullJitterMs, type Random } from '../random.ts';
import type { PeerId } from '../record/record.ts';
import { ProbeOrder } from '../swim/probe-order.ts';

export interface PeeringSettings {
  readonly fullMeshMaxCount: number;
  readonly partialMeshCount: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Dials to members that are back are spread over this time, ms. */
  readonly returnSpreadMs: number;
  /** Dials under way at one time. */
  readonly dialsMaxCount: number;
  /** Failures after which a peer that is neither seed nor member is forgotten. */
  readonly strangerFailuresMaxCount: number;
  /** How long the side with the larger key waits for the other side to dial first, ms. */
  readonly politenessMs: number;
  /** Peers remembered; strangers beyond are not taken in. */
  readonly contactsMaxCount: number;
  /** In a partial mesh: time between two looks at a member we keep no link to, ms. */
  readonly checkIntervalMs: number;
}

export const defaultPeeringSettings: PeeringSettings = {
  fullMeshMaxCount: 200, // Guess: 199 idle connections cost an agent little; beyond that news needs no direct way.
  partialMeshCount: 32, // Guess: a random graph of 16 to 64 neighbours holds together at 1,000 agents.
  backoffMinMs: 500, // Guess: a restarted process needs about a second.
  backoffMaxMs: 30_000, // Serf reconnects every 30 s.
  // A healed partition of 20 agents means 100 handshakes, seconds of CPU: to know who is alive comes first.
  returnSpreadMs: 3_000,
  dialsMaxCount: 4, // Measured: 25 agents started at once on 2 cores; with 16 most dials time out unanswered.
  strangerFailuresMaxCount: 8, // Derived: about two minutes of trying.
  politenessMs: 2_000, // Measured as above: shorter, and busy agents dial each other twice.
  contactsMaxCount: 5_000, // Guess: five times the largest cluster planned for.
  checkIntervalMs: 15_000, // Derived: so each of 1,000 members is looked at by one of the others every 15 s.
};

export type ContactSource = 'seed' | 'mdns' | 'dht' | 'record' | 'store' | 'inbound';

export interface Contact {
  /** The peer id, or `seed:<multiaddr>` for a seed that has not answered yet. */
  readonly key: string;
  readonly peer: PeerId | undefined;
  readonly multiaddrs: readonly string[];
  readonly sources: ReadonlySet<ContactSource>;
  readonly isDialing: boolean;
  readonly failedDialsCount: number;
  readonly nextDialMonoMs: number;
  readonly lastError: string | undefined;
}

type State = { -readonly [K in keyof Contact]: Contact[K] } & {
  sources: Set<ContactSource>;
  /** The dial under way is a look only; the link is given up again when there are enough. */
  isLook: boolean;
};

export interface Dial {
  readonly key: string;
  readonly peer: PeerId | undefined;
  readonly multiaddrs: readonly string[];
}

const multiaddrsPerContactMaxCount = 16;
/** After this many failures the DHT is asked for other addresses, and again at each multiple. */
const lookUpEveryFailures = 3;

export class Peering {
  readonly #settings: PeeringSettings;
  readonly #components: { readonly self: PeerId };
  readonly #random: Random;
  readonly #isLinked: (peer: PeerId) => boolean;
  readonly #contacts = new Map<string, State>();
  /** Which peer answered at which seed. */
  readonly #seedPeers = new Map<string, PeerId>();
  readonly #bootstrap = new Set<string>();
  #nextLookMonoMs = 0;
  #dialingCount = 0;
  /** In a partial mesh: whose link broke, so see whether they are still there. */
  readonly #inDoubt = new Set<State>();
  /** In a partial mesh: whom to look at next. */
  readonly #lookOrder: ProbeOrder;
  /** Nobody is to be dialled before, unless something happens. */
  #quietUntilMonoMs = 0;

  constructor(
    settings: Partial<PeeringSettings>,
    components: {
      readonly self: PeerId;
      readonly random: Random;
      readonly isLinked: (peer: PeerId) => boolean;
    },
  ) {
    this.#settings = { ...defaultPeeringSettings, ...settings };
    this.#components = components;
    this.#random = components.random;
    this.#isLinked = components.isLinked;
    this.#lookOrder = new ProbeOrder(components.random);
  }

  get contactsCount(): number {
    return this.#contacts.size;
  }

  contacts(): Iterable<Contact> {
    return this.#contacts.values();
  }

  /** @param key - A peer id, or the key of a seed. */
  contact(key: string): Contact | undefined {
    return this.#contacts.get(key);
  }

  addSeed(multiaddr: string, monoMs: number): void {
    const key = `seed:${multiaddr}`;
    if (this.#contacts.has(key)) return;
    this.#contacts.set(key, this.#fresh(key, undefined, [multiaddr], 'seed', monoMs));
    this.#quietUntilMonoMs = 0;
  }

  /** Somebody or something names a peer. Newly named addresses are tried first, and soon. */
  addPeer(
    peer: PeerId,
    multiaddrs: readonly string[],
    source: ContactSource,
    monoMs: number,
    isBootstrap = false,
  ): void {
    if (peer === this.#components.self) return;
    const known = this.#contacts.get(peer);
    if (isBootstrap) this.#bootstrap.add(peer);
    else if (source === 'record') this.#bootstrap.delete(peer);
    if (known === undefined) {
      if (this.#contacts.size >= this.#settings.contactsMaxCount && source !== 'record') return;
      const waits = source === 'record' && this.#components.self > peer ? this.#settings.politenessMs : 0;
      this.#contacts.set(peer, this.#fresh(peer, peer, multiaddrs, source, monoMs + waits));
      this.#lookOrder.add(peer);
      this.#quietUntilMonoMs = Math.min(this.#quietUntilMonoMs, monoMs + waits);
      return;
    }
    known.sources.add(source);
    const news = multiaddrs.filter(multiaddr => !known.multiaddrs.includes(multiaddr));
    if (news.length === 0) return;
    known.multiaddrs = [...news, ...known.multiaddrs].slice(0, multiaddrsPerContactMaxCount);
    known.failedDialsCount = 0;
    known.nextDialMonoMs = Math.min(known.nextDialMonoMs, monoMs);
    this.#quietUntilMonoMs = 0;
  }

  /** Not to be dialled any more: a member that is none any longer, or a seed that is this agent itself. */
  forget(key: string): void {
    this.#drop(key);
    this.#bootstrap.delete(key);
  }

  /**
   * A link that was there is gone: try again at once, the other side may just be restarting.
   *
   * @param wasLook - It was never meant to stay.
   */
  linkDown(peer: PeerId, monoMs: number, wasLook = false): void {
    this.#quietUntilMonoMs = 0;
    if (wasLook) return;
    const contact = this.#contacts.get(peer);
    if (contact !== undefined) {
      contact.failedDialsCount = 0;
      contact.nextDialMonoMs = monoMs + fullJitterMs(this.#random, this.#settings.backoffMinMs);
      this.#inDoubt.add(contact);
    }
    for (const [key, seedPeer] of this.#seedPeers) {
      if (seedPeer !== peer) continue;
      const seed = this.#contacts.get(key);
      if (seed !== undefined)
        seed.nextDialMonoMs = monoMs + fullJitterMs(this.#random, this.#settings.backoffMinMs);
    }
  }

  /** It was heard of by other ways: whatever pause there was before the next dial is over. */
  dialSoon(peer: PeerId, monoMs: number): void {
    const contact = this.#contacts.get(peer);
    if (contact === undefined || contact.isDialing || contact.failedDialsCount === 0) return;
    this.#quietUntilMonoMs = 0;
    contact.failedDialsCount = 0;
    contact.nextDialMonoMs = Math.min(
      contact.nextDialMonoMs,
      monoMs + fullJitterMs(this.#random, this.#settings.returnSpreadMs),
    );
  }

  /** Returns whether the link was wanted for a look only and may be given up again. */
  dialSucceeded(key: string, peer: PeerId): boolean {
    const contact = this.#contacts.get(key);
    if (contact === undefined) return false;
    const wasLook = contact.isLook;
    this.#ended(contact);
    this.#inDoubt.delete(contact);
    contact.failedDialsCount = 0;
    contact.lastError = undefined;
    if (contact.peer === undefined) this.#seedPeers.set(key, peer);
    return wasLook;
  }

  /** @param forGood - It answered, but it is not for us: another cluster. */
  dialFailed(
    key: string,
    text: string,
    forGood: boolean,
    monoMs: number,
  ): { readonly lookUp: PeerId | undefined } {
    const contact = this.#contacts.get(key);
    if (contact === undefined) return { lookUp: undefined };
    this.#ended(contact);
    contact.failedDialsCount += 1;
    contact.lastError = text;
    const isKept = contact.sources.has('seed') || contact.sources.has('record');
    const isHopeless = forGood || contact.failedDialsCount >= this.#settings.strangerFailuresMaxCount;
    if (!isKept && isHopeless) {
      this.#drop(key);
      return { lookUp: undefined };
    }
    const capMs = forGood
      ? this.#settings.backoffMaxMs
      : Math.min(
          this.#settings.backoffMaxMs,
          this.#settings.backoffMinMs * 2 ** Math.min(contact.failedDialsCount, 20),
        );
    contact.nextDialMonoMs = monoMs + this.#settings.backoffMinMs / 2 + fullJitterMs(this.#random, capMs);
    const asks = contact.peer !== undefined && contact.failedDialsCount % lookUpEveryFailures === 0;
    return { lookUp: asks ? contact.peer : undefined };
  }

  /** Dials to begin now. */
  due(membersCount: number, linksCount: number, monoMs: number): readonly Dial[] {
    const roomCount = this.#settings.dialsMaxCount - this.#dialingCount;
    if (roomCount <= 0 || monoMs < this.#quietUntilMonoMs) return [];
    const chosen = this.#choose(membersCount, linksCount + this.#dialingCount, monoMs).slice(0, roomCount);
    for (const contact of chosen) contact.isDialing = true;
    this.#dialingCount += chosen.length;
    return chosen.map(({ key, peer, multiaddrs }) => ({ key, peer, multiaddrs }));
  }

  /** Whose time has come, those to be dialled first at the front. */
  #waiting(monoMs: number): State[] {
    const waiting: State[] = [];
    let nextMonoMs = Number.POSITIVE_INFINITY;
    for (const contact of this.#contacts.values()) {
      if (contact.isDialing || !this.#isWanted(contact)) continue;
      if (this.#isDue(contact, monoMs)) waiting.push(contact);
      nextMonoMs = Math.min(nextMonoMs, contact.nextDialMonoMs);
    }
    this.#quietUntilMonoMs = nextMonoMs;
    return waiting.sort((a, b) => Number(this.#isFirst(b)) - Number(this.#isFirst(a)));
  }

  #ended(contact: State): void {
    if (contact.isDialing) this.#dialingCount -= 1;
    contact.isDialing = false;
    contact.isLook = false;
    this.#quietUntilMonoMs = 0;
  }

  #drop(key: string): void {
    const contact = this.#contacts.get(key);
    if (contact === undefined) return;
    this.#ended(contact);
    this.#inDoubt.delete(contact);
    this.#lookOrder.remove(key);
    this.#contacts.delete(key);
  }

  #isFirst({ key, sources }: State): boolean {
    return this.#bootstrap.has(key) || sources.has('seed');
  }

  #isWanted(contact: State): boolean {
    if (contact.peer !== undefined) return contact.multiaddrs.length > 0 && !this.#isLinked(contact.peer);
    const seedPeer = this.#seedPeers.get(contact.key);
    return seedPeer === undefined || !this.#isLinked(seedPeer);
  }

  #choose(membersCount: number, linksCount: number, monoMs: number): readonly State[] {
    const { fullMeshMaxCount, partialMeshCount } = this.#settings;
    if (membersCount <= fullMeshMaxCount) return this.#waiting(monoMs);
    const missingCount = partialMeshCount - linksCount;
    if (missingCount > 0) return drawn(this.#random, this.#waiting(monoMs), missingCount);
    const looks = this.#looks(monoMs);
    for (const contact of looks) contact.isLook = true;
    return looks;
  }

  #looks(monoMs: number): readonly State[] {
    const doubted: State[] = [];
    for (const contact of this.#inDoubt) {
      if (!this.#isWanted(contact)) this.#inDoubt.delete(contact);
      else if (this.#isDue(contact, monoMs)) doubted.push(contact);
    }
    if (doubted.length > 0 || monoMs < this.#nextLookMonoMs) return doubted;
    this.#nextLookMonoMs = monoMs + this.#settings.checkIntervalMs;
    const next = this.#lookOrder.next(key => {
      const contact = this.#contacts.get(key);
      return contact !== undefined && this.#isWanted(contact) && this.#isDue(contact, monoMs);
    });
    const chosen = next === undefined ? undefined : this.#contacts.get(next);
    return chosen === undefined ? [] : [chosen];
  }

  #isDue({ isDialing, nextDialMonoMs }: State, monoMs: number): boolean {
    return !isDialing && nextDialMonoMs <= monoMs;
  }

  #fresh(
    key: string,
    peer: PeerId | undefined,
    multiaddrs: readonly string[],
    source: ContactSource,
    nextDialMonoMs: number,
  ): State {
    return {
      key,
      peer,
      multiaddrs: multiaddrs.slice(0, multiaddrsPerContactMaxCount),
      sources: new Set([source]),
      isDialing: false,
      isLook: false,
      failedDialsCount: 0,
      nextDialMonoMs,
      lastError: undefined,
    };
  }
}
