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

export function wholeNumber(flag: string, min: number, max: number): (value: string) => number {
  return value => {
    const number = /^[0-9]{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw usageError(`${flag}: ${JSON.stringify(value)} is not a whole number from ${min} to ${max}`);
  };
}
