import { assert, describe, it } from 'vitest';
import { RecentAnnouncements } from '../../../src/discovery/recent-announcements.ts';

describe('discovery/recent-announcements', () => {
  it('says the same once a minute, whatever the order of the addresses', () => {
    let nowMs = 0;
    const recent = new RecentAnnouncements(() => nowMs);

    const answers = [0, 1_000, 59_999, 60_000, 60_001].map((atMs, index) => {
      nowMs = atMs;
      return recent.isNews('p', index % 2 === 0 ? ['x', 'y'] : ['y', 'x']);
    });

    assert.deepEqual(answers, [true, false, false, true, false]);
  });

  it('lets new addresses of a known peer through', () => {
    const recent = new RecentAnnouncements(() => 0);

    assert.isTrue(recent.isNews('p', ['x']));
    assert.isTrue(recent.isNews('p', ['z']));
  });

  it('forgets the oldest of a thousand', () => {
    const recent = new RecentAnnouncements(() => 0);
    for (let index = 0; index <= 1_000; index += 1) recent.isNews(`p${index}`, ['x']);

    assert.isFalse(recent.isNews('p1000', ['x']));
    assert.isTrue(recent.isNews('p0', ['x']));
  });
});
