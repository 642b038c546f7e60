/** Checks of option values that several commands share. */
import { hint } from '../config/suggestion.ts';
import { usageError } from './context.ts';

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

export function oneOf(flag: string, words: readonly string[]): (value: string) => string {
  return value => {
    const word = value.trim().toLowerCase();
    if (words.includes(word)) return word;
    throw usageError(
      `${flag}: ${JSON.stringify(value)} is not one of ${words.join(', ')}${hint(word, words)}`,
    );
  };
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `24h` or `30d`, in ms. */
export function duration(flag: string, maxMs: number): (value: string) => number {
  return value => {
    const [, number = '', unit = ''] = /^([0-9]{1,9})([smhd])$/.exec(value.trim()) ?? [];
    const ms = Number(number) * (unitsMs[unit] ?? Number.NaN);
    if (ms > 0 && ms <= maxMs) return ms;
    throw usageError(
      `${flag}: ${JSON.stringify(value)} is not a time like 90s, 10m, 24h or 30d, at most ${maxMs / 86_400_000}d`,
    );
  };
}

export function wholeNumber(flag: string, min: number, max: number): (value: string) => number {
  return value => {
    const number = /^[0-9]{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw usageError(`${flag}: ${JSON.stringify(value)} is not a whole number from ${min} to ${max}`);
  };
}
