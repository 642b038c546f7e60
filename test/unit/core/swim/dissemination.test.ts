import { assert, describe, it } from 'vitest';
import type { ClaimDraft, VerifiedClaim } from '../../../../src/core/swim/claim.ts';
import { Dissemination } from '../../../../src/core/swim/dissemination.ts';
import { claimOverheadBytes, claimsPerDatagramMaxCount } from '../../../../src/core/swim/message.ts';

const claimBytes = 100;
const roomFor = (count: number) => count * (claimBytes + claimOverheadBytes);

/** `b says c is dead`; nobody signed it. */
function claim(fields: Partial<ClaimDraft> = {}): VerifiedClaim {
  const draft = {
    kind: 'suspect',
    issuer: 'b',
    subject: 'c',
    epoch: 1,
    incarnation: 0,
    refused: false,
    ...fields,
  };
  return { ...draft, wire: new Uint8Array(claimBytes) } as ClaimDraft as VerifiedClaim;
}

function push(news: Dissemination, budgetBytes: number, limit: number, first: readonly VerifiedClaim[] = []) {
  return news.take({ by: 'push', budgetBytes, limit, first });
}

function ride(news: Dissemination, limit: number) {
  return news.take({ by: 'ride', budgetBytes: roomFor(1), limit });
}

function newsOf(...claims: readonly VerifiedClaim[]): Dissemination {
  const news = new Dissemination();
  for (const each of claims) news.add(each);
  return news;
}

