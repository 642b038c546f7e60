import type { LookupAddress } from 'node:dns';
import { assert, describe, it } from 'vitest';
import { ForbiddenAddressError } from '../../../src/outbound/forbidden-addresses.ts';
import { NameLookup } from '../../../src/outbound/name-lookup.ts';

type Found = (error: Error | null, addresses: LookupAddress[]) => void;

/** A resolver that answers by hand. */
class Bench {
  readonly asked: string[] = [];
  readonly #answers = new Map<string, Found>();
  readonly names = new NameLookup({
    resolve: (name, _options, found) => {
      this.asked.push(name);
      this.#answers.set(name, found);
    },
  });
  readonly got: unknown[] = [];

  ask(name: string, all = true): void {
    this.names.lookup(name, { all }, (error, address, family) =>
      this.got.push(error ?? (family === undefined ? address : [address, family])),
    );
  }

  answer(name: string, ...addresses: readonly string[]): void {
    this.#answers.get(name)?.(
      null,
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  }

  fail(name: string, error: Error): void {
    this.#answers.get(name)?.(error, []);
  }
}

describe('outbound/name-lookup', () => {
  it('asks for two names at a time, in order, and for each once', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c', 'a', 'd']) bench.ask(name);
    assert.deepEqual(bench.asked, ['a', 'b']);

    bench.answer('a', '10.0.0.1');

    assert.deepEqual(bench.asked, ['a', 'b', 'c']);
    const address = [{ address: '10.0.0.1', family: 4 }];
    assert.deepEqual(bench.got, [address, address]);
  });

  it('asks again for a name that was answered before', () => {
    const bench = new Bench();
    bench.ask('a');
    bench.answer('a', '10.0.0.1');

    bench.ask('a');

    assert.deepEqual(bench.asked, ['a', 'a']);
  });

  it('leaves out what must not be called, and says so when nothing is left', () => {
    const bench = new Bench();
    for (const name of ['some', 'none']) bench.ask(name);

    bench.answer('some', '169.254.169.254', '10.0.0.1', '::ffff:169.254.1.1');
    bench.answer('none', '169.254.169.254');

    assert.deepEqual(bench.got[0], [{ address: '10.0.0.1', family: 4 }]);
    assert.instanceOf(bench.got[1], ForbiddenAddressError);
  });

  it('gives one address to whoever wants one', () => {
    const bench = new Bench();
    bench.ask('a', false);

    bench.answer('a', 'fe80::1', 'fd00::1', '10.0.0.1');

    assert.deepEqual(bench.got, [['fd00::1', 6]]);
  });

  it('passes on that a name is unknown, and goes on with the next', () => {
    const bench = new Bench();
    for (const name of ['a', 'b', 'c']) bench.ask(name);
    const error = new Error('ENOTFOUND');

    bench.fail('a', error);

    assert.deepEqual(bench.got, [error]);
    assert.deepEqual(bench.asked, ['a', 'b', 'c']);
  });
});
