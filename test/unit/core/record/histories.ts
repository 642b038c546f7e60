/**
 * Histories of records for properties: what honest agents say that see random parts of what the
 * others said before, and what a liar adds.
 */
import fc from 'fast-check';
import {
  type Body,
  type ContextEntry,
  compareText,
  type VerifiedRecord,
} from '../../../../src/core/record/record.ts';
import { agentEntry, departure, entryAt, nodeFields, record, time } from '../../../record-builder.ts';

const contents = ['x:1', 'y:1', 'z:1', 'x:1 keyed'] as const;

export interface Shape {
  readonly authorsCount: number;
  readonly subjects: readonly string[];
  readonly stepsMaxCount: number;
}

const step = ({ authorsCount, subjects }: Shape) =>
  fc.record({
    author: fc.nat(authorsCount - 1),
    subject: fc.constantFrom(...subjects),
    kind: fc.constantFrom('entry' as const, 'entry' as const, 'withdrawn' as const, 'deregistered' as const),
    content: fc.constantFrom(...contents),
    /** Which of the latest records, counted back, reach the author before it speaks. */
    hears: fc.nat(2 ** 12 - 1),
    wallMs: fc.nat(5),
    restarts: fc.nat(9).map(n => n === 0),
  });
type Step = ReturnType<typeof step> extends fc.Arbitrary<infer S> ? S : never;

/** What one honest agent knows. */
class HonestAgent {
  readonly author: string;
  /** Every fourth claims the subjects as its own name, the rest host them. */
  readonly #isAgent: boolean;
  readonly #known = new Map<string, VerifiedRecord>();
  readonly #claims = new Map<string, VerifiedRecord>();
  #epoch = 1;
  #sequence = 0;
  #lastMs = 0;
  #counter = 0;

  constructor(index: number) {
    this.author = `h${index}`;
    this.#isAgent = index % 4 === 3;
  }

  hear(news: VerifiedRecord): void {
    const key = `${news.subject} ${news.author}`;
    const known = this.#known.get(key);
    const isNewer =
      known === undefined ||
      news.epoch > known.epoch ||
      (news.epoch === known.epoch && news.sequence > known.sequence);
    if (news.author !== this.author && isNewer) this.#known.set(key, news);
  }

