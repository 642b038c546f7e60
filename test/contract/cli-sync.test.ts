import { assert, describe, it } from 'vitest';
import type { SyncBody, TreeRowBody } from '../../src/cli/bodies.ts';
import { agreementLine } from '../../src/cli/sync-screen.ts';
import { run } from '../unit/cli/fake-io.ts';
import { type Answer, cliAgent } from './cli-agent.ts';
import { alice, bob, clock, status, subject, sync } from './cli-documents.ts';

function row(
  subjectId: string,
  author: string,
  digit: string,
  fields: Partial<TreeRowBody> = {},
): TreeRowBody {
  return {
    subject: subjectId,
    author,
    epoch: 4,
    sequence: 9,
    digest: digit.repeat(64),
    kind: 'entry',
    ...fields,
  };
}

/** An agent with these records, by part; parts hash to what is in them. */
function holding(
  parts: Readonly<Record<string, readonly TreeRowBody[]>>,
  extra: Readonly<Record<string, Answer>> = {},
  fields: Partial<SyncBody> = {},
) {
  const hashes = Object.entries(parts).map(([prefix, rows]) => ({
    prefix,
    hash: rows.map(({ digest }) => digest[0]).join(''),
  }));
  const since = 2_938_005;
  return cliAgent({
    'GET /sync': { json: { ...sync, ...fields } },
    'GET /clock': { json: clock },
    [`GET /sync/tree?since=${since}`]: { json: { since, parts: hashes } },
    ...Object.fromEntries(
      Object.entries(parts).map(([prefix, records]) => [
        `GET /sync/tree?since=${since}&prefix=${prefix}`,
        { json: { since, records } },
      ]),
    ),
    ...extra,
  });
}

const shared = row('web-9', alice, '1');

describe('cli/sync', () => {
  it('inspect sync: shows the own root, who agrees since when, and the last exchange with each', async () => {
    const agent = await cliAgent({ 'GET /sync': { json: sync } });

    const { code, stdout } = await run(`inspect sync --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.match(stdout, /^root {7}9f3a9f3a/);
    assert.match(
      stdout,
      /2 of 4 agree, root 9f3a, since 1\.2 s; web-3 differs; 1 not heard since the last change/,
    );
    assert.match(stdout, /web-2 +agrees +1\.2 s +9f3a +42 +0\.3 s +walked, 5\.0 s ago +12 ms +3 +1 +4000 +0/);
    assert.match(stdout, /web-4 +unheard +- +- +- +- +- +- +- +- +0 +2/);
  });

  it('inspect sync: says that nobody else is known', async () => {
    const agent = await cliAgent({ 'GET /sync': { json: { ...sync, peers: [] } } });

    assert.match((await run(`inspect sync --agent ${agent.url}`)).stdout, /no other agent is known/);
  });

  it('status: says how many hold the same', async () => {
    const agent = await cliAgent({ 'GET /status': { json: status } });

    assert.match(
      (await run(`status --agent ${agent.url}`)).stdout,
      /^tables {7}2 of 2 agree, root 9f3a, since 1\.2 s$/m,
    );
  });

  it('names several that differ', () => {
    const agreement = { root: 'abcd'.repeat(8), agree: 1, of: 3, since_ms: 90_000, differ: ['a', 'b'] };

    assert.equal(agreementLine(agreement), '1 of 3 agree, root abcd, since 1 min; a, b differ');
  });

  it('diff: says that two agents hold the same, and asks for no part of the table', async () => {
    const [a, b] = [
      await holding({ '00': [shared] }),
      await holding({ '00': [shared] }, {}, { since: 2_938_005 }),
    ];

    const { code, stdout } = await run(`diff ${a.url} ${b.url}`);

    assert.equal(code, 0);
    assert.match(stdout, /they hold the same/);
    assert.isFalse(a.asked.some(({ what }) => what.includes('prefix')));
  });

  it('diff: names what only one has, with both sides’ reasons', async () => {
    const mine = row('backend-1', alice, '2');
    const theirs = row('backend-1', bob, '3', { kind: 'deregistered' });
    const health = row('~health/07/x', bob, '4', { kind: 'health' });
    const a = await holding(
      { '00': [shared, mine], '01': [] },
      { 'GET /records/backend-1': { json: subject } },
      { since: 2_938_005 },
    );
    const unknown = { status: 404, json: { error: 'there is no record about it', code: 'UNKNOWN_NODE' } };
    const b = await holding(
      { '00': [shared, theirs], '01': [health] },
      { 'GET /records/backend-1': unknown },
    );

    const { code, stdout, stderr } = await run(`diff ${a.url} ${b.url}`);

    assert.deepEqual({ code, stderr }, { code: 7, stderr: '' });
    assert.match(stdout, /^backend-1$/m);
    assert.match(stdout, /only A has {2}222222222222 {2}entry by .*epoch 4, sequence 9/);
    assert.match(stdout, /only B has {2}333333333333 {2}deregistered by/);
    assert.match(stdout, /A says {6}what .* says counts, because/);
    assert.match(stdout, /B says {6}nothing/);
    assert.match(stdout, /^~health\/07\/x$/m);
    assert.match(stdout, /2 entries differ/);
    assert.notMatch(stdout, /web-9/);
  });

  it('diff: shows no more than was asked for, and counts the rest', async () => {
    const many = Array.from({ length: 9 }, (_, i) =>
      row(`~health/0${i}/x`, alice, String(i), { kind: 'health' }),
    );
    const [a, b] = [await holding({ '00': many }, {}, { since: 2_938_005 }), await holding({ '00': [] })];

    const { stdout } = await run(`diff ${a.url} ${b.url} --limit 2`);

    assert.lengthOf(stdout.match(/only A has/g) ?? [], 2);
    assert.match(stdout, /9 entries differ; the first 2 are shown/);
  });

  it('diff: prints one document with --json', async () => {
    const [a, b] = [await holding({ '00': [shared] }, {}, { since: 2_938_005 }), await holding({ '00': [] })];

    const { code, stdout } = await run(`diff ${a.url} ${b.url} --json`);

    const document = JSON.parse(stdout);
    assert.equal(code, 7);
    assert.deepInclude(document, { same: false, differing: 1 });
    assert.deepEqual(document.entries, [{ id: 'web-9', only_a: [shared], only_b: [] }]);
  });

  it('diff: fails like every command when one of the two is not there', async () => {
    const a = await holding({});

    const { code } = await run(`diff ${a.url} http://127.0.0.1:1`);

    assert.equal(code, 3);
  });
});
