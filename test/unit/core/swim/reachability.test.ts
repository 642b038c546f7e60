import { assert, describe, it } from 'vitest';
import { credibilityMin, type Mark, Reachability, reachOf } from '../../../../src/core/swim/reachability.ts';

const hourMs = 3_600_000;

function withMarks(marks: string): Reachability {
  const reach = new Reachability(undefined, 0);
  for (const mark of marks) reach.mark(mark as Mark);
  return reach;
}

function accuse(reach: Reachability, count: number, monoMs = 0): void {
  for (let i = 0; i < count; i++) reach.accusedFalsely(`victim ${i}`, monoMs);
}

describe('core/swim/reachability', () => {
  it.each([
    ['', 100],
    ['U', 100],
    ['UUUU', 100],
    ['I', 75],
    ['L', 50],
    ['x', 0],
    ['xxxxxxxx', 0],
    ['UUUUUUUUUUUUUUUUUUUUUUUUUUUUUUUU', 100],
  ])('scores %j with %i', (marks, score) => {
    assert.equal(withMarks(marks).score(0), score);
  });

  it('weighs recent rounds more: half of a full history is the last eight', () => {
    assert.isAbove(reachOf('xU'), reachOf('Ux'));
    assert.approximately(reachOf(`${'x'.repeat(24)}${'U'.repeat(8)}`), 0.53, 0.03);
  });

  it('keeps the last 32 rounds', () => {
    assert.equal(withMarks(`x${'U'.repeat(32)}`).history, 'U'.repeat(32));
  });

  it('counts failures in a row', () => {
    assert.deepEqual(
      ['', 'x', 'xxx', 'xxxU', 'xxUx'].map(marks => withMarks(marks).strikes),
      [0, 1, 3, 0, 1],
    );
  });

  it('goes on where it stopped, and takes no nonsense from the store', () => {
    assert.equal(
      new Reachability({ history: 'UUx', credibility: 0.5 }, 0).score(0),
      Math.round(50 * reachOf('UUx')),
    );
    assert.equal(new Reachability({ history: '', credibility: 7 }, 0).credibility(0), 1);
    assert.equal(new Reachability({ history: '', credibility: -7 }, 0).credibility(0), 0);
    assert.lengthOf(new Reachability({ history: 'U'.repeat(99), credibility: 1 }, 0).history, 32);
  });

  it('believes an accuser that errs about one or two', () => {
    const reach = new Reachability(undefined, 0);

    for (let i = 0; i < 50; i++) accuse(reach, 2);

    assert.equal(reach.credibility(0), 1);
  });

  it('believes nobody who accuses many that answer', () => {
    const reach = new Reachability(undefined, 0);

    accuse(reach, 6);
    assert.isAtLeast(reach.credibility(0), credibilityMin);
    accuse(reach, 7);

    assert.isBelow(reach.credibility(0), credibilityMin);
    assert.isBelow(reach.score(0), 30);
  });

  it('does not add up what lies more than a minute apart', () => {
    const reach = new Reachability(undefined, 0);

    for (let i = 0; i < 20; i++) reach.accusedFalsely(`victim ${i}`, i * 31_000);

    assert.equal(reach.credibility(20 * 31_000), 1);
  });

  it('gives credibility back, half of it in an hour', () => {
    const reach = new Reachability({ history: '', credibility: 0.2 }, 0);

    assert.approximately(reach.credibility(hourMs), 0.7, 0.001);
    assert.equal(reach.credibility(10 * hourMs), 1);
  });

  it('shows each layer from the lowest up, and which were not tried', () => {
    const reach = new Reachability(undefined, 0);
    reach.layer('tcp', true, 1_000);
    reach.layer('udp', true, 1_000);
    reach.layer('udp', false, 2_000, 'no answer');

    assert.deepEqual(reach.layerViews(5_000), [
      { layer: 'udp', ok: false, agoMs: 3_000, detail: 'no answer' },
      { layer: 'tcp', ok: true, agoMs: 4_000 },
      { layer: 'ping' },
      { layer: 'http' },
    ]);
  });

  it('is written when there is something new, once', () => {
    const reach = new Reachability(undefined, 0);

    assert.isUndefined(reach.takeDirty(0));
    reach.mark('U');

    assert.deepEqual(reach.takeDirty(0), { history: 'U', credibility: 1 });
    assert.isUndefined(reach.takeDirty(0));
  });
});
