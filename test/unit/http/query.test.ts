import { assert, describe, it } from 'vitest';
import { Query } from '../../../src/http/query.ts';

describe('http/query', () => {
  it('reads lists from repetition and from commas', () => {
    assert.deepEqual(new Query({ kind: ['a, b', 'c', ''] }).all('kind'), ['a', 'b', 'c']);
    assert.deepEqual(new Query({}).all('kind'), []);
    assert.deepEqual(new Query(undefined).all('kind'), []);
  });

  for (const [text, expected] of [
    ['1', true],
    ['TRUE', true],
    ['0', false],
    ['false', false],
    [undefined, undefined],
  ] as const) {
    it(`reads the flag ${text} as ${expected}`, () => {
      assert.equal(new Query({ snapshot: text }).flag('snapshot'), expected);
    });
  }

  for (const text of ['0', '11', '-1', '1.5', '1e1', '', 'x', '9999999999']) {
    it(`refuses ${text || 'nothing'} as a count from 1 to 10`, () => {
      assert.throws(() => new Query({ limit: text }).count('limit', 5, 10), 'a whole number from 1 to 10');
    });
  }

  it('counts 10 of 10, and falls back when nothing is said', () => {
    assert.equal(new Query({ limit: '10' }).count('limit', 5, 10), 10);
    assert.equal(new Query({}).count('limit', 5, 10), 5);
  });
});
