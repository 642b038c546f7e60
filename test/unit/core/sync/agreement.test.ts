import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Agreement } from '../../../../src/core/sync/agreement.ts';
import type { ExchangeEnd } from '../../../../src/core/sync/exchange.ts';
import { RecordTree, type TreeRoot } from '../../../../src/core/sync/tree.ts';
import { treeHash } from '../../../../src/identity/tree-hash.ts';
import { record } from '../../../record-builder.ts';

const since = 5;

class Bench {
  readonly tree = new RecordTree({ hash: treeHash });
  readonly agreement = new Agreement({ tree: this.tree });

  constructor() {
    this.put(record());
    this.agreement.look(since, 0);
  }

  put(each: VerifiedRecord): void {
    this.tree.put(each.subjectHash, each.subject, [each]);
  }

  get own(): TreeRoot {
    return this.tree.root(since);
  }

  hear(root: TreeRoot, monoMs: number, peer = 'p'): void {
    this.agreement.heard(peer, root, since, monoMs);
  }

  state(monoMs: number) {
    this.agreement.look(since, monoMs);
    return this.agreement.standings()[0]?.state;
  }
}

const other: TreeRoot = { since, root: 'ab'.repeat(16), entries: 9 };
const end: ExchangeEnd = {
  outcome: 'walked',
  asked: true,
  tookMs: 10,
  receivedCount: 1,
  sentCount: 0,
  bytes: 1_000,
  rounds: 3,
  peerRoot: other.root,
};

