import { assert, describe, it } from 'vitest';
import type { RecordBody, SubjectBody } from '../../../src/cli/bodies.ts';
import { explainSubject } from '../../../src/cli/record-explanation.ts';

const alice = `12D3KooW${'a'.repeat(38)}Alice1`;
const bob = `12D3KooW${'b'.repeat(38)}Bobby2`;
const names = new Map([[alice, 'web-1']]);

function record(author: string, digest: string, more: Partial<RecordBody> = {}): RecordBody {
  return {
    subject: 'backend-1',
    author,
    authority: 'host',
    epoch: 3,
    sequence: 17,
    context: [],
    time: { wall_ms: 1_763_900_000_000, counter: 2 },
    claimed_at: { wall_ms: 1_763_800_000_000, counter: 0 },
    lease_ms: 900_000,
    digest: digest.repeat(64),
    kind: 'entry',
    node: {
      id: 'backend-1',
      address: '10.0.0.1:8080',
      metrics_port: 9_100,
      node_type: 'backend',
      is_load_balancer: false,
      capabilities: ['inference'],
    },
    wire: '',
    vouches: false,
    ...more,
  };
}

function subject(records: readonly RecordBody[], more: Partial<SubjectBody> = {}): SubjectBody {
  return { id: 'backend-1', conflict: false, records, parked: 0, ...more };
}

describe('cli/record-explanation', () => {
  it('says who wins, by which rule, what its author had seen, and why the other lost', () => {
    const loser = record(bob, 'b', { lost: 'covered' });
    const winner = record(alice, 'a', {
      context: [
        { author: bob, epoch: 3, sequence: 17, digest: loser.digest },
        { author: bob, epoch: 1, sequence: 2, digest: 'c'.repeat(64) },
      ],
    });

    const text = explainSubject(
      subject([loser, winner], { winner: winner.digest, rule: 'happened-before' }),
      { names, colour: false },
    );

    const lines = text.split('\n');
    assert.equal(
      lines[0],
      'backend-1: what web-1 (12D3…Alice1) says counts, because its author had seen the other records when writing it',
    );
    assert.equal(lines[2], 'aaaaaaaaaaaa  by web-1 (12D3…Alice1): wins');
    assert.include(text, 'says       backend at 10.0.0.1:8080, metrics port 9100, can inference\n');
    assert.include(text, 'version    epoch 3, sequence 17\n');
    assert.include(text, 'had seen   12D3…Bobby2 3/17 (bbbbbbbbbbbb)\n');
    assert.include(text, 'clock      web-1 (12D3…Alice1): 3/17, 12D3…Bobby2: 3/17, 12D3…Bobby2: 1/2\n');
    assert.include(text, 'not seen   web-1 (12D3…Alice1) 3/17 (aaaaaaaaaaaa)\n');
    assert.lengthOf(text.match(/not seen/g) ?? [], 1, 'the winner had seen the other one');
    assert.include(text, 'had seen   12D3…Bobby2 1/2 (cccccccccccc, not kept any more)\n');
    assert.include(
      text,
      'bbbbbbbbbbbb  by 12D3…Bobby2: lost, because another record was written by somebody who had seen this one\n',
    );
  });

  it('tells a conflict, those who vouch, and records that wait', () => {
    const winner = record(alice, 'a');
    const voucher = record(bob, 'b', { vouches: true });

    const text = explainSubject(
      subject([voucher, winner], { winner: winner.digest, rule: 'majority', conflict: true, parked: 2 }),
      { names, colour: false },
    );

    assert.include(text.split('\n')[0] ?? '', 'CONFLICT');
    assert.include(text, '2 records wait for others they refer to');
    assert.include(text, 'says the same, and so vouches for it');
  });

  it('says that nothing counts when there is no winner', () => {
    const text = explainSubject(subject([record(bob, 'b', { kind: 'withdrawn', lost: 'withdrawn' })]), {
      names,
      colour: false,
    });

    assert.match(text, /^backend-1: no record counts\n/);
    assert.include(text, 'its author vouches for it no longer');
  });

  it('makes what peers chose safe for a terminal', () => {
    const winner = record('evil\u001b[2J', 'a', {
      node: { ...record(bob, 'b').node, address: 'a\u001b[31m:1' } as NonNullable<RecordBody['node']>,
    });

    const text = explainSubject(subject([winner], { winner: winner.digest, rule: 'only' }), {
      names,
      colour: false,
    });

    assert.notMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
  });

  it('says of a hint from which HTTP peer it was learnt', () => {
    const hint = record(alice, 'a', { authority: 'hint', learnt_from: 'http://old-1:8080' });

    const text = explainSubject(subject([hint], { winner: hint.digest, rule: 'only' }), {
      names,
      colour: false,
    });

    assert.include(text, 'learnt     from http://old-1:8080, which does not sign\n');
  });

  it('says whose an entry is, and who gave the name up', () => {
    const { node } = record(alice, 'a');
    const keyed = record(alice, 'a', { node: { ...(node as NonNullable<typeof node>), public_key: 'KEY=' } });
    const owner = { public_key: 'KEY=', last_updated: 5 };
    const { node: _gone, ...rest } = record(bob, 'b', { kind: 'deregistered', owner });

    const [entry, departed] = [keyed, rest].map(each =>
      explainSubject(subject([each], { winner: each.digest, rule: 'only' }), { names, colour: false }),
    );

    assert.include(entry, 'key        KEY=, without which nobody changes it\n');
    assert.include(departed, 'key        KEY=, which gave the name up\n');
  });
});
