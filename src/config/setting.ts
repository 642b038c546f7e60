/** One setting: its names, what it may be, its default, and where the default comes from. */
import type { Kind } from './kinds.ts';

/** Where a default comes from. A guess is to be replaced by a measurement. */
export type Basis = 'contract' | 'paper' | 'measured' | 'derived' | 'guess';

export interface Setting<T> {
  readonly kind: Kind<T>;
  /** What it does, for an operator: whole sentences. The first one is also the text in `--help`. */
  readonly help: string;
  readonly basis: Basis;
  /** Absent when the default depends on other settings or on the machine; `defaultText` then says how. */
  readonly default?: NoInfer<T>;
  readonly defaultText?: string;
  /** Whether it has a flag; named like the setting in kebab-case unless it says otherwise. */
  readonly flag?: true | string;
  /** The last part of `FIRSTHAND_…`, where it is not the setting's name. */
  readonly variable?: string;
}

/** The value type of a setting that has one whatever happens. */
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** A setting that stays `undefined` when nobody gives it: the agent decides once it runs. */
export function open<T>(definition: Setting<T> & { readonly defaultText: string }): Setting<T | undefined> {
  return definition as Setting<T | undefined>;
}

/** `pingIntervalMs` -> `ping_interval_ms`: the name in a file. */
export function fileKeyOf(key: string): string {
  return key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

export function variableOf(key: string, definition: Setting<unknown>): string {
  return `FIRSTHAND_${definition.variable ?? fileKeyOf(key).toUpperCase()}`;
}

/** `--load-balancer`, or `undefined` for what is set in files and variables only. */
export function flagOf(key: string, definition: Setting<unknown>): string | undefined {
  if (definition.flag === undefined) return undefined;
  return `--${definition.flag === true ? fileKeyOf(key).replaceAll('_', '-') : definition.flag}`;
}
