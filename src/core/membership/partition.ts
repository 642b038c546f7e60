/**
 * Which part of the cluster this agent speaks for.
 *
 * Compared are the agents that can be reached with those that should be there. Who left, was removed, or
 * whose host says that its process has ended is no longer expected; who merely fell silent is, also after the
 * verdict, for that is just what the other side of a partition looks like. But not for ever: after an hour the
 * silent dead no longer count, or a cluster whose machines come and go would never be whole again.
 */
import type { NodeId } from '../record/node.ts';
import { compareText } from '../record/record.ts';
import { silentDeadCountMs } from '../swim/member.ts';
import type { LivenessState, PartitionView } from '../view.ts';

/** What is asked about a member. */
export interface Watched {
  readonly id: NodeId;
  readonly state: LivenessState;
  readonly sinceMonoMs: number;
  /** Nothing says that its process has ended. */
  readonly isSilent: boolean;
  /** A probe of ours failed; without one, a suspect has only not been heard of yet. */
  readonly suspicion: object | undefined;
}

/** One silent agent is a dead machine, two at the same time may be a partition. In a large cluster it takes more. */
const silentMinCount = 2;
const silentMinShare = 0.1;
/** A state has to hold this long before it is told, so that a hiccup is no partition. */
export const settleMs = 1_000;

export interface PartitionChange {
  readonly state: 'suspected' | 'healed' | 'isolated';
  readonly view: PartitionView;
}

type State = PartitionView['state'];

export class PartitionWatch {
  readonly #selfId: NodeId;
  #state: State = 'whole';
  #sinceMonoMs = 0;
  /** A different state, seen but not believed yet. */
  #next: { readonly state: State; readonly sinceMonoMs: number } | undefined;

  constructor(options: { readonly selfId: NodeId }) {
    this.#selfId = options.selfId;
  }

  /**
   * To be called about once a second; answers when there is something to tell.
   *
   * @param isAnybodySilent - False spares looking at everybody: nothing is missed then.
   */
  look(watched: Iterable<Watched>, monoMs: number, isAnybodySilent = true): PartitionChange | undefined {
    if (!isAnybodySilent && this.#state === 'whole') {
      this.#next = undefined;
      return undefined;
    }
    const members = [...watched]; // Walked twice, and an iterator can be walked once.
    const state = stateOf(split(members, monoMs));
    if (state === this.#state) {
      this.#next = undefined;
      return undefined;
    }
    if (this.#next?.state !== state) this.#next = { state, sinceMonoMs: monoMs };
    if (monoMs - this.#next.sinceMonoMs < settleMs) return undefined;
    this.#state = state;
    this.#sinceMonoMs = monoMs;
    this.#next = undefined;
    return { state: state === 'whole' ? 'healed' : state, view: this.view(members, monoMs) };
  }

  view(members: Iterable<Watched>, monoMs: number): PartitionView {
    const { alive, expected, silent } = split(members, monoMs);
    const reachable = alive.length + 1;
    const known = expected + 1;
    const isWhole = this.#state === 'whole';
    return {
      state: this.#state,
      ...(isWhole ? {} : { sinceMs: Math.round(monoMs - this.#sinceMonoMs) }),
      reachable,
      known,
      isMajority: reachable * 2 > known,
      here: isWhole ? [] : [...alive, this.#selfId].sort(compareText),
      there: isWhole ? [] : [...silent].sort(compareText),
    };
  }
}

interface Split {
  readonly alive: readonly NodeId[];
  readonly silent: readonly NodeId[];
  readonly expected: number;
}

function split(members: Iterable<Watched>, monoMs: number): Split {
  const alive = new Set<NodeId>();
  const silent: NodeId[] = [];
  let suspectsCount = 0;
  for (const { id, state, sinceMonoMs, isSilent, suspicion } of members) {
    if (state === 'left') continue;
    if (state === 'alive') alive.add(id);
    else if (state === 'suspect' && (suspicion === undefined || !isSilent)) suspectsCount += 1;
    else if (isSilent && (state === 'suspect' || monoMs - sinceMonoMs <= silentDeadCountMs)) silent.push(id);
  }
  // Whose name has a new holder is not missed.
  const missed = silent.filter(id => !alive.has(id));
  return { alive: [...alive], silent: missed, expected: alive.size + suspectsCount + missed.length };
}

function stateOf({ alive, silent }: Split): State {
  if (silent.length === 0) return 'whole';
  if (alive.length === 0) return 'isolated';
  const isMany =
    silent.length >= silentMinCount && silent.length >= silentMinShare * (alive.length + silent.length);
  return isMany ? 'suspected' : 'whole';
}
