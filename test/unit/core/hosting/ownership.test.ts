import { assert, describe, it } from 'vitest';
import type { Effect, Reply } from '../../../../src/core/effects.ts';
import { Hosting } from '../../../../src/core/hosting/hosting.ts';
import { Author } from '../../../../src/core/record/author.ts';
import type { NodeFields } from '../../../../src/core/record/node.ts';
import type { Body, VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table } from '../../../../src/core/record/table.ts';
import type { LivenessState } from '../../../../src/core/view.ts';
import { at, departure, nodeFields, record, seen, time } from '../../../record-builder.ts';
import { published } from '../protocol-bench.ts';

const own = Buffer.alloc(32, 1).toString('base64');
const other = Buffer.alloc(32, 2).toString('base64');
const s = nodeFields().lastUpdatedS;

class Bench {
  readonly table: Table;
  readonly hosting: Hosting;

  constructor(known: readonly VerifiedRecord[] = [], liveness: LivenessState = 'alive') {
    this.table = new Table({}, { self: 'me', livenessOf: () => liveness });
    this.hosting = new Hosting(
      { leaseMs: 1_000 },
      {
        selfId: 'my-id',
        author: new Author({ peer: 'me', epoch: 1 }, { seal: draft => record(draft) }),
        table: this.table,
        livenessOf: () => liveness,
        nameOf: peer => peer,
        onOwn: () => {},
      },
    );
    for (const each of known) assert.equal(this.table.take(each, at(0)).type, 'admitted');
  }

  register(node: Partial<NodeFields>, action: 'register' | 'update' = 'register'): string {
    const request = { type: 'register', ticket: 1, action, id: 'svc', node: nodeFields(node) } as const;
    return verdict(this.hosting.register(request, at(0)));
  }

  deregister(by?: { readonly publicKey: string; readonly lastUpdatedS: number }): string {
    return verdict(this.hosting.deregister({ type: 'deregister', ticket: 1, id: 'svc', by }, at(0)));
  }

  get listed(): string | undefined {
    return this.table.listing.get('svc')?.address;
  }
}

function verdict(effects: readonly Effect[]): string {
  const [answer] = repliesIn(effects);
  if (answer === undefined) throw new TypeError('no answer');
  return answer.ok ? (answer.changed ? 'changed' : 'renewed') : answer.code;
}

function repliesIn(effects: readonly Effect[]): readonly Reply[] {
  return effects.flatMap(effect => {
    if (effect.type === 'persist') return repliesIn(effect.then);
    return effect.type === 'reply' ? [effect.reply] : [];
  });
}

/** What another host says of it. */
function theirs(body: Body, fields: Partial<VerifiedRecord> = {}): VerifiedRecord {
  return record({ subject: 'svc', author: 'b', body, ...fields });
}

const entry = (fields: Partial<NodeFields>): Body => ({ type: 'entry', node: nodeFields(fields) });
const withdrawn: Body = {
  type: 'departure',
  reason: 'withdrawn',
  owner: { publicKey: own, lastUpdatedS: s },
};