  say({ subject, kind, content, wallMs, restarts }: Step): VerifiedRecord {
    if (restarts) {
      this.#epoch += 1;
      this.#sequence = 0;
    }
    this.#sequence += 1;
    const others = [...this.#known.values()].filter(each => each.subject === subject);
    const heardMs = Math.max(0, ...others.map(each => each.time.wallMs - time(0).wallMs));
    const nextMs = Math.max(wallMs, heardMs, this.#lastMs);
    this.#counter = nextMs > this.#lastMs ? 0 : this.#counter + 1;
    this.#lastMs = nextMs;
    const before = this.#claims.get(subject);
    const said = record({
      subject,
      author: this.author,
      authority: this.#isAgent ? 'self' : 'host',
      epoch: this.#epoch,
      sequence: this.#sequence,
      context: contextOf(others),
      time: time(nextMs, this.#counter),
      claimedAt: before?.body.type === 'entry' ? before.claimedAt : time(nextMs, this.#counter),
      body: bodyOf(kind, content, this.#isAgent),
    });
    this.#claims.set(subject, said);
    return said;
  }
}

function bodyOf(kind: Step['kind'], content: string, isAgent: boolean): Body {
  if (kind !== 'entry') return departure(kind);
  return isAgent ? agentEntry(content) : hostedAt(content);
}

/** The same address says something else where it belongs to a key. */
function hostedAt(content: string): Body {
  if (content !== 'x:1 keyed') return entryAt(content);
  return { type: 'entry', node: nodeFields({ address: 'x:1', publicKey: 'key' }) };
}

function contextOf(records: readonly VerifiedRecord[]): readonly ContextEntry[] {
  return records
    .map(({ author, epoch, sequence, digest }) => ({ author, epoch, sequence, digest }))
    .sort((a, b) => compareText(a.author, b.author))
    .slice(0, 8);
}

/** In order of speaking. */
export function honestHistory(shape: Shape): fc.Arbitrary<readonly VerifiedRecord[]> {
  return fc.array(step(shape), { minLength: 1, maxLength: shape.stepsMaxCount, size: 'max' }).map(steps => {
    const agents = Array.from({ length: shape.authorsCount }, (_, i) => new HonestAgent(i));
    const history: VerifiedRecord[] = [];
    for (const each of steps) {
      const agent = agents[each.author] as HonestAgent;
      for (const [back, news] of [...history].reverse().entries()) {
        if (back < 12 && (each.hears >> back) & 1) agent.hear(news);
      }
      history.push(agent.say(each));
    }
    return history;
  });
}

const lie = (shape: Shape) =>
  fc.record({
    author: fc.nat(1),
    subject: fc.constantFrom(...shape.subjects),
    epoch: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER),
    sequence: fc.integer({ min: 1, max: 6 }),
    kind: fc.constantFrom('entry' as const, 'withdrawn' as const, 'left' as const),
    content: fc.constantFrom(...contents),
    authority: fc.constantFrom('self' as const, 'host' as const, 'hint' as const),
    wallMs: fc.integer({ min: -5, max: 1_000 }),
    claimedMs: fc.integer({ min: -1_000_000, max: 1_000 }),
    names: fc.array(
      fc.record({
        /** Of an honest record, or beyond the last: the other liar. */
        index: fc.nat(40),
        falsifies: fc.constantFrom('nothing', 'nothing', 'digest', 'sequence', 'epoch'),
      }),
      { maxLength: 8 },
    ),
  });

/** An honest history with what two liars put between; liars may say two things for one dot. */
export function hostileHistory(shape: Shape): fc.Arbitrary<readonly VerifiedRecord[]> {
  return fc
    .tuple(honestHistory(shape), fc.array(lie(shape), { maxLength: 8, size: 'max' }))
    .map(([honest, lies]) => {
      const history = [...honest];
      for (const each of lies) {
        const author = `liar${each.author}`;
        const named = new Map<string, ContextEntry>();
        for (const { index, falsifies } of each.names) {
          const target = history[index];
          const truth =
            target === undefined
              ? { author: `liar${1 - each.author}`, epoch: 2, sequence: 3, digest: 'ab'.repeat(32) }
              : {
                  author: target.author,
                  epoch: target.epoch,
                  sequence: target.sequence,
                  digest: target.digest,
                };
          if (truth.author === author) continue;
          named.set(truth.author, {
            ...truth,
            ...(falsifies === 'digest' ? { digest: 'cd'.repeat(32) } : {}),
            ...(falsifies === 'sequence' ? { sequence: truth.sequence + 1_000 } : {}),
            ...(falsifies === 'epoch' ? { epoch: Number.MAX_SAFE_INTEGER } : {}),
          });
        }
        const isAgent = each.authority === 'self';
        history.push(
          record({
            subject: each.subject,
            author,
            authority: each.authority,
            epoch: each.epoch,
            sequence: each.sequence,
            context: [...named.values()].sort((a, b) => compareText(a.author, b.author)).slice(0, 8),
            time: time(each.wallMs),
            claimedAt: time(each.claimedMs),
            body:
              each.kind === 'entry'
                ? isAgent
                  ? agentEntry(each.content)
                  : hostedAt(each.content)
                : departure(each.kind),
          }),
        );
      }
      return history;
    });
}

/** The latest record of each author about one subject; of two for one dot, the first. */
export function latestOfEach(history: readonly VerifiedRecord[], subject: string): readonly VerifiedRecord[] {
  const latest = new Map<string, VerifiedRecord>();
  for (const each of history) {
    if (each.subject !== subject) continue;
    const known = latest.get(each.author);
    const isNewer =
      known === undefined ||
      each.epoch > known.epoch ||
      (each.epoch === known.epoch && each.sequence > known.sequence);
    if (isNewer) latest.set(each.author, each);
  }
  return [...latest.values()];
}
