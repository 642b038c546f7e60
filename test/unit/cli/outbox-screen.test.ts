import { assert, describe, it } from 'vitest';
import type { OutboxBody } from '../../../src/cli/bodies.ts';
import { outboxScreen } from '../../../src/cli/outbox-screen.ts';
import { snakeKeys } from '../../../src/http/snake-case.ts';
import { FakeAgent } from '../http/fake-agent.ts';

const body = snakeKeys(new FakeAgent().outbox()) as OutboxBody;

describe('cli/outbox-screen', () => {
  it('shows how full it is, each receiver, and what did not arrive', () => {
    const lines = outboxScreen(body, false).split('\n');

    assert.deepEqual(lines.slice(0, 5), [
      'waiting    3 of at most 10000, 900 bytes',
      'so far     9 enqueued, 2 superseded, 3 delivered, 1 dead, 0 turned away',
      '',
      'RECEIVER                   STATE  DEPTH  OLDEST  ATTEMPTS  FAILED IN ROW  NEXT TRY  BREAKER  RESPONSE  LAST ERROR',
      'http:http://10.0.0.9:8080  stuck      3   1 min        10              7      21 s  open      12.5 ms  connection refused',
    ]);
    assert.match(
      lines[7] ?? '',
      / +http:http:\/\/10\.0\.0\.9:8080 +llama-70b +registration +expired +connection refused$/,
    );
  });

  it('says that nothing waits, and which queues were damaged, without their control characters', () => {
    const screen = outboxScreen(
      { ...body, receivers: [], dead_letters: [], dead_letters_count: 0, damaged: ['http:\u001b[2J'] },
      false,
    );

    assert.include(screen, 'nothing waits for anybody\n');
    assert.include(screen, 'damaged    found at start, and not delivered: http:\ufffd[2J\n');
  });

  it('says how many dead letters it leaves out', () => {
    assert.include(outboxScreen({ ...body, dead_letters_count: 41 }, false), 'and 40 older dead letters\n');
  });
});