describe('core/hosting: an entry with a key', () => {
  it('is changed with that key only, by whatever action', () => {
    const bench = new Bench();
    assert.equal(bench.register({ publicKey: own }), 'changed');

    for (const action of ['register', 'update'] as const) {
      for (const publicKey of [{}, { publicKey: other }]) {
        const said = bench.register({ address: 'evil:1', lastUpdatedS: s + 9, ...publicKey }, action);
        assert.equal(said, 'NOT_OWNER');
      }
    }
    assert.equal(bench.register({}), 'NOT_OWNER', 'the same without the key would renew its lease');
    assert.equal(bench.deregister(), 'NOT_OWNER');
    assert.equal(bench.deregister({ publicKey: other, lastUpdatedS: s + 9 }), 'NOT_OWNER');
    assert.equal(bench.listed, '10.0.0.1:8080');
    assert.equal(bench.register({ address: 'good:1', lastUpdatedS: s + 1, publicKey: own }), 'changed');
    assert.equal(bench.deregister({ publicKey: own, lastUpdatedS: s + 1 }), 'changed');
    assert.isUndefined(bench.listed);
  });

  it('says so in words that name the key', () => {
    const bench = new Bench();
    bench.register({ publicKey: own });

    const request = {
      type: 'register',
      ticket: 1,
      action: 'register',
      id: 'svc',
      node: nodeFields(),
    } as const;
    const [answer] = repliesIn(bench.hosting.register(request, at(0)));

    const text = `svc belongs to the key ${own}, and this is not signed`;
    assert.deepEqual(answer, { ok: false, code: 'NOT_OWNER', details: { text, field: 'public_key' } });
  });

  it.each([
    ['the same again', { lastUpdatedS: s + 2, address: 'b:1' }, 'renewed'],
    ['something else of the same second', { lastUpdatedS: s + 2, address: 'a:1' }, 'STALE_UPDATE'],
    ['an earlier one', { lastUpdatedS: s + 1, address: 'a:1' }, 'STALE_UPDATE'],
    ['the same, signed earlier', { lastUpdatedS: s + 1, address: 'b:1' }, 'STALE_UPDATE'],
    ['a later one', { lastUpdatedS: s + 3, address: 'a:1' }, 'changed'],
  ])('answers %s', (_, node, expected) => {
    const bench = new Bench();
    bench.register({ lastUpdatedS: s + 1, address: 'a:1', publicKey: own });
    bench.register({ lastUpdatedS: s + 2, address: 'b:1', publicKey: own });

    assert.equal(bench.register({ ...node, publicKey: own }), expected);
  });

  it('is not taken out by a departure that was signed before it was registered', () => {
    const bench = new Bench();
    bench.register({ lastUpdatedS: s + 2, publicKey: own });

    assert.equal(bench.deregister({ publicKey: own, lastUpdatedS: s + 1 }), 'STALE_UPDATE');
    assert.equal(bench.listed, '10.0.0.1:8080');
  });

  it('does not come back by what was signed up to its departure, and leaves the name to anybody', () => {
    const bench = new Bench();
    bench.register({ lastUpdatedS: s, publicKey: own });
    bench.deregister({ publicKey: own, lastUpdatedS: s + 5 });

    assert.equal(bench.register({ lastUpdatedS: s, publicKey: own }), 'STALE_UPDATE');
    assert.equal(bench.register({ lastUpdatedS: s + 5, publicKey: own }), 'STALE_UPDATE');
    assert.equal(bench.register({ lastUpdatedS: s, publicKey: other }), 'changed');
  });

  it('keeps its name for the key when the lease runs out, and does not come back by what was signed', () => {
    const bench = new Bench();
    bench.register({ lastUpdatedS: s, publicKey: own });
    bench.hosting.expire(at(1_000));
    assert.isUndefined(bench.listed);

    assert.equal(bench.register({ lastUpdatedS: s + 9 }), 'NOT_OWNER');
    assert.equal(bench.register({ lastUpdatedS: s + 9, publicKey: other }), 'NOT_OWNER');
    assert.equal(bench.register({ lastUpdatedS: s, publicKey: own }), 'STALE_UPDATE');
    assert.equal(bench.register({ lastUpdatedS: s + 1, publicKey: own }), 'changed');
  });

  it('keeps its name although a later withdrawal of another host knew of no key, and a hint stands now', () => {
    const plain = theirs(departure('withdrawn'), { author: 'c', time: time(9) });
    const hint = theirs(entry({ address: 'evil:1' }), { author: 'd', authority: 'hint', time: time(10) });
    const bench = new Bench([theirs(withdrawn), plain, hint]);

    assert.equal(bench.register({ lastUpdatedS: s + 9 }), 'NOT_OWNER');
    assert.equal(bench.register({ lastUpdatedS: s + 9, publicKey: own }), 'changed');
  });

  it('is free once its owner gave it up, although another host had let its lease run out', () => {
    const lapsed = theirs(withdrawn);
    const owner = { publicKey: own, lastUpdatedS: s + 1 };
    const out: Body = { type: 'departure', reason: 'deregistered', owner };
    const bench = new Bench([lapsed, theirs(out, { author: 'c', context: seen(lapsed), time: time(9) })]);

    assert.equal(bench.register({}), 'changed');
  });

  it('goes to nobody else when its host is dead', () => {
    const bench = new Bench([theirs(entry({ publicKey: own }))], 'dead');

    assert.equal(bench.register({ lastUpdatedS: s + 9 }), 'NOT_OWNER');
    assert.equal(bench.register({ lastUpdatedS: s + 9, publicKey: other }), 'NOT_OWNER');
    assert.equal(bench.register({ lastUpdatedS: s - 1, publicKey: own }), 'STALE_UPDATE');
    assert.equal(bench.register({ lastUpdatedS: s, address: 'new:1', publicKey: own }), 'STALE_UPDATE');
    assert.equal(bench.register({ lastUpdatedS: s + 1, address: 'new:1', publicKey: own }), 'changed');
  });

  it('is not overruled, once its host is gone, by what was registered here without the key', () => {
    const mine = record({ subject: 'svc', author: 'me', body: entry({ address: 'evil:1' }) });
    const bench = new Bench([mine, theirs(entry({ publicKey: own }), { time: time(9) })], 'dead');
    bench.hosting.adopt(mine, at(0));

    assert.deepEqual(bench.hosting.reassert('svc', at(0)), []);
  });

  it.each([
    ['its entry', s + 2, false, 1],
    ['nothing that is older than theirs', s, false, 0],
    ['nothing of the same second', s + 1, false, 0],
    ['its departure', s + 2, true, 1],
    ['its departure of the same second', s + 1, true, 1],
    ['no departure that came before', s, true, 0],
  ])(
    'says again %s, where a host that lives has another word of its owner',
    (_, lastUpdatedS, departs, count) => {
      const bench = new Bench();
      bench.register({ lastUpdatedS: s - 5, address: 'mine:1', publicKey: own });
      if (departs) bench.deregister({ publicKey: own, lastUpdatedS });
      else bench.register({ lastUpdatedS, address: 'mine:2', publicKey: own });
      const node = { lastUpdatedS: s + 1, address: 'b:1', publicKey: own };
      bench.table.take(theirs(entry(node), { time: time(9) }), at(0));
      assert.equal(bench.listed, 'b:1');

      assert.lengthOf(published(bench.hosting.reassert('svc', at(0))), count);
      assert.equal(bench.listed, count === 0 ? 'b:1' : departs ? undefined : 'mine:2');
    },
  );

  it('is not said again against the owner who took the free name, nor when its lease ran out', () => {
    const [taken, lapsed] = [new Bench(), new Bench()];
    for (const bench of [taken, lapsed]) bench.register({ publicKey: own, lastUpdatedS: s + 5 });
    taken.deregister({ publicKey: own, lastUpdatedS: s + 6 });
    lapsed.hosting.expire(at(1_000));
    taken.table.take(theirs(entry({ publicKey: other }), { time: time(9) }), at(0));
    lapsed.table.take(theirs(entry({ publicKey: own }), { time: time(9) }), at(0));

    assert.deepEqual(taken.hosting.reassert('svc', at(0)), []);
    assert.deepEqual(lapsed.hosting.reassert('svc', at(0)), []);
  });

  it('belongs to the latest word where hosts contradict each other, and time counts over all of them', () => {
    const oldest = theirs(entry({ publicKey: own, lastUpdatedS: s + 1 }), { author: 'a' });
    const first = theirs(entry({ publicKey: own, lastUpdatedS: s + 7, address: 'a:1' }));
    const second = theirs(entry({ publicKey: own, lastUpdatedS: s + 3, address: 'b:1' }), {
      author: 'c',
      context: seen(oldest, first),
      time: time(5),
    });
    const bench = new Bench([oldest, first, second], 'dead');

    assert.equal(bench.register({ publicKey: own, lastUpdatedS: s + 7, address: 'c:1' }), 'STALE_UPDATE');
    assert.equal(bench.register({ publicKey: own, lastUpdatedS: s + 8, address: 'c:1' }), 'changed');
  });

  it('does not come back by what was signed for a registration that was rolled back', () => {
    const bench = new Bench();
    bench.register({ publicKey: own });
    bench.hosting.rollBack('svc', undefined, at(0));
    const changed = new Bench();
    changed.register({ publicKey: own });
    changed.register({ publicKey: own, address: 'b:1', lastUpdatedS: s + 1 });
    changed.hosting.rollBack('svc', nodeFields({ publicKey: own }), at(0));

    assert.equal(bench.register({ publicKey: own }), 'STALE_UPDATE');
    assert.equal(changed.register({ publicKey: own, address: 'b:1', lastUpdatedS: s + 1 }), 'STALE_UPDATE');
    assert.equal(changed.listed, '10.0.0.1:8080');
  });
});

