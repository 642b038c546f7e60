/**
 * Whom to dial, and when.
 *
 * libp2p gives up on a lost peer after about half a minute; this never does. Every seed and every
 * member that has not been reaped is dialled until it answers, with capped exponential backoff and
 * full jitter. Peers known only from a LAN announcement, the DHT or an earlier life are dropped
 * after a number of failures: they come back when somebody names them again.
 *
 * Up to `fullMeshMaxCount` agents everyone keeps a link to everyone; beyond, each keeps
 * `partialMeshCount` links to agents drawn at random, and dials one of the others now and then to
 * see whether it is still there.
 */
import { fullJitterMs, type Random, shuffled } from '../random.ts';
import type { PeerId } from '../record/record.ts';

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
  checkIntervalMs: 2_000, // Derived: 1,000 members are looked at once in about half an hour.
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
  /** In a partial mesh: its link broke, so see whether it is still there. */
  isInDoubt: boolean;
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
  readonly #self: PeerId;
  readonly #random: Random;
  readonly #isLinked: (peer: PeerId) => boolean;
  readonly #contacts = new Map<string, State>();
  /** Which peer answered at which seed. */
  readonly #seedPeers = new Map<string, PeerId>();
  readonly #bootstrap = new Set<string>();
  #nextLookMonoMs = 0;

  constructor(
    settings: Partial<PeeringSettings>,
    components: {
      readonly self: PeerId;
      readonly random: Random;
      readonly isLinked: (peer: PeerId) => boolean;
    },
  ) {
    this.#settings = { ...defaultPeeringSettings, ...settings };
    this.#self = components.self;
    this.#random = components.random;
    this.#isLinked = components.isLinked;
  }

  contacts(): Iterable<Contact> {
    return this.#contacts.values();
  }

  contact(peer: PeerId): Contact | undefined {
    return this.#contacts.get(peer);
  }

  addSeed(multiaddr: string, monoMs: number): void {
    const key = `seed:${multiaddr}`;
    if (this.#contacts.has(key)) return;
    this.#contacts.set(key, this.#fresh(key, undefined, [multiaddr], 'seed', monoMs));
  }

  /** Somebody or something names a peer. Newly named addresses are tried first, and soon. */
  addPeer(
    peer: PeerId,
    multiaddrs: readonly string[],
    source: ContactSource,
    monoMs: number,
    isBootstrap = false,
  ): void {
    if (peer === this.#self) return;
    const known = this.#contacts.get(peer);
    if (isBootstrap) this.#bootstrap.add(peer);
    else if (source === 'record') this.#bootstrap.delete(peer);
    if (known === undefined) {
      if (this.#contacts.size >= this.#settings.contactsMaxCount && source !== 'record') return;
      const waits = source === 'record' && this.#self > peer ? this.#settings.politenessMs : 0;
      this.#contacts.set(peer, this.#fresh(peer, peer, multiaddrs, source, monoMs + waits));
      return;
    }
    known.sources.add(source);
    const news = multiaddrs.filter(multiaddr => !known.multiaddrs.includes(multiaddr));
    if (news.length === 0) return;
    known.multiaddrs = [...news, ...known.multiaddrs].slice(0, multiaddrsPerContactMaxCount);
    known.failedDialsCount = 0;
    known.nextDialMonoMs = Math.min(known.nextDialMonoMs, monoMs);
  }

  /** Not to be dialled any more: a member that is none any longer, or a seed that is this agent itself. */
  forget(key: string): void {
    this.#contacts.delete(key);
    this.#bootstrap.delete(key);
  }

  /** A link that was there is gone: try again at once, the other side may just be restarting. */
  linkDown(peer: PeerId, monoMs: number): void {
    const contact = this.#contacts.get(peer);
    if (contact !== undefined) {
      contact.failedDialsCount = 0;
      contact.nextDialMonoMs = monoMs + fullJitterMs(this.#random, this.#settings.backoffMinMs);
      contact.isInDoubt = true;
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
    contact.isDialing = false;
    contact.isLook = false;
    contact.isInDoubt = false;
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
    contact.isDialing = false;
    contact.isLook = false;
    contact.failedDialsCount += 1;
    contact.lastError = text;
    const isKept = contact.sources.has('seed') || contact.sources.has('record');
    const isHopeless = forGood || contact.failedDialsCount >= this.#settings.strangerFailuresMaxCount;
    if (!isKept && isHopeless) {
      this.#contacts.delete(key);
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
    const waiting: State[] = [];
    let dialingCount = 0;
    for (const contact of this.#contacts.values()) {
      if (contact.isDialing) dialingCount += 1;
      else if (this.#isWanted(contact) && contact.nextDialMonoMs <= monoMs) waiting.push(contact);
    }
    waiting.sort((a, b) => Number(this.#isFirst(b)) - Number(this.#isFirst(a)));
    const chosen = this.#choose(waiting, membersCount, linksCount + dialingCount, monoMs).slice(
      0,
      Math.max(0, this.#settings.dialsMaxCount - dialingCount),
    );
    for (const contact of chosen) contact.isDialing = true;
    return chosen.map(({ key, peer, multiaddrs }) => ({ key, peer, multiaddrs }));
  }

  #isFirst({ key, sources }: State): boolean {
    return this.#bootstrap.has(key) || sources.has('seed');
  }

  #isWanted(contact: State): boolean {
    if (contact.peer !== undefined) return contact.multiaddrs.length > 0 && !this.#isLinked(contact.peer);
    const seedPeer = this.#seedPeers.get(contact.key);
    return seedPeer === undefined || !this.#isLinked(seedPeer);
  }

  #choose(
    waiting: readonly State[],
    membersCount: number,
    linksCount: number,
    monoMs: number,
  ): readonly State[] {
    const { fullMeshMaxCount, partialMeshCount, checkIntervalMs } = this.#settings;
    if (membersCount <= fullMeshMaxCount) return waiting;
    const drawn = shuffled(this.#random, waiting);
    const missingCount = partialMeshCount - linksCount;
    if (missingCount > 0) return drawn.slice(0, missingCount);
    const looks = drawn.filter(contact => contact.isInDoubt);
    if (looks.length === 0 && monoMs >= this.#nextLookMonoMs) {
      this.#nextLookMonoMs = monoMs + checkIntervalMs;
      looks.push(...drawn.slice(0, 1));
    }
    for (const contact of looks) contact.isLook = true;
    return looks;
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
      isInDoubt: false,
      failedDialsCount: 0,
      nextDialMonoMs,
      lastError: undefined,
    };
  }
}
