/**
 * Names to addresses for requests of this agent, without the forbidden ones.
 *
 * The system's resolver blocks one of the process's four pool threads, which the database needs too. So
 * at most two names are asked for at a time, and a name only once however many wait for it. (A resolver
 * of our own over DNS was rejected: it knows neither /etc/hosts nor what else the machine resolves by.)
 */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { lookup as systemLookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { ForbiddenAddressError, isForbiddenAddress } from './forbidden-addresses.ts';

export type Resolve = (
  name: string,
  options: { readonly all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

type Answer = (error: Error | null, addresses: readonly LookupAddress[]) => void;

const atOnceMaxCount = 2;

export class NameLookup {
  readonly #resolve: Resolve;
  /** Who waits for which name, in order of arrival. */
  readonly #waiting = new Map<string, Answer[]>();
  readonly #queue: string[] = [];
  #runningCount = 0;

  constructor(components: { readonly resolve: Resolve } = { resolve: systemLookup }) {
    this.#resolve = components.resolve;
  }

  /** In the form that sockets want. */
  readonly lookup: LookupFunction = (name, options: LookupOptions, callback) => {
    const answer: Answer = (error, addresses) => {
      if (error !== null) return callback(error, []);
      const allowed = addresses.filter(({ address }) => !isForbiddenAddress(address));
      const [first] = allowed;
      if (first === undefined) {
        const found = addresses.map(({ address }) => address).join(', ');
        return callback(new ForbiddenAddressError(`${name} is ${found || 'nothing'}`), []);
      }
      return options.all ? callback(null, allowed) : callback(null, first.address, first.family);
    };
    const others = this.#waiting.get(name);
    if (others !== undefined) others.push(answer);
    else {
      this.#waiting.set(name, [answer]);
      this.#queue.push(name);
      this.#next();
    }
  };

  #next(): void {
    if (this.#runningCount >= atOnceMaxCount) return;
    const name = this.#queue.shift();
    if (name === undefined) return;
    this.#runningCount += 1;
    this.#resolve(name, { all: true }, (error, addresses) => {
      this.#runningCount -= 1;
      const answers = this.#waiting.get(name) ?? [];
      this.#waiting.delete(name);
      for (const answer of answers) answer(error, addresses);
      this.#next();
    });
  }
}
