import { assert, describe, it } from 'vitest';
import { Membership } from '../../../../src/core/membership/membership.ts';
import type { LivenessState } from '../../../../src/core/view.ts';

const settings = { suspectMs: 1_000, pingIntervalMs: 100 };

type Happening = (membership: Membership, monoMs: number) => unknown;

const meet: Happening = (m, t) => m.known('p', 'node', true, t);
const meetOld: Happening = (m, t) => m.known('p', 'node', false, t);
const up: Happening = (m, t) => m.linkUp('p', 'address', t);
const down: Happening = (m, t) => m.linkDown('p', true, t);
const downByChoice: Happening = (m, t) => m.linkDown('p', false, t);
const pong: Happening = (m, t) => m.pinged('p', 1, t);
const noPong: Happening = (m, t) => m.pinged('p', undefined, t);
const noAnswer: Happening = (m, t) => m.unreachable('p', t);
const leave: Happening = (m, t) => m.left('p', 'node', t);
const waitLong: Happening = m => m.tick(999_999);

/** What happens one after the other, and how the member is seen in the end. */
const roads: readonly (readonly [string, readonly Happening[], LivenessState | undefined])[] = [
  ['nothing is known', [], undefined],
  ['a link alone makes no member', [up], undefined],
  ['a fresh record', [meet], 'alive'],
  ['an old record', [meetOld], 'suspect'],
  ['an old record of a linked peer', [up, meetOld], 'alive'],
  ['a link to a suspect', [meetOld, up], 'alive'],
  ['a link breaks', [meet, up, down], 'suspect'],
  ['a link is given up by choice', [meet, up, downByChoice], 'alive'],
  ['a link breaks and stays away', [meet, up, down, waitLong], 'dead'],
  ['a link comes back', [meet, up, down, up], 'alive'],
  ['a link comes back to the dead', [meet, up, down, waitLong, up], 'alive'],
  ['a fresh record of the dead', [meet, up, down, waitLong, meet], 'alive'],
  ['an old record of the dead', [meet, up, down, waitLong, meetOld], 'dead'],
  ['a ping unanswered', [meet, up, noPong], 'suspect'],
  ['a ping answered again', [meet, up, noPong, pong], 'alive'],
  ['a ping of nobody linked', [meet, noPong], 'alive'],
  ['a dial finds nobody', [meet, noAnswer], 'suspect'],
  ['a dial finds nobody, but the link stands', [meet, up, noAnswer], 'alive'],
  ['a suspect dies of nothing but time', [meetOld, noAnswer, waitLong], 'dead'],
  ['it leaves', [meet, up, leave], 'left'],
  ['somebody never met leaves', [leave], 'left'],
  ['the link of who left breaks', [meet, up, leave, down, waitLong], 'left'],
  ['who left keeps its link a little', [meet, leave, up], 'left'],
  ['who left speaks again', [meet, leave, meet], 'alive'],
  ['who left spoke again a while ago', [meet, leave, meetOld], 'suspect'],
  ['who left spoke again a while ago and is linked', [meet, leave, up, meetOld], 'alive'],
  ['the dead say goodbye', [meet, down, noAnswer, waitLong, leave], 'left'],
];

describe('core/membership', () => {
  it.each(roads)('%s', (_, happenings, expected) => {
    const membership = new Membership(settings);

    for (const [i, happening] of happenings.entries()) happening(membership, i);

    assert.equal(membership.member('p')?.state, expected);
  });

  it('reports each change once', () => {
    const membership = new Membership(settings);
    membership.known('p', 'node', true, 0);
    membership.linkUp('p', 'address', 0);

    assert.deepEqual(membership.linkDown('p', true, 5).changed, [
      { peer: 'p', id: 'node', state: 'suspect', sinceMonoMs: 5 },
    ]);
    assert.deepEqual(membership.unreachable('p', 6).changed, []);
    assert.deepEqual(membership.tick(1_004).changed, []);
    assert.equal(membership.tick(1_005).changed[0]?.state, 'dead');
    assert.deepEqual(membership.tick(9_999).changed, []);
  });

  it('reports a new name', () => {
    const membership = new Membership(settings);
    membership.known('p', 'old', true, 0);

    assert.equal(membership.known('p', 'new', true, 1).changed[0]?.id, 'new');
    assert.deepEqual(membership.known('p', 'new', true, 2).changed, []);
  });

  it('pings each link in its turn', () => {
    const membership = new Membership(settings);
    membership.linkUp('p', 'address', 0);
    membership.linkUp('q', 'address', 50);

    assert.deepEqual(membership.tick(99).ping, []);
    assert.deepEqual(membership.tick(100).ping, ['p']);
    assert.deepEqual(membership.tick(150).ping, ['q']);
    assert.deepEqual(membership.tick(200).ping, ['p']);
  });

  it('cuts a link after two unanswered pings in a row', () => {
    const membership = new Membership(settings);
    membership.known('p', 'node', true, 0);
    membership.linkUp('p', 'address', 0);

    assert.deepEqual(membership.pinged('p', undefined, 1).hangUp, []);
    membership.pinged('p', 3, 2);
    assert.deepEqual(membership.pinged('p', undefined, 3).hangUp, []);
    assert.deepEqual(membership.pinged('p', undefined, 4).hangUp, ['p']);
    assert.equal(membership.rttMs('p'), 3);
  });

  it('forgets who was reaped', () => {
    const membership = new Membership(settings);
    membership.known('p', 'node', true, 0);

    membership.forget('p');

    assert.equal(membership.membersCount, 0);
    assert.isUndefined(membership.member('p'));
  });
});
