import { assert, describe, it } from 'vitest';
import type { Effect, Reply } from '../../../../src/core/effects.ts';
import { Hosting, type HostingSettings } from '../../../../src/core/hosting/hosting.ts';
import { Author } from '../../../../src/core/record/author.ts';
import type { NodeFields } from '../../../../src/core/record/node.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table, type TableSettings } from '../../../../src/core/record/table.ts';
import type { LivenessState } from '../../../../src/core/view.ts';
import {
  agentEntry,
  at,
  departure,
  entryAt,
  heldIn,
  nodeFields,
  record,
  seen,
  startWallMs,
} from '../../../record-builder.ts';

interface Options {
  readonly hosting?: Partial<HostingSettings>;
  readonly table?: Partial<TableSettings>;
  readonly liveness?: Record<string, LivenessState>;
  readonly known?: readonly VerifiedRecord[];
}

class Bench {
  readonly table: Table;
  readonly hosting: Hosting;
  readonly liveness: Record<string, LivenessState>;
  readonly own: string[] = [];

  constructor(options: Options = {}) {
    this.liveness = options.liveness ?? {};
    const livenessOf = (author: string) => this.liveness[author] ?? 'alive';
    this.table = new Table(options.table ?? {}, { self: 'me', livenessOf });
    const author = new Author({ peer: 'me', epoch: 1 }, { seal: draft => record(draft) });
    this.hosting = new Hosting(options.hosting ?? {}, {
      selfId: 'my-id',
      author,
      table: this.table,
      livenessOf,
      nameOf: peer => `agent-of-${peer}`,
      onOwn: (record, origin) => this.own.push(`${origin} ${record.subject}`),
    });
    for (const each of options.known ?? []) {
      const { type } = this.table.take(each, at(0));
      if (type !== 'admitted') throw new TypeError(`${type}, not admitted`);
    }
  }

  register(
    id: string,
    node: Partial<NodeFields> = {},
    monoMs = 0,
    action: 'register' | 'update' = 'register',
  ) {
    return this.hosting.register(
      { type: 'register', ticket: 1, action, id, node: nodeFields(node) },
      at(monoMs),
    );
  }
}

function everythingIn(effects: readonly Effect[]): readonly Effect[] {
  return effects.flatMap(effect =>
    effect.type === 'persist' ? [effect, ...everythingIn(effect.then)] : [effect],
  );
}

function replyIn(effects: readonly Effect[]): Reply {
  const replies = everythingIn(effects).filter(effect => effect.type === 'reply');
  assert.equal(replies.length, 1, 'exactly one answer');
  return (replies[0] as Extract<Effect, { type: 'reply' }>).reply;
}

function published(effects: readonly Effect[]): readonly VerifiedRecord[] {
  return everythingIn(effects).flatMap(effect => (effect.type === 'publish' ? effect.records : []));
}

const agent = record({ subject: 'that-agent', author: 'b', authority: 'self', body: agentEntry() });
const elsewhere = record({ subject: 'svc', author: 'b', body: entryAt('x:1') });
const departed = record({ subject: 'svc', author: 'b', body: departure('deregistered') });
const liar = [
  record({ author: 'me', sequence: 9 }),
  record({ author: 'me', sequence: 9, leaseMs: 1 }),
] as const;

