import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { bodyComplaint } from '../../../src/health/judgement.ts';

const ok = 'ok';

describe('health/judgement', () => {
  it.each([
    ['{}', ok],
    [' \n{"ready":true}\n', ok],
    ['{"ready":false}', 'not-ready'],
    ['{"ready":"false"}', ok],
    ['{"ready":0}', ok],
    ['{"nested":{"ready":false}}', ok],
    ['{"ready":false', 'garbage'],
    ['[]', 'garbage'],
    ['null', 'garbage'],
    ['"ready"', 'garbage'],
    ['true', 'garbage'],
    ['7', 'garbage'],
    ['', 'garbage'],
    ['\n \n', 'garbage'],
    ['OK', 'garbage'],
    ['<!doctype html>', 'garbage'],
    ['up 1', ok],
    ['up{job="a b",x="}"} 1.5e-3 1700000000000', ok],
    ['up\t+Inf', ok],
    ['up NaN', ok],
    ['up .5', ok],
    ['# HELP up x\r\n# TYPE up gauge\r\n\r\nup 1\r\n', ok],
    ['# only comments', 'garbage'],
    ['{"up.dotted",job="a"} 1', ok],
    ['up', 'garbage'],
    ['up one', 'garbage'],
    ['up 1x', 'garbage'],
    ['Not found 404', 'garbage'],
    ['requests 3\nnode_ready 0\n', 'not-ready'],
    ['node_ready{host="a"} 0.0', 'not-ready'],
    ['node_ready 0 1700000000000', 'not-ready'],
    ['node_ready 1', ok],
    ['node_ready 0.5', ok],
    ['my_node_ready 0', ok],
  ])('of %j is %s', (body, expected) => {
    assert.equal(bodyComplaint(body)?.reason ?? ok, expected);
  });

  it('answers any text within 50 ms and without a throw', () => {
    const pieces = fc.constantFrom('a', '{', '}', ' ', '"', '0', '\n', 'node_ready', '#', '\t');
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 200 }).map(list => list.join('')),
      fc.tuple(pieces, pieces).map(pair => pair.join('').repeat(50_000)),
    );
    fc.assert(
      fc.property(texts, text => {
        const startedMs = performance.now();

        bodyComplaint(text);

        assert.isBelow(performance.now() - startedMs, 50);
      }),
    );
  });
});
