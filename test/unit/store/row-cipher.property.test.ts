import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { RowCipher, type RowKey } from '../../../src/store/row-cipher.ts';

const key = (id: string): RowKey => ({ id: id.repeat(8), key: Buffer.alloc(32, id) });
const cipherOf = (keys: readonly [RowKey, ...RowKey[]], takesPlain = false) =>
  new RowCipher({ keys, takesPlain });

const names = fc.string({ unit: fc.integer({ min: 33, max: 126 }).map(code => String.fromCharCode(code)) });
const values = fc.uint8Array({ maxLength: 500 });

describe('store/row-cipher', () => {
  it('opens what it has sealed', () => {
    fc.assert(
      fc.property(names, values, (name, value) => {
        const cipher = cipherOf([key('1')]);

        assert.deepEqual(cipher.open(name, cipher.seal(name, value)), Buffer.from(value));
      }),
    );
  });

  it('opens nothing that was changed in any byte, or stands under another name', () => {
    fc.assert(
      fc.property(names, values, fc.nat(), fc.integer({ min: 1, max: 255 }), (name, value, at, by) => {
        const cipher = cipherOf([key('1')]);
        const sealed = cipher.seal(name, value);
        const changed = Buffer.from(sealed);
        changed[at % sealed.length] = (changed[at % sealed.length] ?? 0) ^ by;

        assert.isUndefined(cipher.open(name, changed));
        assert.isUndefined(cipher.open(`${name}x`, sealed));
        assert.isUndefined(cipher.open(name, sealed.subarray(0, at % sealed.length)));
      }),
    );
  });

  it('takes any bytes without failing, and for plain only when it may', () => {
    fc.assert(
      fc.property(names, values, (name, value) => {
        const bytes = Buffer.from(value);

        assert.isUndefined(cipherOf([key('1')]).open(name, bytes));
        assert.deepEqual(cipherOf([key('1')], true).open(name, bytes), bytes);
      }),
    );
  });

  it('seals the same never the same way, opens with older keys, and knows what is outdated', () => {
    const old = cipherOf([key('1')]);
    const present = cipherOf([key('2'), key('1')]);
    const sealed = old.seal('m!epoch', Buffer.from('7'));

    assert.notDeepEqual(sealed, old.seal('m!epoch', Buffer.from('7')));
    assert.equal(present.open('m!epoch', sealed)?.toString(), '7');
    assert.isTrue(present.isOutdated(sealed));
    assert.isFalse(present.isOutdated(present.seal('m!epoch', Buffer.from('7'))));
    assert.isUndefined(cipherOf([key('2')]).open('m!epoch', sealed));
  });
});