describe('core/hosting', () => {
  it('writes a registration first, then gossips it, then answers', () => {
    const bench = new Bench();

    const effects = bench.register('svc');

    const [written] = effects;
    if (written?.type !== 'persist') throw new TypeError('nothing written');
    assert.deepEqual(
      written.operations.map(operation => operation.type),
      ['put-record'],
    );
    assert.deepEqual(
      written.then.map(effect => effect.type),
      ['publish', 'reply'],
    );
    assert.isFalse(effects.slice(1).some(effect => effect.type === 'reply' || effect.type === 'publish'));
    assert.deepEqual(replyIn(effects), { ok: true, changed: true });
    assert.equal(published(effects)[0]?.leaseMs, 15 * 60_000);
    assert.equal(bench.table.listing.get('svc')?.address, '10.0.0.1:8080');
  });

  it('answers a repeated registration and renews its lease, and does nothing else', () => {
    const bench = new Bench({ hosting: { leaseMs: 1_000 } });
    bench.register('svc');

    const effects = bench.register('svc', { lastUpdatedS: startWallMs / 1_000 + 5 }, 900);

    const answer = { type: 'reply', ticket: 1, reply: { ok: true, changed: false } } as const;
    // Not before the first one is on the disk.
    assert.deepEqual(effects, [{ type: 'persist', operations: [], then: [answer] }]);
    assert.deepEqual(bench.hosting.expire(at(1_899)), []);
    assert.lengthOf(published(bench.hosting.expire(at(1_900))), 1);
  });

  it('keeps the time of the claim through changes', () => {
    const bench = new Bench();
    bench.register('svc');

    const [changed] = published(bench.register('svc', { address: 'y:1' }, 500));

    assert.deepEqual(changed?.claimedAt, { wallMs: startWallMs, counter: 0 });
    assert.deepEqual(changed?.time, { wallMs: startWallMs + 500, counter: 0 });
  });

  interface Refused {
    readonly title: string;
    readonly options?: Options;
    readonly prepare?: (bench: Bench) => void;
    readonly id?: string;
    readonly node?: Partial<NodeFields>;
    readonly action?: 'register' | 'update';
    readonly code: string;
    readonly text?: string;
  }
  const refusals: readonly Refused[] = [
    { title: 'an id out of bounds', id: 'no spaces', code: 'INVALID_ID' },
    {
      title: 'fields out of bounds',
      node: { metricsPort: 80 },
      code: 'INVALID_METRICS_PORT',
      text: 'metrics_port must be a whole number from 1024 to 65535',
    },
    {
      title: 'its own id',
      id: 'my-id',
      code: 'NOT_OWNER',
      text: "my-id is this agent itself: its entry follows its configuration, and 'firsthand leave' takes it out",
    },
    {
      title: 'the id of a living agent',
      options: { known: [agent] },
      id: 'that-agent',
      code: 'NOT_OWNER',
      text: 'that-agent is an agent and speaks for itself',
    },
    {
      title: 'the id of a dead agent, which a host cannot outweigh',
      options: { known: [agent], liveness: { b: 'dead' } },
      id: 'that-agent',
      code: 'NOT_OWNER',
      text: 'that-agent is an agent and speaks for itself',
    },
    {
      title: 'something else for a service that is hosted elsewhere',
      options: { known: [elsewhere] },
      code: 'NOT_OWNER',
      text: 'svc is hosted by agent-of-b; change it there',
    },
    {
      title: 'something else for a service with several hosts, naming them all',
      options: { known: [elsewhere, record({ ...elsewhere, author: 'c' })] },
      code: 'NOT_OWNER',
      text: 'svc is hosted by agent-of-b and agent-of-c; change it there',
    },
    {
      title: 'an update of a service that is hosted elsewhere, even a repeated one',
      options: { known: [elsewhere] },
      action: 'update',
      node: { address: 'x:1' },
      code: 'NOT_OWNER',
      text: 'svc is hosted by agent-of-b; change it there',
    },
    {
      title: 'an update of a service whose host is gone',
      options: { known: [elsewhere], liveness: { b: 'dead' } },
      action: 'update',
      code: 'NOT_OWNER',
      text: 'svc is hosted by an agent that is gone; change it there',
    },
    {
      title: 'an update of an unknown id',
      action: 'update',
      code: 'UNKNOWN_NODE',
      text: 'nobody registered svc',
    },
    {
      title: 'an update of a departed id',
      options: { known: [departed] },
      action: 'update',
      code: 'UNKNOWN_NODE',
      text: 'nobody registered svc',
    },
    {
      title: 'what is older than what is known',
      prepare: bench => bench.register('svc', { lastUpdatedS: 100 }),
      node: { lastUpdatedS: 99 },
      code: 'STALE_UPDATE',
      text: 'svc was last updated at 100, after the 99 of this registration',
    },
    {
      title: 'a service too many',
      options: { hosting: { hostedMaxCount: 1 } },
      prepare: bench => bench.register('first'),
      code: 'REGISTRY_FULL',
      text: 'this agent hosts 1 entries, as many as it may',
    },
    {
      title: 'an id too many to have spoken about',
      options: { table: { subjectsPerAuthorMaxCount: 1 } },
      prepare: bench => {
        bench.register('first');
        bench.hosting.deregister({ type: 'deregister', ticket: 2, id: 'first' }, at(0));
      },
      code: 'REGISTRY_FULL',
      text: 'this agent has spoken about as many ids, departed ones included, as it may',
    },
    {
      title: 'everything once its own key is quarantined',
      prepare: bench => bench.table.quarantine({ author: 'me', first: liar[0], second: liar[1] }),
      code: 'QUARANTINED',
    },
  ];
  it.each(refusals)('refuses $title: $code', ({ options, prepare, id, node, action, code, text }) => {
    const bench = new Bench(options);
    prepare?.(bench);
    const before = [heldIn(bench.table.ledger), bench.hosting.hostedCount];

    const effects = bench.register(id ?? 'svc', node, 0, action);

    const reply = replyIn(effects);
    assert.isFalse(reply.ok);
    assert.equal(!reply.ok && reply.code, code);
    if (text !== undefined) assert.equal(!reply.ok && reply.details.text, text);
    assert.lengthOf(effects, 1);
    assert.deepEqual([heldIn(bench.table.ledger), bench.hosting.hostedCount], before);
  });

  it('names the known time to who is late', () => {
    const bench = new Bench();
    bench.register('svc', { lastUpdatedS: 100 });

    const reply = replyIn(bench.register('svc', { lastUpdatedS: 99 }));

    assert.equal(!reply.ok && reply.details.last_updated, 100);
  });

  it('vouches for a service that says the same with another agent too', () => {
    const bench = new Bench({ known: [elsewhere] });

    const effects = bench.register('svc', { address: 'x:1' });

    assert.deepEqual(replyIn(effects), { ok: true, changed: true });
    assert.deepEqual(bench.table.listing.get('svc')?.authors, ['b', 'me']);
  });

  it('takes a service over whose host is dead', () => {
    const bench = new Bench({ known: [elsewhere], liveness: { b: 'dead' } });

    const effects = bench.register('svc', { address: 'y:1' });

    assert.deepEqual(replyIn(effects), { ok: true, changed: true });
    assert.deepEqual(published(effects)[0]?.context, seen(elsewhere));
    assert.deepEqual(bench.table.listing.get('svc')?.authors, ['me']);
  });

  it('takes the name of an agent that has left', () => {
    const left = record({ ...agent, sequence: 2, body: departure('left') });
    const bench = new Bench({ known: [left], liveness: { b: 'left' } });

    assert.isTrue(replyIn(bench.register('that-agent')).ok);
    assert.isDefined(bench.table.listing.get('that-agent'));
  });

  it('says it anew when another agent took it out meanwhile', () => {
    const bench = new Bench();
    const [own] = published(bench.register('svc'));
    if (own === undefined) throw new TypeError('not registered');
    bench.table.take(
      record({ author: 'b', body: departure('deregistered'), context: seen(own), time: own.time }),
      at(0),
    );
    assert.isUndefined(bench.table.listing.get('svc'));

    const effects = bench.register('svc', {}, 10);

    assert.deepEqual(replyIn(effects), { ok: true, changed: true });
    assert.isDefined(bench.table.listing.get('svc'));
  });

  describe('deregistration', () => {
    it('is written, gossiped and answered, and covers the other hosts', () => {
      const bench = new Bench({ known: [elsewhere] });
      bench.register('svc', { address: 'x:1' });

      const effects = bench.hosting.deregister({ type: 'deregister', ticket: 2, id: 'svc' }, at(1));

      const [gone] = published(effects);
      assert.deepEqual(gone?.body, { type: 'departure', reason: 'deregistered' });
      assert.deepEqual(gone?.context, seen(elsewhere));
      assert.deepEqual(replyIn(effects), { ok: true, changed: true });
      assert.isUndefined(bench.table.listing.get('svc'));
      assert.equal(bench.hosting.hostedCount, 0);
    });

    it.each([
      ['unknown', 'svc', [], 'UNKNOWN_NODE'],
      ['hosted elsewhere', 'svc', [elsewhere], 'NOT_OWNER'],
      ['departed already', 'svc', [departed], 'UNKNOWN_NODE'],
      ['an agent', 'that-agent', [agent], 'NOT_OWNER'],
      ['this agent', 'my-id', [], 'NOT_OWNER'],
    ] as const)('is refused for what is %s', (_, id, known, code) => {
      const reply = replyIn(
        new Bench({ known }).hosting.deregister({ type: 'deregister', ticket: 2, id }, at(0)),
      );

      assert.equal(!reply.ok && reply.code, code);
    });
  });

  describe('lease', () => {
    it('running out takes back our voice alone', () => {
      const bench = new Bench({ known: [elsewhere], hosting: { leaseMs: 1_000 } });
      bench.register('svc', { address: 'x:1' });

      const [withdrawal] = published(bench.hosting.expire(at(1_000)));

      assert.deepEqual(withdrawal?.body, { type: 'departure', reason: 'withdrawn' });
      assert.deepEqual(bench.table.listing.get('svc')?.authors, ['b']);
      assert.equal(bench.hosting.hostedCount, 0);
      assert.deepEqual(bench.hosting.expire(at(9_000)), []);
    });

    it('running out does not bring back what we had replaced', () => {
      const bench = new Bench({ known: [elsewhere], hosting: { leaseMs: 1_000 }, liveness: { b: 'dead' } });
      bench.register('svc', { address: 'y:1' });
      bench.liveness.b = 'alive';

      bench.hosting.expire(at(1_000));

      assert.isUndefined(bench.table.listing.get('svc'));
    });

    it('starts when a record of ours comes from the store, and ends with our departure', () => {
      const bench = new Bench({ hosting: { leaseMs: 1_000 } });
      const own = record({ author: 'me' });
      bench.table.restore([own]);

      bench.hosting.adopt(own, at(0));

      assert.deepEqual([...bench.hosting.hostedIds()], ['svc']);
      bench.hosting.adopt(record({ author: 'me', sequence: 2, body: departure('withdrawn') }), at(0));
      assert.equal(bench.hosting.hostedCount, 0);
    });

    it('is no business of our own entry', () => {
      const bench = new Bench();

      bench.hosting.adopt(record({ author: 'me', authority: 'self', body: agentEntry() }), at(0));

      assert.equal(bench.hosting.hostedCount, 0);
    });

    it('of everything ends when the agent leaves for good', () => {
      const bench = new Bench();
      bench.register('one');
      bench.register('two');

      const gone = published(bench.hosting.withdrawAll(at(1)));

      assert.deepEqual(gone.map(each => each.subject).sort(), ['one', 'two']);
      assert.equal(bench.hosting.hostedCount, 0);
    });
  });
});