describe('core/hosting: an entry without a key', () => {
  it('is bound to the key of whoever may change it anyway', () => {
    const bench = new Bench();
    bench.register({});

    assert.equal(bench.register({ publicKey: own }), 'changed', 'in the same second');
    assert.equal(bench.register({}), 'NOT_OWNER');
  });

  it('is not bound through another agent while its host is there, nor is one with a key unbound', () => {
    const bench = new Bench([theirs(entry({}))]);
    const bound = new Bench([theirs(entry({ publicKey: own }))]);

    assert.equal(bench.register({ publicKey: own }), 'NOT_OWNER');
    assert.equal(bench.register({}), 'changed', 'the same vouches for it');
    assert.equal(bound.register({}), 'NOT_OWNER');
    assert.equal(bound.register({ publicKey: own }), 'changed', 'the same vouches for it');
    assert.equal(published(bound.hosting.expire(at(1_000))).length, 1);
  });

  it('is taken out as ever, signed or not', () => {
    const [first, second] = [new Bench(), new Bench()];
    first.register({});
    second.register({});

    assert.equal(first.deregister(), 'changed');
    assert.equal(second.deregister({ publicKey: own, lastUpdatedS: s }), 'changed');
    assert.equal(second.register({}), 'changed', 'nobody owns it now');
  });
});
