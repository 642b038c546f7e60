import { assert, describe, it } from 'vitest';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { covers, type Resolution, resolve } from '../../../../src/core/record/resolution.ts';
import type { LossReason, Rule } from '../../../../src/core/view.ts';
import { agentEntry, departure, entryAt, record, seen, time } from '../../../record-builder.ts';

/** One row: records by name, who wins by which rule, why the others lose, whether it is a conflict. */
interface Case {
  readonly title: string;
  readonly records: Readonly<Record<string, VerifiedRecord>>;
  readonly winner: string;
  readonly rule: Rule;
  readonly vouchers?: readonly string[];
  readonly losses?: Readonly<Record<string, LossReason>>;
  readonly conflict?: boolean;
}

const x = entryAt('x:1');
const y = entryAt('y:1');
const z = entryAt('z:1');

function cases(): readonly Case[] {
  const a = record({ author: 'a', body: x, time: time(1) });
  const aLater = record({ author: 'a', body: x, time: time(9) });
  const b = record({ author: 'b', body: y, time: time(2) });
  const bAgrees = record({ author: 'b', body: x, time: time(2) });
  const c = record({ author: 'c', body: y, time: time(3) });
  const selfA = record({ author: 'a', authority: 'self', body: agentEntry('x:1'), time: time(5) });
  const selfB = record({ author: 'b', authority: 'self', body: agentEntry('x:1'), time: time(4) });
  const hint = record({ author: 'h', authority: 'hint', body: z, time: time(99) });
  const delegate = record({ author: 'd', authority: 'delegate', body: z });
  const bSawA = record({ author: 'b', body: y, context: seen(a), time: time(0) });
  const bAgreesSawA = record({ author: 'b', body: x, context: seen(a), time: time(0) });
  const cSawB = record({ author: 'c', body: z, context: seen(bSawA), time: time(0) });
  const left = record({ author: 'a', authority: 'self', body: departure('left') });
  const gone = record({ author: 'b', body: departure('deregistered'), context: seen(a) });
  const goneBlind = record({ author: 'b', body: departure('deregistered'), time: time(9) });
  const withdrawnA = record({ author: 'a', body: departure('withdrawn'), time: time(9) });
  const withdrawnB = record({ author: 'b', body: departure('withdrawn'), time: time(8) });
  const back = record({ author: 'c', body: z, context: seen(gone) });
  const followsLeft = record({ author: 'b', body: y, context: seen(left) });
  const successor = record({
    author: 'b',
    authority: 'self',
    body: agentEntry('x:1'),
    context: seen(selfA),
    time: time(90),
  });
  const withdrawnOverSelf = record({
    author: 'h',
    authority: 'hint',
    body: departure('withdrawn'),
    context: seen(selfA),
  });
  const withdrawnOverB = record({ author: 'a', body: departure('withdrawn'), context: seen(b) });
  const [small, large] = [record({ author: 'a', body: x }), record({ author: 'b', body: y })].sort((p, q) =>
    p.digest < q.digest ? -1 : 1,
  ) as [VerifiedRecord, VerifiedRecord];

  return [
    { title: 'a single record decides', records: { a }, winner: 'a', rule: 'only' },
    { title: 'a single departure decides', records: { left }, winner: 'left', rule: 'only' },
    {
      title: 'an agent about itself outweighs the host, a delegate and a hint',
      records: { bAgrees, selfA, delegate, hint },
      winner: 'selfA',
      rule: 'authority',
      losses: { bAgrees: 'authority', delegate: 'authority', hint: 'authority' },
    },
    {
      title: 'a delegate outweighs the host',
      records: { a, delegate },
      winner: 'delegate',
      rule: 'authority',
      losses: { a: 'authority' },
    },
    {
      title: 'the host outweighs a later hint',
      records: { a, hint },
      winner: 'a',
      rule: 'authority',
      losses: { hint: 'authority' },
    },
    {
      title: 'what another had seen is out, however late its clock',
      records: { a: aLater, b: record({ ...bSawA, context: seen(aLater) }) },
      winner: 'b',
      rule: 'happened-before',
      losses: { a: 'covered' },
    },
    {
      title: 'coverage goes by the record itself, so the middle of a chain still covers the first',
      records: { a, b: bSawA, c: cSawB },
      winner: 'c',
      rule: 'happened-before',
      losses: { a: 'covered', b: 'covered' },
    },
    {
      title: 'who has seen a record and says the same vouches for it',
      records: { a, b: bAgreesSawA },
      winner: 'a',
      rule: 'only',
      vouchers: ['a', 'b'],
    },
    {
      title: 'agents never vouch for each other',
      records: { selfA, successor },
      winner: 'successor',
      rule: 'happened-before',
      vouchers: ['successor'],
      losses: { selfA: 'covered' },
    },
    {
      title: 'of concurrent contents the one most authors say wins, however early',
      records: { aLater, b, c },
      winner: 'c',
      rule: 'majority',
      vouchers: ['b', 'c'],
      losses: { aLater: 'minority' },
      conflict: true,
    },
    {
      title: 'with equal votes the latest wins',
      records: { a, b },
      winner: 'b',
      rule: 'latest',
      losses: { a: 'earlier' },
      conflict: true,
    },
    {
      title: 'with equal times the smallest digest wins',
      records: { small, large },
      winner: 'small',
      rule: 'digest',
      losses: { large: 'digest' },
      conflict: true,
    },
    {
      title: 'an earlier claim holds a name, however early its record',
      records: { selfA, selfB },
      winner: 'selfB',
      rule: 'authority',
      vouchers: ['selfB'],
      losses: { selfA: 'name-held-by-another-key' },
      conflict: true,
    },
    {
      title: 'a withdrawal is silent while another speaks',
      records: { withdrawnA, b },
      winner: 'b',
      rule: 'happened-before',
      losses: { withdrawnA: 'withdrawn' },
    },
    {
      title: 'withdrawals of all are a departure',
      records: { withdrawnA, withdrawnB },
      winner: 'withdrawnA',
      rule: 'only',
      vouchers: ['withdrawnA', 'withdrawnB'],
    },
    {
      title: 'what a withdrawn entry had overruled stays overruled',
      records: { withdrawnOverB, b },
      winner: 'withdrawnOverB',
      rule: 'happened-before',
      losses: { b: 'covered' },
    },
    {
      title: 'what a departure had ended stays so when somebody speaks after the departure',
      records: { a, gone, back },
      winner: 'back',
      rule: 'happened-before',
      losses: { a: 'covered', gone: 'covered' },
    },
    {
      title: 'a withdrawal that names what has more authority overrules nothing',
      records: { withdrawnOverSelf, selfA },
      winner: 'selfA',
      rule: 'happened-before',
      losses: { withdrawnOverSelf: 'withdrawn' },
    },
    {
      title: 'a deregistration ends what it had seen',
      records: { a, gone },
      winner: 'gone',
      rule: 'happened-before',
      losses: { a: 'covered' },
    },
    {
      title: 'a deregistration that had not seen an entry is one voice among two',
      records: { a, goneBlind },
      winner: 'goneBlind',
      rule: 'latest',
      losses: { a: 'earlier' },
      conflict: true,
    },
    {
      title: 'who knew of a departure brings the id back',
      records: { gone, back },
      winner: 'back',
      rule: 'happened-before',
      losses: { gone: 'covered' },
    },
    {
      title: 'a service may take the name of an agent that has left',
      records: { left, followsLeft },
      winner: 'followsLeft',
      rule: 'happened-before',
      losses: { left: 'covered' },
    },
    {
      title: 'an agent that left outweighs a host that does not know of it',
      records: { left, b },
      winner: 'left',
      rule: 'authority',
      losses: { b: 'authority' },
    },
  ];
}