describe('core/sync/agreement', () => {
  it('agrees with whom shows the same root, since then', () => {
    const bench = new Bench();

    bench.hear(bench.own, 700);

    assert.equal(bench.state(9_000), 'agrees');
    assert.equal(bench.agreement.standings()[0]?.sinceMonoMs, 700);
    assert.isEmpty(bench.agreement.due(9_000));
  });

  it('walks when a difference is two seconds old, not before', () => {
    const bench = new Bench();
    bench.hear(other, 1_000);

    assert.equal(bench.state(2_999), 'unheard');
    assert.isEmpty(bench.agreement.due(2_999));
    assert.equal(bench.state(3_000), 'differs');
    assert.deepEqual(bench.agreement.due(3_000), ['p']);
  });

  it('does not take gossip that is on its way for a difference: they were ahead, and we follow', () => {
    const bench = new Bench();
    const ahead = new Bench();
    ahead.put(record({ subject: 'news' }));
    bench.hear(ahead.own, 1_000);

    bench.put(record({ subject: 'news' }));

    assert.equal(bench.state(1_500), 'agrees');
    assert.isEmpty(bench.agreement.due(9_000));
  });

  it('does not take it for one when we are ahead: what they show was ours a moment ago', () => {
    const bench = new Bench();
    const before = bench.own;
    bench.put(record({ subject: 'news' }));
    bench.agreement.look(since, 1_000);

    bench.hear(before, 1_500);

    assert.equal(bench.state(9_000), 'unheard');
    assert.isEmpty(bench.agreement.due(9_000));
  });

  it('does when they still show it long after', () => {
    const bench = new Bench();
    const before = bench.own;
    bench.put(record({ subject: 'news' }));
    bench.agreement.look(since, 1_000);

    bench.hear(before, 3_500);

    assert.deepEqual(bench.agreement.due(5_500), ['p']);
  });

  it('agrees no more once our own table has changed, and again when it is what they showed', () => {
    const bench = new Bench();
    bench.hear(bench.own, 700);
    const news = record({ subject: 'news' });

    bench.put(news);

    assert.equal(bench.state(2_000), 'unheard');
    assert.equal(bench.agreement.standings()[0]?.sinceMonoMs, 2_000);
    bench.tree.put(news.subjectHash, news.subject, []);
    assert.equal(bench.state(4_000), 'agrees');
    assert.equal(bench.agreement.standings()[0]?.sinceMonoMs, 4_000);
  });

  it('is out of step from two seconds after it was shown a difference, and not for long', () => {
    const bench = new Bench();
    bench.hear(other, 1_000);

    const fresh = [2_999, 3_000, 5_000, 5_001].map(monoMs => bench.agreement.isOutOfStep(monoMs));

    assert.deepEqual(fresh, [false, true, true, false]);
    bench.hear(other, 60_000);
    assert.isTrue(bench.agreement.isOutOfStep(60_000));
    bench.hear(bench.own, 60_500);
    assert.isFalse(bench.agreement.isOutOfStep(60_500));
  });

  it('is in step while more of those who were heard just now agree than differ', () => {
    const bench = new Bench();
    const isOutOfStep = (agreeing: number) => {
      bench.hear(other, 1_000, 'differs');
      for (let peer = 0; peer < agreeing; peer++) bench.hear(bench.own, 2_500, `agrees ${peer}`);
      return bench.agreement.isOutOfStep(3_000);
    };

    assert.deepEqual([0, 1, 2].map(isOutOfStep), [true, true, false]);
  });

  it('walks with somebody who alone shows a difference only when it does so again', () => {
    const bench = new Bench();
    bench.hear(other, 1_000);
    for (const peer of ['q', 'r']) bench.hear(bench.own, 2_900, peer);

    const once = bench.agreement.due(3_500);
    bench.hear(other, 3_500);

    assert.deepEqual([once, bench.agreement.due(3_500)], [[], ['p']]);
  });

  it('waits twice as long after each walk that changed nothing, and no longer than five minutes', () => {
    const bench = new Bench();
    const pausesS: number[] = [];
    let monoMs = 10_000;
    for (let i = 0; i < 8; i++) {
      bench.agreement.ended('p', end, since, monoMs);
      const endedMs = monoMs;
      bench.hear(other, monoMs);
      while (bench.agreement.due(monoMs).length === 0) {
        monoMs += 1_000;
        bench.hear(other, monoMs);
      }
      pausesS.push((monoMs - endedMs) / 1_000);
    }

    assert.deepEqual(pausesS, [10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('asks again soon where an exchange came to no end, then ever more rarely, and begins anew after one that did', () => {
    const bench = new Bench();
    const pausesS: number[] = [];
    let monoMs = 0;

    for (const outcome of ['stalled', 'busy', 'stalled', 'stalled', 'walked', 'stalled'] as const) {
      bench.agreement.ended('p', { ...end, outcome }, since, monoMs);
      const endedMs = monoMs;
      for (const soonMs of [0, 2_000]) bench.hear(other, monoMs + soonMs);
      monoMs += 2_000;
      while (bench.agreement.due(monoMs).length === 0) {
        monoMs += 1_000;
        bench.hear(other, monoMs);
      }
      pausesS.push((monoMs - endedMs) / 1_000);
    }

    assert.deepEqual(pausesS, [2, 4, 8, 16, 10, 2]);
  });

  it('walks again soon when something has changed meanwhile', () => {
    const bench = new Bench();
    for (let i = 0; i < 5; i++) bench.agreement.ended('p', end, since, 0);
    bench.put(record({ subject: 'news' }));

    bench.agreement.ended('p', end, since, 0);
    for (const monoMs of [0, 10_000]) bench.hear(other, monoMs);

    assert.deepEqual(bench.agreement.due(10_000), ['p']);
  });

  it('does not wait after an exchange that found nothing to do', () => {
    const bench = new Bench();
    bench.agreement.ended('p', { ...end, outcome: 'same', peerRoot: bench.own.root }, since, 1_000);

    bench.hear(other, 1_000);

    assert.equal(bench.state(1_000), 'unheard');
    assert.deepEqual(bench.agreement.due(3_000), ['p']);
  });

  it('leaves a liar alone for a minute, then for two', () => {
    const bench = new Bench();

    bench.agreement.ended('p', { ...end, outcome: 'lied' }, since, 0);
    assert.isTrue(bench.agreement.isShunned('p', 59_999));
    assert.isFalse(bench.agreement.isShunned('p', 60_000));
    bench.agreement.ended('p', { ...end, outcome: 'lied' }, since, 60_000);

    assert.isTrue(bench.agreement.isShunned('p', 179_999));
    assert.equal(bench.agreement.standings()[0]?.lies, 2);
  });

  it('compares over later epochs with a peer that has forgotten more, and never over what we have forgotten', () => {
    const bench = new Bench();

    bench.hear(bench.tree.root(since + 3), 1_000);
    assert.equal(bench.state(1_000), 'agrees');
    bench.hear({ ...other, since: since - 1 }, 2_000);

    assert.equal(bench.state(9_000), 'agrees');
  });

  it('forgets who is no member any more', () => {
    const bench = new Bench();
    bench.hear(other, 0);

    bench.agreement.keep(() => false);

    assert.isEmpty(bench.agreement.standings());
  });
});
