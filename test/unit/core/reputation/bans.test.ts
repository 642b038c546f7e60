import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import type { BanDraft, VerifiedBan } from '../../../../src/core/reputation/ban.ts';
import { type BanSettings, Bans } from '../../../../src/core/reputation/bans.ts';
import { at, startWallMs } from '../../../record-builder.ts';

function statement(fields: Partial<BanDraft> = {}): VerifiedBan {
  const draft: BanDraft = {
    issuer: 'me',
    subject: 'bad',
    issuedAtMs: startWallMs,
    untilMs: 0,
    isLifted: false,
    reason: '',
    ...fields,
  };
  return { ...draft, wire: new Uint8Array() } as BanDraft as VerifiedBan;
}

function bansOf(settings: Partial<BanSettings> = {}): Bans {
  return new Bans(settings, { self: () => 'me', latest: peer => peer, formersOf: () => [] });
}

describe('core/reputation, bans', () => {
  it.each<readonly [string, readonly Partial<BanDraft>[], boolean]>([
    ['nobody has said anything', [], false],
    ['an operator of this agent has banned it', [{}], true],
    ['a trusted agent has', [{ issuer: 'trusted' }], true],
    ['any other agent has', [{ issuer: 'other' }], false],
    ['it was pardoned since', [{}, { isLifted: true, issuedAtMs: startWallMs + 1 }], false],
    ['the pardon came before the ban', [{ issuedAtMs: startWallMs + 1 }, { isLifted: true }], true],
    [
      'this agent pardons whom a trusted one has banned',
      [{ issuer: 'trusted' }, { isLifted: true, issuedAtMs: startWallMs + 1 }],
      false,
    ],
    [
      'a pardon comes from an agent that does not count',
      [{}, { issuer: 'other', isLifted: true, issuedAtMs: startWallMs + 1 }],
      true,
    ],
    ['the time is over', [{ untilMs: startWallMs + 999 }], false],
    ['the time is not over', [{ untilMs: startWallMs + 1_001 }], true],
    ['it is ourselves', [{ subject: 'me', issuer: 'trusted' }], false],
  ])('when %s', (_case, statements, isBanned) => {
    const bans = bansOf({ issuers: ['trusted'] });
    for (const each of statements) bans.take(statement(each));

    assert.equal(bans.isBanned(statements[0]?.subject ?? 'bad', startWallMs + 1_000), isBanned);
  });

  it('come to the same whatever the order in which they are heard', () => {
    const arbitrary = fc.array(
      fc.record({
        issuer: fc.constantFrom('me', 'trusted', 'other'),
        subject: fc.constantFrom('bad', 'worse'),
        issuedAtMs: fc.integer({ min: startWallMs, max: startWallMs + 3 }),
        isLifted: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(arbitrary, fc.func(fc.integer()), (drafts, order) => {
        // One issuer says one thing at one moment.
        const said = [
          ...new Map(
            drafts.map(each => [`${each.issuer} ${each.subject} ${each.issuedAtMs}`, each]),
          ).values(),
        ];
        const [one, other] = [bansOf({ issuers: ['trusted'] }), bansOf({ issuers: ['trusted'] })];

        for (const each of said) one.take(statement(each));
        for (const each of said.toSorted((a, b) => order(a) - order(b))) other.take(statement(each));

        for (const subject of ['bad', 'worse'])
          assert.equal(one.isBanned(subject, startWallMs), other.isBanned(subject, startWallMs));
      }),
    );
  });

  it('of others than those who count shut nobody out, however many there are', () => {
    const anybody = fc.array(
      fc.record({
        issuer: fc.constantFrom('a', 'b', 'c', 'bad'),
        subject: fc.constantFrom('honest', 'trusted', 'me'),
        issuedAtMs: fc.integer({ min: startWallMs - 1_000, max: startWallMs + 1_000 }),
      }),
      { maxLength: 50 },
    );
    fc.assert(
      fc.property(anybody, drafts => {
        const bans = bansOf({ issuers: ['trusted'] });
        for (const each of drafts) if (bans.wants(statement(each), true, at(0))) bans.take(statement(each));

        for (const subject of ['honest', 'trusted', 'me'])
          assert.isFalse(bans.isBanned(subject, startWallMs));
      }),
    );
  });

  it('are kept within bounds, and those that count are not driven out by others', () => {
    const bans = bansOf({ advisedMaxCount: 10, keptMaxCount: 10 });
    bans.take(statement());

    for (let i = 0; i < 1_000; i++) bans.take(statement({ issuer: `other-${i}` }));

    assert.lengthOf(bans.views(startWallMs), 11);
    assert.isTrue(bans.isBanned('bad', startWallMs));
  });

  it.each<readonly [string, Partial<BanDraft>, boolean, boolean]>([
    ['of a member', { issuer: 'other' }, true, true],
    ['of a stranger', { issuer: 'other' }, false, false],
    ['of a trusted key that is no member', { issuer: 'trusted' }, false, true],
    ['from the future', { issuer: 'trusted', issuedAtMs: startWallMs + 3_000 }, true, false],
    ['about itself', { issuer: 'bad', subject: 'bad' }, true, false],
  ])('a statement %s is looked at or not', (_case, fields, isMember, isWanted) => {
    assert.equal(bansOf({ issuers: ['trusted'] }).wants(statement(fields), isMember, at(0)), isWanted);
  });

  it('an issuer may say no more than so many things at once', () => {
    const bans = bansOf();
    const wanted = Array.from({ length: 1_000 }, (_, i) =>
      statement({ issuer: 'other', subject: `key-${i}` }),
    );

    assert.lengthOf(
      wanted.filter(ban => bans.wants(ban, true, at(0))),
      50,
    );
  });
});