describe('core/swim/dissemination', () => {
  it('sends those first that were sent least, the newest of them first', () => {
    const [a, b, c] = [
      claim({ subject: 'a' }),
      claim({ subject: 'b', issuer: 'x' }),
      claim({ subject: 'c' }),
    ];
    const news = newsOf(a, b);

    const rounds = [push(news, roomFor(1), 9), push(news, roomFor(1), 9)];
    news.add(c);
    rounds.push(push(news, roomFor(2), 9), push(news, roomFor(2), 9));

    assert.deepEqual(rounds, [[b], [a], [c, b], [c, a]]);
  });

  it('sends each as often as the limit says', () => {
    const news = newsOf(claim());

    const sent = [1, 2, 3, 4].map(() => push(news, roomFor(9), 3).length);

    assert.deepEqual(sent, [1, 1, 1, 0]);
    assert.isFalse(news.isPushing(3));
  });

  it('lets each ride on as many pings as well, whatever was heard, and then knows it no more', () => {
    const news = newsOf(claim());
    for (let copy = 0; copy < 9; copy++) news.heardAgain(claim());

    const before = [1, 2].map(() => push(news, roomFor(1), 3).length);
    const ridden = [1, 2, 3, 4].map(() => ride(news, 3).length);

    assert.deepEqual(before, [1, 1]);
    assert.deepEqual(ridden, [1, 1, 1, 0]);
    assert.equal(news.size, 0);
  });

  it('has nothing to push once all have been, though they still ride', () => {
    const news = newsOf(claim(), claim({ subject: 'd' }));

    const pushing = [0, 1, 2].map(count => {
      if (count > 0) push(news, roomFor(2), 2);
      return news.isPushing(2);
    });

    assert.deepEqual(pushing, [true, true, false]);
    assert.lengthOf(ride(news, 2), 1);
  });

  it('sends only what the receiver should hear where nothing else may go along', () => {
    const mine = claim({ subject: 'receiver' });

    const taken = newsOf(claim()).take({ budgetBytes: roomFor(2), limit: 9, first: [mine] });

    assert.deepEqual(taken, [mine]);
  });

  it('sends a claim less often the more copies of it were heard, but never less than twice', () => {
    const sendsAfter = (copiesCount: number) => {
      const news = newsOf(claim());
      for (let copy = 0; copy < copiesCount; copy++) news.heardAgain(claim());
      return Array.from({ length: 20 }, () => push(news, roomFor(9), 12).length).reduce((a, b) => a + b);
    };

    assert.deepEqual([0, 1, 2, 3, 100].map(sendsAfter), [12, 8, 4, 2, 2]);
  });

  it('does not count what only looks like a copy', () => {
    const news = newsOf(claim());
    const forged = { ...claim(), wire: new Uint8Array(claimBytes).fill(1) };

    for (let copy = 0; copy < 9; copy++) news.heardAgain(forged);

    assert.equal(Array.from({ length: 20 }, () => push(news, roomFor(9), 12)).flat().length, 12);
  });

  it('forgets what was said about earlier lives when a new one begins, but not that it was taken out', () => {
    const old = claim({ incarnation: 1 });
    const removal = claim({ kind: 'removed' });
    const other = claim({ subject: 'd' });
    const news = newsOf(old, removal, other);

    news.forgetBefore('c', { epoch: 1, incarnation: 2 });

    assert.sameMembers([...push(news, roomFor(9), 9)], [removal, other]);
  });

  it('keeps within the budget, and takes a smaller one that still fits', () => {
    const large = { ...claim({ subject: 'large' }), wire: new Uint8Array(1_000) } as VerifiedClaim;
    const small = claim({ subject: 'small' });
    const news = newsOf(small, large);

    assert.deepEqual(push(news, roomFor(1), 9), [small]);
    assert.deepEqual(push(news, roomFor(1) - 1, 9), []);
  });

  it('puts no more into one datagram than a receiver takes', () => {
    const many = Array.from({ length: 20 }, (_, i) => claim({ subject: `s${i}` }));

    assert.lengthOf(push(newsOf(...many), 1e6, 9), claimsPerDatagramMaxCount);
  });

  it('puts first what its receiver should hear, uncounted and not twice', () => {
    const [mine, other] = [claim({ subject: 'receiver' }), claim({ subject: 'other' })];
    const news = newsOf(mine, other);

    const rounds = [1, 2, 3].map(() => push(news, roomFor(1), 1, [mine]));

    assert.deepEqual(rounds, [[mine], [mine], [mine]]);
    assert.deepEqual(push(news, roomFor(9), 1, [mine]), [mine, other]);
  });

  it.each<readonly [string, Partial<ClaimDraft>, Partial<ClaimDraft>, number]>([
    ['a later life drives out an accusation', {}, { kind: 'alive', issuer: 'c', incarnation: 1 }, 1],
    [
      'a later epoch drives out an earlier one',
      { incarnation: 9 },
      { kind: 'alive', issuer: 'c', epoch: 2 },
      1,
    ],
    ['leaving drives out an accusation of the same life', {}, { kind: 'left', issuer: 'c' }, 1],
    ['leaving does not drive out a removal', { kind: 'removed' }, { kind: 'left', issuer: 'c' }, 2],
    ['a verdict takes the place of its own suspicion', {}, { kind: 'dead' }, 1],
    ['two accusers are two voices', {}, { issuer: 'd' }, 2],
    ['what is said of others stays', { subject: 'd' }, { kind: 'left', issuer: 'c' }, 2],
  ])('%s', (_, before, after, left) => {
    assert.equal(newsOf(claim(before), claim(after)).size, left);
  });

  it('forgets what was said about a member that is forgotten', () => {
    const news = newsOf(claim(), claim({ issuer: 'd' }), claim({ subject: 'd' }));

    news.forget('c');

    assert.equal(news.size, 1);
  });

  it('drops the claim that was sent most when there are too many', () => {
    const worn = claim({ subject: 'worn' });
    const news = newsOf(worn);
    push(news, roomFor(1), 9);

    for (let i = 0; i < 1_024; i++) news.add(claim({ subject: `s${i}` }));

    assert.equal(news.size, 1_024);
    const sent = new Set<VerifiedClaim>();
    while (news.isPushing(1)) for (const each of push(news, 1e6, 1)) sent.add(each);
    assert.isFalse(sent.has(worn));
  });
});
