import { assert, describe, it } from 'vitest';
import { Removals } from '../../../../src/core/membership/removals.ts';
import type { ClaimDraft, VerifiedClaim } from '../../../../src/core/swim/claim.ts';

function removal(subject: string, epoch = 1): VerifiedClaim {
  const draft = { kind: 'removed', issuer: 'b', subject, epoch, incarnation: 0, refused: false } as const;
  return { ...draft, wire: new Uint8Array() } as ClaimDraft as VerifiedClaim;
}

describe('core/membership/removals', () => {
  it('holds for the epoch that it names and all before', () => {
    const removals = new Removals();
    removals.add(removal('a', 5));

    assert.deepEqual(
      [4, 5, 6].map(epoch => removals.has('a', epoch)),
      [true, true, false],
    );
    assert.isFalse(removals.has('b', 1));
  });

  it('keeps the last one about each agent', () => {
    const removals = new Removals();
    const [first, second] = [removal('a', 1), removal('a', 2)];
    removals.add(first);

    removals.add(second);

    assert.equal(removals.of('a'), second);
    assert.deepEqual(removals.latest(), [second]);
  });

  it('forgets the oldest when there are too many, and says which', () => {
    const removals = new Removals();
    for (let i = 0; i < 4_096; i++) removals.add(removal(`p${i}`));
    removals.add(removal('p0'));

    const dropped = removals.add(removal('one more'));

    assert.deepEqual(dropped, ['p1']);
    assert.isFalse(removals.has('p1', 1));
  });

  it('tells the newest of them, as many as fit into one frame', () => {
    const removals = new Removals();
    for (let i = 0; i < 300; i++) removals.add(removal(`p${i}`));

    const told = removals.latest();

    assert.lengthOf(told, 256);
    assert.equal(told.at(-1)?.subject, 'p299');
  });
});
