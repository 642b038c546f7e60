/**
 * What a setting's value may be, and how it is read.
 *
 * Flags and variables bring text, a file brings whatever YAML made of it, an embedding program brings
 * values; one parser takes them all, so that a value means the same wherever it comes from.
 */
import { inspect } from 'node:util';
import { peerUrlMaxLength, peerUrlOf } from '../core/bridge/peer-url.ts';
import { isAddress } from '../core/record/node.ts';
import { hint } from './suggestion.ts';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** `problem` is a sentence without its subject and its full stop. */
  | { readonly ok: false; readonly problem: string };

export interface Kind<T> {
  /** Completes "must be …", and stands in the documentation. */
  readonly allowed: string;
  /** `switch` flags stand alone (`--mdns`, `--no-mdns`), `list` flags may be repeated, `value` flags take one value. */
  readonly form: 'switch' | 'value' | 'list';
  /** For help texts: `<ms>`. */
  readonly placeholder: string;
  parse(raw: unknown): Parsed<T>;
  /** Text that `parse` reads back as the same value. */
  show(value: T): string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function text(
  options: { readonly allowed: string; readonly placeholder: string },
  accept: (value: string) => boolean,
): Kind<string> {
  return {
    ...options,
    form: 'value',
    parse(raw) {
      if (typeof raw === 'string' && accept(raw.trim())) return { ok: true, value: raw.trim() };
      if (typeof raw === 'number' && accept(String(raw))) {
        return { ok: false, problem: `${quote(raw)} is a number here: put it in quotes` };
      }
      return refuse(raw, options.allowed);
    },
    show: value => value,
  };
}

export function integer(options: {
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
}): Kind<number> {
  const unit = options.unit === undefined ? '' : ` (${options.unit})`;
  const allowed = `a whole number from ${options.min} to ${options.max}${unit}`;
  return {
    allowed,
    form: 'value',
    placeholder: options.unit ?? 'number',
    parse(raw) {
      const value = typeof raw === 'string' && /^\s*[0-9]{1,15}\s*$/.test(raw) ? Number(raw) : raw;
      const fits = Number.isInteger(value) && Number(value) >= options.min && Number(value) <= options.max;
      return fits ? { ok: true, value: Number(value) } : refuse(raw, allowed);
    },
    show: String,
  };
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

export const toggle: Kind<boolean> = {
  allowed: 'true or false',
  form: 'switch',
  placeholder: 'true|false',
  parse(raw) {
    if (typeof raw === 'boolean') return { ok: true, value: raw };
    const word = typeof raw === 'string' ? raw.trim().toLowerCase() : raw === 1 ? '1' : raw === 0 ? '0' : '';
    const value = Object.hasOwn(truths, word) ? truths[word] : undefined;
    return value === undefined ? refuse(raw, this.allowed) : { ok: true, value };
  },
  show: String,
};

export function choice<const T extends string>(words: readonly T[]): Kind<T> {
  const allowed = words.join(', ').replace(/, ([^,]*)$/, ' or $1');
  return {
    allowed,
    form: 'value',
    placeholder: words.join('|'),
    parse(raw) {
      const word = typeof raw === 'string' ? raw.trim().toLowerCase() : '';
      const value = words.find(candidate => candidate.toLowerCase() === word);
      if (value !== undefined) return { ok: true, value };
      const refused = refuse(raw, allowed);
      return { ok: false, problem: refused.problem + hint(word, words) };
    },
    show: value => value,
  };
}

export function list<T>(
  item: Kind<T>,
  bounds: { readonly min: number; readonly max: number },
): Kind<readonly T[]> {
  const allowed = `${bounds.min} to ${bounds.max} of: ${item.allowed}`;
  return {
    allowed,
    form: 'list',
    placeholder: item.placeholder,
    parse(raw) {
      const items = typeof raw === 'string' ? splitCommas(raw) : raw;
      if (!Array.isArray(items)) return refuse(raw, `a list of ${allowed}`);
      if (items.length < bounds.min || items.length > bounds.max) {
        return {
          ok: false,
          problem: `has ${items.length} values; it must have ${bounds.min} to ${bounds.max}`,
        };
      }
      const values: T[] = [];
      for (const each of items) {
        const parsed = item.parse(each);
        if (!parsed.ok) return parsed;
        values.push(parsed.value);
      }
      return { ok: true, value: values };
    },
    show: values => values.map(value => item.show(value)).join(','),
  };
}

/** `host:port` to listen on; port 0 picks a free one. */
export const hostPort: Kind<HostPort> = {
  allowed: 'host:port (IPv4, [IPv6] or a DNS name; port 0 to 65535, 0 picks a free one)',
  form: 'value',
  placeholder: 'host:port',
  parse(raw) {
    const value = typeof raw === 'string' ? raw.trim() : '';
    // Port 0 means nothing in an advertised address, which is what the shared check is for.
    if (!isAddress(value.replace(/:0$/, ':1'))) return refuse(raw, this.allowed);
    const colon = value.lastIndexOf(':');
    const host = value.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
    return { ok: true, value: { host, port: Number(value.slice(colon + 1)) } };
  },
  show: showHostPort,
};

/** Base URL of a peer that speaks HTTP, in its one spelling. */
export const peerUrl: Kind<string> = {
  allowed: `http:// or https:// and host, without credentials, query and fragment; at most ${peerUrlMaxLength} characters`,
  form: 'value',
  placeholder: 'url',
  parse(raw) {
    const value = typeof raw === 'string' ? peerUrlOf(raw.trim()) : undefined;
    return value === undefined ? refuse(raw, this.allowed) : { ok: true, value };
  },
  show: value => value,
};

export function showHostPort(value: HostPort): string {
  return value.host.includes(':') ? `[${value.host}]:${value.port}` : `${value.host}:${value.port}`;
}

export function refuse(raw: unknown, allowed: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem: `${quote(raw)} is not ${allowed}` };
}

/** One line, safe for a terminal, and never long. */
export function quote(raw: unknown): string {
  const whole =
    typeof raw === 'string' ? JSON.stringify(raw) : inspect(raw, { depth: 2, breakLength: Infinity });
  const safe = whole.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return safe.length > 120 ? `${safe.slice(0, 117)}...` : safe;
}

function splitCommas(value: string): string[] {
  return value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
}
