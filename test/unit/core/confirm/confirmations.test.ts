import { assert, beforeEach, describe, it } from 'vitest';
import type {
  ConfirmRequest,
  KnownMember,
  StoredConfirmation,
} from '../../../../src/core/confirm/confirmation.ts';
import { Confirmations } from '../../../../src/core/confirm/confirmations.ts';
import { receipt } from '../../../../src/core/confirm/receipts.ts';
import type { Effect } from '../../../../src/core/effects.ts';
import type { NodeFields } from '../../../../src/core/record/node.ts';
import type { VerifiedRecord } from '../../../../src/core/record/record.ts';
import { Table } from '../../../../src/core/record/table.ts';
import { heldItemsPerFrameMaxCount, shortDigest } from '../../../../src/core/sync/message.ts';
import { at, entryAt, nodeFields, record } from '../../../record-builder.ts';
import { logs, ofType, written } from '../protocol-bench.ts';

const member = (id: string, state: KnownMember['state'] = 'alive') => ({ peer: `key-of-${id}`, id, state });

/** The part on a table: members, links and records by hand. */
class Bench {
  members: KnownMember[] = [member('b'), member('c')];
  readonly linked = new Set(['key-of-b', 'key-of-c']);
  readonly table = new Table({}, { self: 'me', livenessOf: () => 'alive' });
  readonly rolledBack: (readonly [string, NodeFields | undefined])[] = [];
  confirmations = this.make();
  #sequence = 0;
  #ticket = 0;

  make(pendingMaxCount = 10): Confirmations {
    return new Confirmations(
      { pendingMaxCount },
      {
        self: { peer: 'me', id: 'a' },
        table: this.table,
        members: () => this.members,
        isLinked: peer => this.linked.has(peer),
        rollBack: (subject, previous) => {
          this.rolledBack.push([subject, previous]);
          return [];
        },
      },
    );
  }

