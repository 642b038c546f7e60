import { assert, describe, it } from 'vitest';
import { errorCodes, FirsthandError } from '../../../src/errors.ts';
import { errorAnswer } from '../../../src/http/error-answer.ts';
import { statusOf } from '../../../src/http/status-codes.ts';

describe('http/error-answer', () => {
  for (const code of errorCodes) {
    it(`answers ${code} with a status from 400 on and nothing but shown facts`, () => {
      const answer = errorAnswer(new FirsthandError(code, { peer: 'p', path: '/secret' }), 'r-1');

      assert.equal(answer.status, statusOf(code));
      assert.isAtLeast(answer.status, 400);
      assert.hasAllKeys(answer.body, ['error', 'code', 'request_id']);
      assert.equal(answer.body.code, answer.status === 500 ? 'INTERNAL' : code);
    });
  }

  it('keeps sentences that already start as the contract wants', () => {
    const text = 'Input validation failed: id is odd';

    assert.equal(errorAnswer(new FirsthandError('INVALID_ID', { text }), 'r').body.error, text);
    assert.equal(
      errorAnswer(new FirsthandError('INVALID_ID', { text: 'id is odd' }), 'r').body.error,
      'Input validation failed: id is odd',
    );
    assert.equal(
      errorAnswer(new FirsthandError('INVALID_FORMAT', { text: 'odd' }), 'r').body.error,
      'Invalid registration data format: odd',
    );
  });

  it('rounds the wait up to whole seconds, at least one', () => {
    const waitOf = (seconds: number) =>
      errorAnswer(new FirsthandError('RATE_LIMITED', { retry_after_s: seconds }), 'r').headers['retry-after'];

    assert.deepEqual([waitOf(0.01), waitOf(1), waitOf(1.01)], ['1', '1', '2']);
  });
});
