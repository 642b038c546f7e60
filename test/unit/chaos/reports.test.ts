import { assert, describe, it } from 'vitest';
import { drawing, statesOf, ticks } from '../../../src/chaos/report/drawing.ts';
import { factsOf, newsOf } from '../../../src/chaos/report/facts.ts';
import { htmlReport } from '../../../src/chaos/report/html.ts';
import { markdownReport } from '../../../src/chaos/report/markdown.ts';
import { eventful, outcome } from './outcomes.ts';
import { allAlive, fault, process, said, timeline } from './timelines.ts';

const failed = outcome({
  passed: false,
  conditions: [
    { name: 'all is well', kind: 'liveness', holds: true, seen: 'after 2.0 s' },
    { name: 'nothing was lost', kind: 'safety', holds: false, seen: 'service-1 is missing' },
  ],
});

describe('chaos/report/facts', () => {
  const facts = (of = outcome()) => new Map(factsOf(of).map(({ name, value }) => [name, value]));

  it('tells who missed whom and how fast', () => {
    assert.equal(facts().get('c missed'), 'by 1 of 2 after 1.00 s, dead or gone after 2.00 s');
  });

  it('has one line for all of many faults', () => {
    const windows = Array.from({ length: 9 }, () => fault({ toMs: 20_000 }));
    const many = timeline({ windows, entries: [...allAlive, said(13_000, 'a', 'c', 'suspect')] });

    const told = facts(outcome({ timeline: many }));

    assert.equal(
      told.get('agents missed'),
      '9 of 9 times; by the last to notice after 3.00 s (median), 3.00 s (longest)',
    );
    assert.isFalse(told.has('c missed'));
  });

  it('leaves out of the warnings those that the drill itself causes', () => {
    assert.equal(facts().get('logged as warning or error'), 'partition_suspected 1');
  });

  it('says so when all never came to see each other again', () => {
    const apart = timeline({ entries: allAlive.slice(1) });

    assert.equal(facts(outcome({ timeline: apart })).get('all see all alive again'), 'never');
  });

  it('tells as news what changed, and not what was answered to a question', () => {
    assert.deepEqual(
      newsOf(eventful).map(({ text }) => text),
      [
        'c is gone',
        'a: c is suspect, was alive',
        'a: c is dead, was suspect',
        'c runs',
        'a: c is alive, was dead',
        'b: partition suspected, 1 of 3 reachable',
        'b: conflict about service (concurrent)',
      ],
    );
  });
});

describe('chaos/report/markdown', () => {
  it('says in its first line how it went, and names what does not hold', () => {
    const [first] = markdownReport(failed).split('\n');

    assert.equal(first, '# Drill kill-restart: FAILED');
    assert.include(
      markdownReport(failed),
      '| **FAILED** | safety | nothing was lost | service-1 is missing |',
    );
    assert.match(markdownReport(outcome()), /^# Drill kill-restart: passed\n/);
  });

  it('lets no name end a cell or begin markup', () => {
    const hostile = outcome({ summary: 'x', warnings: { 'a|b<img src=x>`[y](z)': 1 } });

    const text = markdownReport(hostile);

    assert.include(text, 'a\\|b\\<img src=x\\>\\`\\[y\\](z) 1');
  });
});

describe('chaos/report/html', () => {
  it('is one page that loads nothing and runs nothing', () => {
    const page = htmlReport(failed);

    assert.match(page, /^<!doctype html>/);
    assert.include(page, "default-src 'none'");
    assert.notMatch(page, /<script|<link|<img|<iframe|@import|url\(|https?:/);
  });

  it('says how it went in title and heading, and marks what does not hold', () => {
    const page = htmlReport(failed);

    assert.include(page, '<title>Drill kill-restart: failed</title>');
    assert.include(page, 'failed: 1 of 2 conditions does not hold');
    assert.match(page, /<tr class="bad"><td>FAILED<\/td>/);
    assert.include(htmlReport(outcome()), 'passed: all 1 conditions hold');
  });

  it('shows whatever agents call themselves as text', () => {
    const name = `"><script>alert('1')</script>&`;
    const hostile = timeline({
      agents: [name, 'b'],
      entries: [said(1, 'b', name, 'dead')],
      windows: [fault({ title: name, targets: [name] })],
    });

    const page = htmlReport(outcome({ timeline: hostile, drill: name, directory: name }));

    assert.notInclude(page, '<script');
    assert.include(page, '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;');
  });
});

describe('chaos/report/drawing', () => {
  it('gives each state its span, from what was said first to the end', () => {
    assert.deepEqual(statesOf(eventful, 'a', 'c'), [
      { fromMs: 0, toMs: 11_000, state: 'alive' },
      { fromMs: 11_000, toMs: 12_000, state: 'suspect' },
      { fromMs: 12_000, toMs: 21_000, state: 'dead' },
      { fromMs: 21_000, toMs: 60_000, state: 'alive' },
    ]);
  });

  it('shows no opinion of an agent while its process is gone', () => {
    const away = timeline({
      entries: [
        ...allAlive,
        process(5_000, 'c', false),
        process(9_000, 'c', true),
        said(10_000, 'c', 'a', 'alive', null),
      ],
    });

    assert.deepEqual(statesOf(away, 'c', 'a'), [
      { fromMs: 0, toMs: 5_000, state: 'alive' },
      { fromMs: 10_000, toMs: 60_000, state: 'alive' },
    ]);
  });

  it('has a lane for each agent, a row in it for each other one, and every fault', () => {
    const svg = drawing(eventful);

    for (const agent of ['a', 'b', 'c']) assert.include(svg, `>${agent}</text>`);
    assert.include(svg, 'a: c is dead, 12.0 s to 21.0 s');
    assert.include(svg, 'c does not run');
    assert.equal(svg.match(/class="band"/g)?.length, 1);
    assert.equal(svg.match(/class="aimed"/g)?.length, 1);
    assert.include(svg, '2 different tables, 15.0 s to 16.0 s');
  });

  it.each([
    [900, 1],
    [12_000, 13],
    [13_000, 7],
    [60_000, 13],
    [600_000, 11],
  ])('marks %d ms at %d round times', (endMs, count) => {
    assert.lengthOf(ticks(endMs), count);
  });
});
