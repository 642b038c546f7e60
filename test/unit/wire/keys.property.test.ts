import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  decodeKeyAnswer,
  decodeKeyCommand,
  encodeKeyAnswer,
  encodeKeyCommand,
  type KeyCommand,
  keyMessageMaxBytes,
  keyOutcomes,
} from '../../../src/wire/keys.ts';

const id = fc.stringMatching(/^[0-9a-f]{8}$/);
const secret = fc.stringMatching(/^[!-~][ -~]{14,200}[!-~]$/);
const command: fc.Arbitrary<KeyCommand> = fc.oneof(
  secret.map(text => ({ type: 'add' as const, secret: text })),
  id.map(text => ({ type: 'use' as const, id: text })),
  id.map(text => ({ type: 'drop' as const, id: text })),
);
const answer = fc.record({
  outcome: fc.constantFrom(...keyOutcomes),
  ids: fc.array(id, { maxLength: 4 }),
  older: fc.array(id, { maxLength: 4 }),
});

describe('wire/keys', () => {
  it('reads back every command and every answer', () => {
    fc.assert(
      fc.property(command, answer, (one, other) => {
        assert.deepEqual(decodeKeyCommand(encodeKeyCommand(one)), one);
        assert.deepEqual(decodeKeyAnswer(encodeKeyAnswer(other)), other);
      }),
    );
  });

  it('reads nothing but commands and answers within bounds, whatever comes', () => {
    const damaged = fc
      .tuple(fc.oneof(command.map(encodeKeyCommand), answer.map(encodeKeyAnswer)), fc.nat(), fc.nat(255))
      .map(([bytes, at, value]) => {
        const copy = Buffer.from(bytes);
        if (copy.length > 0) copy[at % copy.length] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), bytes => {
        const read = decodeKeyCommand(bytes);
        if (read?.type === 'add') assert.match(read.secret, /^[!-~][ -~]{14,1022}[!-~]$/);
        else if (read !== undefined) assert.match(read.id, /^[0-9a-f]{8}$/);
        for (const each of decodeKeyAnswer(bytes)?.ids ?? []) assert.match(each, /^[0-9a-f]{8}$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what is too long before it looks at it', () => {
    const long = Buffer.concat([
      encodeKeyCommand({ type: 'use', id: '0123abcd' }),
      Buffer.from([0x7a, 0xff, 0x0f]),
      Buffer.alloc(keyMessageMaxBytes),
    ]);

    assert.isUndefined(decodeKeyCommand(long));
    assert.isUndefined(decodeKeyAnswer(long));
  });

  it('never puts the secret that it refuses to send into the error', () => {
    const short = 'tooshortasecret';

    assert.throws(() => encodeKeyCommand({ type: 'add', secret: short }), RangeError, /^(?!.*tooshort)/);
  });
});
