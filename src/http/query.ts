/** Parameters after the `?`. Unknown ones are ignored; what is known but wrong is refused. */
import { isNodeId } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';

export class Query {
  readonly #values: Readonly<Record<string, string | readonly string[] | undefined>>;

  constructor(values: unknown) {
    this.#values = (values ?? {}) as Readonly<Record<string, string | readonly string[] | undefined>>;
  }

  hasAny(names: readonly string[]): boolean {
    return names.some(name => this.#values[name] !== undefined);
  }

  /** Every value given for `name`, split at commas, trimmed, the empty ones left out. */
  all(name: string): readonly string[] {
    const value = this.#values[name];
    if (value === undefined) return [];
    return (typeof value === 'string' ? [value] : value)
      .flatMap(text => text.split(','))
      .map(text => text.trim())
      .filter(text => text !== '');
  }

  one(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined || typeof value === 'string') return value?.trim();
    throw badQuery(name, `${name} may be given once`);
  }

  /** One of `choices`, in any case. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.one(name)?.toLowerCase();
    if (value === undefined) return undefined;
    const found = choices.find(choice => choice === value);
    if (found === undefined) throw badQuery(name, `${name} must be one of ${choices.join(', ')}`);
    return found;
  }

  flag(name: string): boolean | undefined {
    const value = this.choice(name, ['1', 'true', '0', 'false']);
    return value === undefined ? undefined : value === '1' || value === 'true';
  }

  /** A whole number from 1 to `max`. */
  count(name: string, fallback: number, max: number): number {
    const value = this.one(name);
    if (value === undefined) return fallback;
    const count = /^[0-9]{1,9}$/.test(value) ? Number(value) : 0;
    if (count < 1 || count > max) throw badQuery(name, `${name} must be a whole number from 1 to ${max}`);
    return count;
  }

  nodeId(name: string): string | undefined {
    const value = this.one(name);
    if (value !== undefined && !isNodeId(value)) throw badQuery(name, `${name} must be a node id`);
    return value;
  }
}

export function badQuery(field: string, text: string): FirsthandError {
  return new FirsthandError('INVALID_QUERY', { field, text });
}
