import { assert, describe, it } from 'vitest';
import type { ClaimDraft, ClaimKind } from '../../../src/core/swim/claim.ts';
import { decodeClaim, encodeClaim, openClaim, sealClaim } from '../../../src/wire/claim.ts';
import { publicKeyOf } from '../../../src/wire/peer-id.ts';
import { claimType, signedClaimType } from '../../../src/wire/schema.ts';
import { Speaker } from '../../record-builder.ts';
import { claimDraftOf } from './sample-claims.ts';

const [me, other] = [new Speaker(1), new Speaker(2)];
const signature = Buffer.alloc(64, 7);
const draft: ClaimDraft = {
  kind: 'suspect',
  issuer: me.peer,
  subject: other.peer,
  epoch: 1_764_000_000_000,
  incarnation: 3,
  refused: true,
};

/** A sealed claim whose fields no honest agent would write. */
function wireOf(fields: object): Uint8Array {
  const issuer = publicKeyOf(me.peer);
  const subject = publicKeyOf(other.peer);
  const claim = claimType.encode({ issuer, subject, epoch: 1, kind: 3, ...fields } as never).finish();
  return sealClaim({ claim, signature });
}

describe('wire/claim', () => {
  it('reads back what was claimed, of others and of itself', () => {
    const own: ClaimDraft = { ...draft, kind: 'left', subject: me.peer, refused: false };

    for (const each of [draft, own]) {
      const read = decodeClaim(sealClaim({ claim: encodeClaim(each), signature }));

      assert.deepEqual(read && claimDraftOf(read), each);
    }
  });

  it.each<readonly [ClaimKind, 'itself' | 'others', boolean]>([
    ['alive', 'itself', true],
    ['left', 'itself', true],
    ['suspect', 'itself', false],
    ['dead', 'itself', false],
    ['removed', 'itself', false],
    ['revoked', 'itself', true],
    ['alive', 'others', false],
    ['left', 'others', false],
    ['suspect', 'others', true],
    ['dead', 'others', true],
    ['removed', 'others', true],
    ['revoked', 'others', false],
  ])('lets an issuer say %s of %s: %s', (kind, about, isAllowed) => {
    const subject = about === 'itself' ? me.peer : other.peer;
    const kindNumber = ['alive', 'left', 'suspect', 'dead', 'removed', 'revoked'].indexOf(kind) + 1;

    const read = decodeClaim(wireOf({ kind: kindNumber, subject: publicKeyOf(subject) }));

    assert.equal(read?.kind, isAllowed ? kind : undefined);
    const encode = () => encodeClaim({ ...draft, kind, subject });
    if (isAllowed) encode();
    else assert.throws(encode, RangeError);
  });

  it.each<readonly [string, Uint8Array]>([
    ['a kind that it does not know', wireOf({ kind: 6 })],
    ['no kind', wireOf({ kind: 0 })],
    ['an issuer that is no key', wireOf({ issuer: Buffer.alloc(31) })],
    ['a subject that is no key', wireOf({ subject: Buffer.alloc(33) })],
    ['an epoch above 2^53 - 1', wireOf({ epoch: 2 ** 53 })],
    ['a short signature', sealClaim({ claim: encodeClaim(draft), signature: Buffer.alloc(63) })],
    ['no signature', sealClaim({ claim: encodeClaim(draft), signature: Buffer.alloc(0) })],
    ['more than 200 bytes', wireOf({ issuer: Buffer.alloc(200) })],
    ['nothing', Buffer.alloc(0)],
    ['a signature of nothing', signedClaimType.encode({ signature } as never).finish()],
  ])('refuses %s', (_, wire) => {
    assert.equal(decodeClaim(wire), undefined);
  });

  it('refuses every truncation', () => {
    const wire = sealClaim({ claim: encodeClaim(draft), signature });

    for (let length = 0; length < wire.length; length++) {
      assert.equal(decodeClaim(wire.subarray(0, length)), undefined, `${length}`);
    }
  });

  it('takes away what somebody added around the signed bytes', () => {
    const wire = sealClaim({ claim: encodeClaim(draft), signature });
    const padded = Buffer.concat([wire, Buffer.of((15 << 3) | 2, 3, 1, 2, 3)]);

    assert.deepEqual(decodeClaim(padded)?.wire, wire);
    assert.isDefined(openClaim(padded));
  });

  it('refuses what is padded to more than 200 bytes', () => {
    const wire = sealClaim({ claim: encodeClaim(draft), signature });
    const padded = (bytes: number) =>
      Buffer.concat([
        wire,
        Buffer.of((15 << 3) | 2, bytes - wire.length - 2),
        Buffer.alloc(bytes - wire.length - 2),
      ]);

    assert.isDefined(decodeClaim(padded(200)));
    assert.isUndefined(decodeClaim(padded(201)));
  });

  it('takes at most 163 bytes', () => {
    const largest = { ...draft, epoch: Number.MAX_SAFE_INTEGER, incarnation: 2 ** 32 - 1 };

    assert.isAtMost(sealClaim({ claim: encodeClaim(largest), signature }).length, 163);
  });

  it('does not encode what others would refuse', () => {
    for (const epoch of [-1, 0.5, 2 ** 53, Number.NaN]) {
      assert.throws(() => encodeClaim({ ...draft, epoch }), RangeError);
    }
  });
});