  say(subject = 'svc', address = '10.0.0.1:1'): VerifiedRecord {
    this.#sequence += 1;
    const said = record({ subject, author: 'me', sequence: this.#sequence, body: entryAt(address) });
    this.table.take(said, at(0));
    return said;
  }

  /** Registered at time 0; its ticket counts from 1. */
  register(confirm: Partial<ConfirmRequest> = {}, answer: { changed?: boolean; subject?: string } = {}) {
    this.#ticket += 1;
    const ticket = this.#ticket;
    const { changed = true, subject = 'svc' } = answer;
    const before = this.table.ledger.recordBy('me', subject);
    const said = changed || before === undefined ? this.say(subject, `10.0.0.1:${ticket}`) : before;
    const reply = { type: 'reply', ticket, reply: { ok: true, changed } } as const;
    const request = { wanted: 'all', timeoutMs: 5_000, rollback: false, ...confirm } as const;
    const effects = this.confirmations.follow(
      { ticket, id: subject, confirm: request },
      changed ? before : undefined,
      [{ type: 'persist', operations: [{ type: 'put-record', record: said }], then: [reply] }],
      at(0),
    );
    return { effects, said };
  }

  held(id: string, said: VerifiedRecord, monoMs = 100): readonly Effect[] {
    return this.confirmations.held(`key-of-${id}`, [shortDigest(said.digest)], at(monoMs));
  }
}

function answers(effects: readonly Effect[]) {
  return ofType(effects, 'reply').map(({ reply }) => (reply.ok ? reply.confirmation : reply.code));
}

function asked(effects: readonly Effect[]): readonly string[] {
  return ofType(effects, 'send').flatMap(({ to, message }) =>
    message.type === 'held?' ? message.items.map(({ subject }) => `${to} ${subject}`) : [],
  );
}

describe('core/confirm/confirmations', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('holds the answer back and writes what it waits for together with the record', () => {
    const { effects, said } = bench.register();

    assert.deepEqual(answers(effects), []);
    assert.deepEqual(written(effects)[1], {
      type: 'put-confirmation',
      confirmation: {
        id: 1,
        subject: 'svc',
        digest: said.digest,
        wanted: 'all',
        deadlineWallMs: at(5_000).wallMs,
        rollback: false,
      },
    });
  });

  it('asks nobody before the record is on our own disk', () => {
    bench.register();

    assert.deepEqual(asked(bench.confirmations.wake(at(1_000))), []);
    bench.confirmations.durable(1, at(1_000));
    assert.deepEqual(asked(bench.confirmations.wake(at(1_025))), ['key-of-b svc', 'key-of-c svc']);
  });

  it('asks those that have not said so again, in the end every half second', () => {
    const { said } = bench.register();
    bench.confirmations.durable(1, at(0));
    bench.held('b', said);

    const times: number[] = [];
    for (let monoMs = 0; monoMs < 3_000; monoMs += 25) {
      const names = asked(bench.confirmations.wake(at(monoMs)));
      if (names.length > 0) times.push(monoMs);
      assert.notInclude(names, 'key-of-b svc');
    }

    assert.deepEqual(times, [25, 50, 100, 200, 400, 800, 1_300, 1_800, 2_300, 2_800]);
  });

  it('does not ask members without a link, which so stay missing', () => {
    const { said } = bench.register();
    bench.linked.delete('key-of-c');
    bench.confirmations.durable(1, at(0));

    assert.deepEqual(asked(bench.confirmations.wake(at(25))), ['key-of-b svc']);
    bench.held('b', said);
    const [outcome] = answers(bench.confirmations.wake(at(5_000)));
    assert.deepInclude(outcome, {
      isMet: false,
      confirmed: ['a', 'b'],
      missing: ['c'],
      needed: 3,
      tookMs: 5_000,
    });
  });

  it.each([
    ['majority', ['b'], true],
    ['majority', [], false],
    ['all', ['b'], false],
    ['all', ['b', 'c'], true],
  ] as const)('of three members, %s with %j and ourselves is met: %s', (wanted, holders, met) => {
    const { said } = bench.register({ wanted });
    bench.confirmations.durable(1, at(0));

    const replies = holders.flatMap(id => answers(bench.held(id, said)));

    assert.equal(replies.length, met ? 1 : 0);
    if (met) assert.deepInclude(replies[0], { isMet: true, rolledBack: false });
  });

  it('waits for nobody who is dead or has left, and for who came meanwhile', () => {
    const { said } = bench.register();
    bench.confirmations.durable(1, at(0));
    bench.members = [member('b'), member('c', 'dead'), member('d', 'left'), member('e', 'suspect')];

    assert.deepEqual(answers(bench.held('b', said)), []);
    const [outcome] = answers(bench.held('e', said));

    assert.deepInclude(outcome, { confirmed: ['a', 'b', 'e'], missing: [], isMet: true });
  });

  it('is met at once where the agent is alone', () => {
    bench.members = [];
    bench.register();

    assert.lengthOf(answers(bench.confirmations.durable(1, at(1))), 1);
  });

  it('counts a member whose table equals ours, linked or not', () => {
    bench.register();
    bench.confirmations.durable(1, at(0));
    bench.linked.clear();

    bench.confirmations.rootAgreed('key-of-b', at(10));

    assert.lengthOf(answers(bench.confirmations.rootAgreed('key-of-c', at(20))), 1);
  });

  it('asks for our next record about the subject when that has taken the place of the first', () => {
    const { said } = bench.register();
    bench.confirmations.durable(1, at(0));
    bench.held('b', said);
    const next = bench.say();

    assert.deepEqual(answers(bench.held('c', said)), [], 'which it has, or soon will');
    assert.lengthOf(answers(bench.held('c', next)), 1);
  });

  it('believes nobody about another record', () => {
    bench.register();
    bench.confirmations.durable(1, at(0));

    assert.deepEqual(answers(bench.held('b', record({ subject: 'other' }))), []);
    assert.deepEqual(bench.confirmations.views(at(1))[0]?.missing, ['b', 'c']);
  });

  it('lets everybody wait who registers the same once more, each with his own time', () => {
    const { said } = bench.register({ timeoutMs: 1_000 });
    bench.register({ timeoutMs: 2_000 }, { changed: false });
    bench.confirmations.durable(1, at(0));
    bench.confirmations.durable(2, at(0));

    const first = bench.confirmations.wake(at(1_000));
    bench.held('b', said, 1_500);
    const second = bench.held('c', said, 1_500);

    assert.deepEqual(
      [...ofType(first, 'reply'), ...ofType(second, 'reply')].map(({ ticket }) => ticket),
      [1, 2],
    );
    assert.deepInclude(answers(second)[0], { isMet: true });
  });

  it('forgets the row when it has answered', () => {
    bench.members = [];
    bench.register();

    const effects = bench.confirmations.durable(1, at(1));

    assert.deepEqual(written(effects), [{ type: 'delete-confirmation', id: 1 }]);
    assert.deepInclude(bench.confirmations.views(at(2))[0], { state: 'met', subject: 'svc' });
  });

  it('passes refusals on as they are', () => {
    const refusal: Effect = {
      type: 'reply',
      ticket: 1,
      reply: { ok: false, code: 'NOT_OWNER', details: {} },
    };
    const confirm = { wanted: 'all', timeoutMs: 1, rollback: false } as const;

    const effects = bench.confirmations.follow(
      { ticket: 1, id: 'svc', confirm },
      undefined,
      [refusal],
      at(0),
    );

    assert.deepEqual(effects, [refusal]);
    assert.deepEqual(bench.confirmations.views(at(0)), []);
  });

  it('promises nothing when the disk refuses', () => {
    bench.register();

    const effects = bench.confirmations.storeFailed();

    assert.deepEqual(answers(effects), ['STORE_FAILED']);
    assert.deepEqual(bench.confirmations.durable(1, at(9_000)), []);
  });

  it('tells callers how far it came when the agent stops, and goes on after the next start', () => {
    const { said } = bench.register();
    bench.confirmations.durable(1, at(0));
    bench.held('b', said);

    const effects = bench.confirmations.stop(false, at(50));

    assert.deepInclude(answers(effects)[0], { isMet: false, confirmed: ['a', 'b'], tookMs: 50 });
    assert.deepEqual(written(effects), []);
    assert.deepEqual(written(new Bench().confirmations.stop(true, at(0))), []);
  });

  it('has room for so many and no more', () => {
    bench.confirmations = bench.make(1);
    bench.register();

    assert.isTrue(bench.confirmations.isFull);
  });

  describe('rollback', () => {
    it('of an update brings back what was said before, and the answer says so', () => {
      const before = bench.say('svc', '10.9.9.9:9');
      bench.register({ rollback: true });
      bench.confirmations.durable(1, at(0));

      const effects = bench.confirmations.wake(at(5_000));

      const node = before.body.type === 'entry' ? before.body.node : undefined;
      assert.deepEqual(bench.rolledBack, [['svc', node]]);
      assert.deepInclude(answers(effects)[0], { isMet: false, rolledBack: true });
      assert.deepEqual(logs(effects), ['registration_rolled_back']);
    });

    it('of something new withdraws it', () => {
      bench.register({ rollback: true });
      bench.confirmations.durable(1, at(0));

      bench.confirmations.wake(at(5_000));

      assert.deepEqual(bench.rolledBack, [['svc', undefined]]);
    });

    it('is answered only once it is durable', () => {
      bench.register({ rollback: true });
      bench.confirmations.durable(1, at(0));

      const effects = bench.confirmations.wake(at(5_000));

      assert.isFalse(effects.some(({ type }) => type === 'reply'));
      assert.lengthOf(answers(effects), 1);
    });

    it('touches nothing that was said meanwhile', () => {
      bench.register({ rollback: true });
      bench.confirmations.durable(1, at(0));
      bench.say();

      const [outcome] = answers(bench.confirmations.wake(at(5_000)));

      assert.deepEqual(bench.rolledBack, []);
      assert.deepInclude(outcome, { isMet: false, rolledBack: false });
    });

    it('undoes nothing for a repetition, which did nothing', () => {
      bench.say();
      bench.register({ rollback: true }, { changed: false });
      bench.confirmations.durable(1, at(0));

      bench.confirmations.wake(at(5_000));

      assert.deepEqual(bench.rolledBack, []);
    });

    it('ends the others that wait for the same record as well', () => {
      bench.register({ rollback: true, timeoutMs: 1_000 });
      bench.register({ timeoutMs: 9_000 }, { changed: false });
      bench.confirmations.durable(1, at(0));
      bench.confirmations.durable(2, at(0));

      const outcomes = answers(bench.confirmations.wake(at(1_000)));

      assert.lengthOf(outcomes, 2);
      for (const outcome of outcomes) assert.deepInclude(outcome, { rolledBack: true, isMet: false });
    });
  });

  describe('after a restart', () => {
    function restarted(fields: Partial<StoredConfirmation> = {}, started = at(0)) {
      const said = bench.say();
      const { digest } = said;
      const kept: StoredConfirmation = {
        id: 7,
        subject: 'svc',
        digest,
        wanted: 'all',
        deadlineWallMs: at(2_000).wallMs,
        rollback: true,
        previous: nodeFields({ address: '10.9.9.9:9' }),
        ...fields,
      };
      const operations = bench.confirmations.restore([kept]);
      return { said, operations, effects: bench.confirmations.start(started) };
    }

    it('goes on asking, and gives links five seconds to come back', () => {
      const { said, operations } = restarted();

      assert.deepEqual(operations, []);
      assert.deepEqual(asked(bench.confirmations.wake(at(500))), ['key-of-b svc', 'key-of-c svc']);
      bench.confirmations.caughtUp();
      bench.confirmations.wake(at(4_999));
      assert.deepEqual(bench.rolledBack, []);
      bench.held('b', said);
      bench.held('c', said);
      assert.deepInclude(bench.confirmations.views(at(5_000))[0], { id: 7, state: 'met', resumed: true });
    });

    it('rolls back when time is up, but not before some peer has told what it knows', () => {
      restarted();

      bench.confirmations.wake(at(60_000));
      assert.deepEqual(bench.rolledBack, []);
      bench.confirmations.caughtUp();
      bench.confirmations.wake(at(60_500));

      assert.deepEqual(
        bench.rolledBack.map(([subject, node]) => [subject, node?.address]),
        [['svc', '10.9.9.9:9']],
      );
    });

    it('does not wake all the time while it waits for that peer', () => {
      restarted();

      const wakes = ofType(bench.confirmations.wake(at(60_000)), 'wake');

      assert.deepEqual(
        wakes.map(({ afterMs }) => afterMs),
        [500],
      );
    });

    it('waits no longer than a minute, wherever the clock was set', () => {
      restarted({ deadlineWallMs: at(10 * 365 * 86_400_000).wallMs });

      assert.equal(bench.confirmations.views(at(0))[0]?.leftMs, 60_000);
    });

    it('forgets what the table does not hold any more', () => {
      const { operations } = restarted({ subject: 'gone' });

      assert.deepEqual(operations, [{ type: 'delete-confirmation', id: 7 }]);
    });

    it('never uses a number twice', () => {
      restarted();

      const { effects } = bench.register({}, { subject: 'another' });

      assert.deepInclude(
        written(effects).find(({ type }) => type === 'put-confirmation'),
        { type: 'put-confirmation' },
      );
      assert.deepEqual(
        bench.confirmations.views(at(0)).map(({ id }) => id),
        [7, 8],
      );
    });
  });

  describe('receipts', () => {
    const theirs = record({ subject: 'theirs', author: 'key-of-b' });
    const item = { subject: 'theirs', digest: shortDigest(theirs.digest) };

    it('name what we have of the one who asks, once that is on our disk', () => {
      bench.table.take(theirs, at(0));

      const [effect] = receipt('key-of-b', [item, { ...item, subject: 'svc' }], bench.table.ledger);

      const message = { type: 'held', digests: [item.digest] } as const;
      assert.deepEqual(effect, {
        type: 'persist',
        operations: [],
        then: [{ type: 'send', to: 'key-of-b', message }],
      });
    });

    it.each([
      ['a record that we lack', 'key-of-b', [item]],
      ['a record of somebody else', 'key-of-c', [item]],
      ['nothing', 'key-of-b', []],
    ] as const)('say nothing about %s', (what, from, items) => {
      if (what !== 'a record that we lack') bench.table.take(theirs, at(0));

      assert.deepEqual(receipt(from, items, bench.table.ledger), []);
    });

    it('look at no more than one frame may hold', () => {
      bench.table.take(theirs, at(0));
      const padding = Array.from({ length: heldItemsPerFrameMaxCount }, () => ({ ...item, subject: 'x' }));

      assert.deepEqual(receipt('key-of-b', [...padding, item], bench.table.ledger), []);
    });
  });
});
