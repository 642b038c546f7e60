/**
 * Counts refusals together, so that nobody who is refused can fill the audit log until older lines leave it.
 *
 * Time goes by in intervals that the caller closes. The first refusals of a kind are lines of their own, with all
 * that is known; what follows is counted, and one line at the end of each interval says how many there were, of
 * whom, from where and when. After an interval without any, the first ones are lines again. Kinds are told apart by
 * why somebody was refused, or by who it was where that was proved, up to a number; beyond that they are one.
 *
 * A limit on the rate of lines was rejected as the only one: below any rate that an incident needs, a patient
 * outsider still turns the log over within days, and what is left out is lost without a word of whence it came.
 */
import type { AuditEntry, AuditKind } from '../runtime/ports.ts';

export interface RefusalDigestOptions {
  /** Lines of their own, for each kind of refusal. */
  readonly atOnceCount: number;
  /** Kinds of refusals that are told apart. */
  readonly groupsMaxCount: number;
  /** Told apart, for each kind of refusal in an interval. */
  readonly addressesMaxCount: number;
}

export const defaultRefusalDigestOptions: RefusalDigestOptions = {
  atOnceCount: 5, // Guess: enough for a person to see what is wrong.
  groupsMaxCount: 24, // Guess: about as many reasons as there are.
  addressesMaxCount: 256, // Guess: beyond it, how many exactly tells nobody anything.
};

/** What somebody can cause who has proved nothing, or not enough. */
const countedKinds: ReadonlySet<AuditKind> = new Set([
  'authentication',
  'authorisation',
  'admission',
  'certificate',
]);
const countedOutcomes = ['refused', 'failed'] as const;

/** Of one interval, all kinds together. Derived; docs/LIMITS.md says what follows from it. */
export function linesMaxCount({ atOnceCount, groupsMaxCount }: RefusalDigestOptions): number {
  return (groupsMaxCount + countedKinds.size * countedOutcomes.length) * (atOnceCount + 1);
}

/** Addresses that a line names. */
const namedMaxCount = 3;
const several = 'several';

interface Group {
  atOnceLeft: number;
  count: number;
  /** The first that was counted, with `several` in the place of what differs. */
  entry: AuditEntry;
  firstMs: number;
  lastMs: number;
  readonly addresses: Set<string>;
}

export class RefusalDigest {
  readonly #options: RefusalDigestOptions;
  readonly #groups = new Map<string, Group>();

  constructor(options: RefusalDigestOptions) {
    this.#options = options;
  }

  /** Whether an interval has to be closed. */
  get isOpen(): boolean {
    return this.#groups.size > 0;
  }

  /** @returns False when it was counted, and is no line of its own. */
  isLine(entry: AuditEntry, wallMs: number): boolean {
    const { kind, outcome, from } = entry;
    if (!countedKinds.has(kind) || outcome === 'allowed') return true;
    const group = this.#groupOf(entry, wallMs);
    if (group.atOnceLeft > 0) {
      group.atOnceLeft -= 1;
      return true;
    }
    if (group.count === 0) {
      group.entry = entry;
      group.firstMs = wallMs;
    } else group.entry = common(group.entry, entry);
    group.count += 1;
    group.lastMs = wallMs;
    if (from !== undefined && group.addresses.size < this.#options.addressesMaxCount)
      group.addresses.add(from);
    return false;
  }

  /** An interval is over. @returns A line for each kind of refusal that was counted in it. */
  close(): readonly AuditEntry[] {
    const lines: AuditEntry[] = [];
    for (const [key, group] of this.#groups) {
      if (group.count === 0) {
        this.#groups.delete(key);
        continue;
      }
      lines.push(summary(group));
      group.count = 0;
      group.addresses.clear();
    }
    return lines;
  }

  #groupOf(entry: AuditEntry, wallMs: number): Group {
    const { kind, outcome, who, why = '' } = entry;
    // Of callers who may not do something it is known who they are, and why has the ids that they made up.
    const [rough, fine] = [
      `${kind} ${outcome}`,
      `${kind} ${outcome} ${kind === 'authorisation' ? who : why}`,
    ];
    const key = this.#groups.has(fine) || this.#groups.size < this.#options.groupsMaxCount ? fine : rough;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const { atOnceCount } = this.#options;
      group = {
        atOnceLeft: atOnceCount,
        count: 0,
        entry,
        firstMs: wallMs,
        lastMs: wallMs,
        addresses: new Set(),
      };
      this.#groups.set(key, group);
    }
    return group;
  }
}

function common(a: AuditEntry, b: AuditEntry): AuditEntry {
  const { kind, outcome } = a;
  return {
    kind,
    outcome,
    who: a.who === b.who ? a.who : several,
    what: a.what === b.what ? a.what : several,
    ...(a.why === undefined ? {} : { why: a.why === b.why ? a.why : several }),
  };
}

function summary({ entry, count, firstMs, lastMs, addresses }: Group): AuditEntry {
  const { from: _, requestId: __, ...rest } = entry;
  const named = [...addresses].slice(0, namedMaxCount).join(', ');
  const from = addresses.size > namedMaxCount ? `${named}, …` : named;
  return {
    ...rest,
    ...(from === '' ? {} : { from }),
    counted: { count, firstMs, lastMs, addressesCount: addresses.size },
  };
}
