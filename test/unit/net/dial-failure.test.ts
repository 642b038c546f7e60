import { assert, describe, it } from 'vitest';
import { dialFailureText } from '../../../src/net/dial-failure.ts';

describe('net/dial-failure', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' });

  for (const { title, error, expected } of [
    { title: 'says in words what the system says in codes', error: refused, expected: 'connection refused' },
    {
      title: 'says each reason of several addresses once',
      error: new AggregateError([refused, unknown, refused]),
      expected: 'connection refused; the name is not known',
    },
    { title: 'repeats what it has no words for', error: new Error('odd'), expected: 'odd' },
    { title: 'cuts what is endless', error: new Error('x'.repeat(5_000)), expected: 'x'.repeat(300) },
  ]) {
    it(title, () => {
      assert.equal(dialFailureText(error), expected);
    });
  }
});
