/**
 * The order of resolution written a second time, as plainly as possible, to judge the first.
 *
 * Shares no code with `src`; slow on purpose: every question is asked anew of the whole set.
 */
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';

export interface NaiveResolution {
  readonly winner: string | undefined;
  /** Digests. */
  readonly vouchers: readonly string[];
  readonly conflict: boolean;
}

const rank: Readonly<Record<string, number>> = { self: 1, delegate: 2, host: 3, hint: 4 };

/** Everything that is said, but for when it was registered; a departure says only that. */
function said(record: VerifiedRecord): string {
  if (record.body.type === 'departure') return 'gone';
  if (record.body.type === 'health') return JSON.stringify(record.body.entries);
  if (record.body.type === 'revocations') return 'revoked';
  const { address, metricsPort, nodeType, isLoadBalancer, capabilities, publicKey } = record.body.node;
  return JSON.stringify([
    address,
    metricsPort,
    nodeType,
    isLoadBalancer,
    [...capabilities].sort(),
    publicKey,
  ]);
}

function hadSeen(later: VerifiedRecord, earlier: VerifiedRecord): boolean {
  for (const entry of later.context) {
    if (
      entry.author === earlier.author &&
      entry.epoch === earlier.epoch &&
      entry.sequence === earlier.sequence &&
      entry.digest === earlier.digest
    ) {
      return true;
    }
  }
  return false;
}

function replaces(later: VerifiedRecord, earlier: VerifiedRecord): boolean {
  if (!hadSeen(later, earlier)) return false;
  return earlier.authority === 'self' || said(later) !== said(earlier);
}

function isWithdrawal(record: VerifiedRecord): boolean {
  return record.body.type === 'departure' && record.body.reason === 'withdrawn';
}

export function naiveResolution(all: readonly VerifiedRecord[]): NaiveResolution {
  if (all.length === 0) return { winner: undefined, vouchers: [], conflict: false };

  // A departure is over once anybody knew of it and spoke.
  let left = all.filter(r => r.body.type === 'entry' || !all.some(other => hadSeen(other, r)));
  const over = all.filter(r => !left.includes(r));

  // A withdrawal takes back one voice. It counts only where there is no other, but neither it nor a departure
  // that is over brings back what it had replaced; and no voice replaces what has more authority.
  const withdrawals = left.filter(isWithdrawal);
  const others = left.filter(r => !isWithdrawal(r));
  const mayReplace = (w: VerifiedRecord, r: VerifiedRecord) =>
    (rank[w.authority] ?? 9) <= (rank[r.authority] ?? 9);
  const stillSaid = others.filter(
    r => ![...over, ...withdrawals].some(w => mayReplace(w, r) && replaces(w, r)),
  );
  if (stillSaid.length > 0) left = stillSaid;
  else left = withdrawals.length > 0 ? withdrawals : others;

  // 1. authority
  const best = Math.min(...left.map(r => rank[r.authority] ?? 9));
  left = left.filter(r => rank[r.authority] === best);

  // 2. happened-before
  const ranking = left;
  left = ranking.filter(r => !ranking.some(other => replaces(other, r)));

  // A name that agents claim for themselves: the earliest claim.
  if (best === 1) {
    let holder = left[0] as VerifiedRecord;
    for (const r of left) {
      const a = r.claimedAt;
      const b = holder.claimedAt;
      const isEarlier =
        a.wallMs < b.wallMs ||
        (a.wallMs === b.wallMs && a.counter < b.counter) ||
        (a.wallMs === b.wallMs && a.counter === b.counter && r.author < holder.author);
      if (isEarlier) holder = r;
    }
    return { winner: holder.digest, vouchers: [holder.digest], conflict: left.length > 1 };
  }

  // 3. majority, 4. latest, 5. digest
  const votes = (r: VerifiedRecord) => left.filter(other => said(other) === said(r)).length;
  const most = Math.max(...left.map(votes));
  const popular = left.filter(r => votes(r) === most);
  const lastMs = Math.max(...popular.map(r => r.time.wallMs));
  const recent = popular.filter(r => r.time.wallMs === lastMs);
  const lastCounter = Math.max(...recent.map(r => r.time.counter));
  const latest = recent.filter(r => r.time.counter === lastCounter);
  const winner = latest.map(r => r.digest).sort()[0];
  const chosen = left.find(r => r.digest === winner) as VerifiedRecord;
  const vouchers = left.filter(r => said(r) === said(chosen)).map(r => r.digest);
  return { winner, vouchers: vouchers.sort(), conflict: vouchers.length < left.length };
}
