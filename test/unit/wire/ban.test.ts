import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { BanDraft } from '../../../src/core/reputation/ban.ts';
import { decodeBan } from '../../../src/wire/ban.ts';
import { Speaker } from '../../record-builder.ts';

const [me, other] = [new Speaker(1), new Speaker(2)];

const arbitraryDraft: fc.Arbitrary<BanDraft> = fc.record({
  issuer: fc.constant(me.peer),
  subject: fc.constantFrom(other.peer, new Speaker(3).peer),
  issuedAtMs: fc.maxSafeNat(),
  untilMs: fc.maxSafeNat(),
  isLifted: fc.boolean(),
  reason: fc.stringMatching(/^[\x20-\x7e]{0,200}$/),
});

describe('wire/ban', () => {
  it('reads back what was said, and knows who said it', () => {
    fc.assert(
      fc.property(arbitraryDraft, draft => {
        const { wire } = me.codec.sealBan(draft);

        const read = decodeBan(wire);

        assert.deepEqual(read, { ...draft, wire: Buffer.from(wire) } as never);
        assert.isDefined(read && other.codec.verifyBan(read));
      }),
    );
  });

  it('never throws, and never believes bytes that were changed on the way', () => {
    const sealed = me.codec.sealBan({
      issuer: me.peer,
      subject: other.peer,
      issuedAtMs: 1_764_000_000_000,
      untilMs: 0,
      isLifted: false,
      reason: 'floods us',
    }).wire;
    const changed = fc
      .tuple(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => Uint8Array.from(sealed, (byte, i) => (i === at ? byte ^ by : byte)));
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 1_100 })), bytes => {
        const read = decodeBan(bytes);

        assert.isUndefined(read && other.codec.verifyBan(read));
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<readonly [string, Partial<BanDraft>]>([
    ['the issuer itself', { subject: me.peer }],
    ['something that is no key', { subject: 'web-1' }],
    ['a reason that a terminal would obey', { reason: '\u001b[2J' }],
    ['a reason in other letters', { reason: 'schließt' }],
    ['a reason of two lines', { reason: 'a\nb' }],
    ['a reason that is too long', { reason: 'x'.repeat(201) }],
    ['a time that no clock shows', { issuedAtMs: -1 }],
  ])('refuses to say anything with %s', (_case, fields) => {
    const draft: BanDraft = {
      issuer: me.peer,
      subject: other.peer,
      issuedAtMs: 1,
      untilMs: 0,
      isLifted: false,
      reason: '',
      ...fields,
    };

    assert.throws(() => me.codec.sealBan(draft), RangeError);
  });

  it('is no ban when another cluster signed it', () => {
    const foreign = new Speaker(1, 'another');
    const { wire } = foreign.codec.sealBan({
      issuer: me.peer,
      subject: other.peer,
      issuedAtMs: 1,
      untilMs: 0,
      isLifted: false,
      reason: '',
    });

    const read = decodeBan(wire);

    assert.isUndefined(read && me.codec.verifyBan(read));
  });
});
