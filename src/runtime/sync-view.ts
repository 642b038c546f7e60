/** What every agent holds, by its root, as `inspect sync` shows it, and parts of the tree, as `diff` compares them. */
import type { Protocol } from '../core/protocol.ts';
import { compareText } from '../core/record/record.ts';
import type { Standing } from '../core/sync/agreement.ts';
import type { Now } from '../core/time.ts';
import type { SyncAgreement, SyncPeer, SyncView, TreePart, TreeRow } from '../core/view.ts';

/** Answers stay below some 2 MB, whatever names somebody chose. */
const rowsMaxCount = 10_000;
const hexDigits = [...'0123456789abcdef'];

export function syncView(protocol: Protocol, now: Now): SyncView {
  const { agreement, detector, sync } = protocol;
  const since = sync.since(now);
  agreement.look(since, now.monoMs);
  const standings = new Map(agreement.standings().map(each => [each.peer, each]));
  return {
    ...protocol.tree.root(since),
    sinceMs: Math.round(now.monoMs - agreement.ownSinceMonoMs),
    exchanges: sync.sessionsCount,
    agreement: syncAgreement(protocol, now),
    peers: [...detector.members()]
      .filter(({ state }) => state !== 'left')
      .sort((a, b) => compareText(a.id, b.id) || compareText(a.peer, b.peer))
      .map(({ id, peer, state }) => ({
        id,
        peer,
        liveness: state,
        ...peerView(standings.get(peer), now.monoMs),
      })),
  };
}

/** How many of the agents that can be reached hold what we hold, this one included. */
export function syncAgreement(protocol: Protocol, now: Now): SyncAgreement {
  const { agreement, detector, sync } = protocol;
  const since = sync.since(now);
  agreement.look(since, now.monoMs);
  const standings = new Map(agreement.standings().map(each => [each.peer, each]));
  const here = [...detector.members()].filter(({ state }) => state === 'alive' || state === 'suspect');
  const inState = (state: Standing['state']) =>
    here.filter(({ peer }) => (standings.get(peer)?.state ?? 'unheard') === state);
  const agreeing = inState('agrees');
  // As long as nobody has changed, and nobody new agrees.
  const lastChangeMonoMs = agreeing.reduce(
    (latest, { peer }) => Math.max(latest, standings.get(peer)?.sinceMonoMs ?? 0),
    agreement.ownSinceMonoMs,
  );
  return {
    root: protocol.tree.root(since).root,
    agree: 1 + agreeing.length,
    of: 1 + here.length,
    sinceMs: Math.round(now.monoMs - lastChangeMonoMs),
    differ: inState('differs')
      .map(({ id }) => id)
      .sort(compareText),
  };
}

/** The 256 parts that two digits tell apart. */
export function treeParts({ tree }: Protocol, since: number): readonly TreePart[] {
  return hexDigits
    .flatMap(first => hexDigits.map(second => first + second))
    .map(prefix => ({ prefix, hash: tree.part(since, prefix) }));
}

export function treeRows({ tree }: Protocol, since: number, prefix: string): readonly TreeRow[] {
  return tree
    .recordsBelow(since, prefix)
    .slice(0, rowsMaxCount)
    .map(({ subject, author, epoch, sequence, digest, body }) => ({
      subject,
      author,
      epoch,
      sequence,
      digest,
      kind: body.type === 'departure' ? body.reason : body.type,
    }))
    .sort((a, b) => compareText(a.subject, b.subject) || compareText(a.author, b.author));
}

function peerView(
  standing: Standing | undefined,
  monoMs: number,
): Omit<SyncPeer, 'id' | 'peer' | 'liveness'> {
  if (standing === undefined) return { state: 'unheard', bytes: 0, lies: 0 };
  const { heard, heardMonoMs, state, sinceMonoMs, lastEnd, lastEndMonoMs, bytes, lies } = standing;
  return {
    state,
    sinceMs: Math.round(monoMs - sinceMonoMs),
    ...(heard === undefined ? {} : { root: heard.root, entries: heard.entries }),
    ...(heardMonoMs === undefined ? {} : { heardMs: Math.round(monoMs - heardMonoMs) }),
    ...(lastEnd === undefined || lastEndMonoMs === undefined
      ? {}
      : {
          last: {
            outcome: lastEnd.outcome,
            agoMs: Math.round(monoMs - lastEndMonoMs),
            tookMs: Number(lastEnd.tookMs.toFixed(1)),
            received: lastEnd.receivedCount,
            sent: lastEnd.sentCount,
            rounds: lastEnd.rounds,
            bytes: lastEnd.bytes,
          },
        }),
    bytes,
    lies,
  };
}
