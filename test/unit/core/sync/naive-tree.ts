/** A second implementation of the root, from scratch and slowly, as a judge of the first. */
import { createHash } from 'node:crypto';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';

export interface Held {
  readonly record: VerifiedRecord;
  readonly epoch: number;
}

export function naiveHash(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('')).digest('hex').slice(0, 32);
}

export function naiveRoot(all: readonly Held[], since: number): string {
  const compared = all.filter(({ epoch }) => epoch === 0 || epoch >= since);
  const epochs = [...new Set(compared.map(({ epoch }) => epoch))].sort((a, b) => a - b);
  const tops = epochs.map(epoch => {
    const records = compared.filter(held => held.epoch === epoch).map(({ record }) => record);
    return epoch.toString(16).padStart(14, '0') + below(records, '');
  });
  return naiveHash(['root', ...tops]);
}

function below(records: readonly VerifiedRecord[], prefix: string): string {
  const here = records.filter(({ subjectHash }) => subjectHash.startsWith(prefix));
  if (here.length === 0) return '';
  if (prefix.length === 3)
    return naiveHash(['leaf', ...here.map(({ digest }) => digest.slice(0, 32)).sort()]);
  const children = [...'0123456789abcdef'].map(digit => [digit, below(here, prefix + digit)] as const);
  return naiveHash(['node', ...children.flatMap(([digit, hash]) => (hash === '' ? [] : [digit, hash]))]);
}