describe('core/record/resolution', () => {
  it.each(cases())('$title', ({ records, winner, rule, vouchers, losses = {}, conflict = false }) => {
    const resolution = resolve(Object.values(records));

    const nameOf = new Map(Object.entries(records).map(([name, each]) => [each.digest, name]));
    const told = {
      winner: nameOf.get(resolution.winner?.digest ?? ''),
      rule: resolution.rule,
      vouchers: resolution.vouchers.map(each => nameOf.get(each.digest)).sort(),
      losses: Object.fromEntries([...resolution.losses].map(([digest, why]) => [nameOf.get(digest), why])),
      conflict: resolution.conflict,
    };
    assert.deepEqual(told, { winner, rule, vouchers: [...(vouchers ?? [winner])], losses, conflict });
  });

  it('shows nobody where nobody spoke', () => {
    const { winner, vouchers, conflict }: Resolution = resolve([]);

    assert.deepEqual({ winner, vouchers, conflict }, { winner: undefined, vouchers: [], conflict: false });
  });

  it('lists vouchers in order of author', () => {
    const records = ['c', 'a', 'b'].map(author => record({ author, body: x }));

    assert.deepEqual(
      resolve(records).vouchers.map(each => each.author),
      ['a', 'b', 'c'],
    );
  });

  describe('covers', () => {
    const a = record({ author: 'a', sequence: 5 });
    const entry = seen(a)[0];
    const rows = [
      ['the very record', {}, true],
      ['a wrong digest', { digest: '00'.repeat(32) }, false],
      ['an earlier dot', { sequence: 4 }, false],
      ['a later dot', { sequence: 6, digest: '00'.repeat(32) }, false],
      ['a later epoch', { epoch: 9 }, false],
      ['another author', { author: 'z' }, false],
    ] as const;
    it.each(rows)('naming %s covers: %s', (_, change, expected) => {
      if (entry === undefined) throw new TypeError('no entry');
      const later = record({ author: 'b', context: [{ ...entry, ...change }] });

      assert.equal(covers(later, a), expected);
    });

    it('leaves somebody standing when liars name each other far ahead', () => {
      const ahead = (author: string) => [{ author, epoch: 99, sequence: 99, digest: 'ff'.repeat(32) }];
      const liars = [
        record({ author: 'a', body: x, context: ahead('b') }),
        record({ author: 'b', body: y, context: ahead('a') }),
      ];

      assert.isDefined(resolve(liars).winner);
    });
  });
});
