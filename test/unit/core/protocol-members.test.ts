/** Agents that are taken out or forgotten, partitions, and what an agent says of itself. */
import { assert, describe, it } from 'vitest';
import type { Effect } from '../../../src/core/effects.ts';
import type { Restored } from '../../../src/core/protocol.ts';
import { nodeTypes } from '../../../src/core/record/node.ts';
import { agentEntry, departure, nodeFields, Speaker, seen, startWallMs, time } from '../../record-builder.ts';
import { events, logs, ofType, ProtocolBench, published, replies, written } from './protocol-bench.ts';

const dayMs = 24 * 3_600_000;

const nothingStored: Restored = {
  records: [],
  floors: new Map(),
  clocks: new Map(),
  contacts: [],
  proofs: [],
  reachability: new Map(),
  removals: [],
  aliveAtMs: undefined,
};

/** An agent that knows others by their fresh records. */
function acquainted(count: number, options: ConstructorParameters<typeof ProtocolBench>[0] = {}) {
  const agent = new ProtocolBench(options);
  const others = Array.from({ length: count }, (_, i) => new Speaker(i + 2));
  for (const other of others) agent.answering.add(other);
  agent.start();
  for (const [i, other] of others.entries())
    agent.hear(other, other.introduce(`agent-${i + 2}`), other.say({ subject: `svc-${i + 2}` }));
  return { agent, others };
}

/** Its host refuses, and the wait is over. */
function die(agent: ProtocolBench, other: Speaker): readonly Effect[] {
  agent.answering.delete(other);
  const effects = [...agent.refuse(other)];
  while (agent.protocol.livenessOf(other.peer) !== 'dead') effects.push(...agent.pass(250));
  return effects;
}

function remove(agent: ProtocolBench, id: string) {
  return agent.step({ type: 'remove', ticket: 7, id });
}

function claims(agent: ProtocolBench, from: Speaker, ...all: readonly ReturnType<Speaker['claim']>[]) {
  return agent.step({ type: 'claims-received', from: from.peer, claims: all });
}

describe('core/protocol, taking an agent out', () => {
  it('of one that is gone drops what it said, closes its epoch, and is told once it is written', () => {
    const { agent, others } = acquainted(1);
    const [gone] = others as [Speaker];
    die(agent, gone);

    const effects = remove(agent, 'agent-2');

    assert.deepEqual(replies(effects), [{ ok: true, changed: true }]);
    assert.isFalse(
      effects.some(({ type }) => type === 'reply'),
      'not before it is written',
    );
    assert.deepEqual(logs(effects), ['agent_removed']);
    const rows = written(effects);
    assert.deepInclude(rows, { type: 'delete-record', subject: 'agent-2', author: gone.peer });
    assert.deepInclude(rows, { type: 'delete-record', subject: 'svc-2', author: gone.peer });
    assert.deepInclude(rows, { type: 'delete-contact', peer: gone.peer });
    assert.deepInclude(rows, { type: 'delete-reachability', peer: gone.peer });
    assert.deepEqual(
      rows
        .filter(({ type }) => type === 'put-removal')
        .map(row => row.type === 'put-removal' && row.claim.subject),
      [gone.peer],
    );
    assert.isUndefined(agent.protocol.detector.member(gone.peer));
    assert.isUndefined(agent.protocol.peering.contact(gone.peer));
    assert.equal(agent.protocol.table.ledger.recordsCount, 1);
  });

  it('also of one that left, or is suspect', () => {
    const { agent, others } = acquainted(2);
    const [left, suspect] = others as [Speaker, Speaker];
    agent.answering.clear();
    agent.hear(left, left.introduce('agent-2', { epoch: 2, body: departure('left') }));
    agent.refuse(suspect);

    assert.deepEqual(
      ['agent-2', 'agent-3'].flatMap(id => replies(remove(agent, id))),
      [
        { ok: true, changed: true },
        { ok: true, changed: true },
      ],
    );
    assert.equal(agent.protocol.detector.membersCount, 0);
  });

  it.each([
    ['agent-2', 'STILL_ALIVE', /firsthand leave/],
    ['me', 'STILL_ALIVE', /firsthand leave/],
    ['svc-2', 'UNKNOWN_NODE', /no agent but a service/],
    ['nobody', 'UNKNOWN_NODE', /no agent is called nobody/],
  ])('refuses %s with %s and says what to do', (id, code, text) => {
    const { agent } = acquainted(1);

    const [reply] = replies(remove(agent, id));

    const refusal = reply?.ok === false ? reply : undefined;
    assert.equal(refusal?.code, code);
    assert.match(String(refusal?.details.text), text);
  });

  it('is refused while the store refuses, and before the agent is ready', () => {
    const { agent } = acquainted(1);
    agent.step({ type: 'store-health', ok: false });
    const starting = new ProtocolBench();
    starting.start(['/ip4/10.0.0.2/tcp/1']);

    assert.deepInclude(replies(remove(agent, 'agent-2'))[0], { ok: false, code: 'STORE_FAILED' });
    assert.deepInclude(replies(remove(starting, 'agent-2'))[0], { ok: false, code: 'NOT_READY' });
  });

  it('sticks: what the agent said up to then comes back from nobody', () => {
    const { agent, others } = acquainted(2);
    const [gone, other] = others as [Speaker, Speaker];
    const [again, never] = [gone.introduce('agent-2'), gone.say({ subject: 'unheard' })];
    die(agent, gone);
    remove(agent, 'agent-2');

    agent.hear(other, again, never);

    assert.isUndefined(agent.protocol.table.listing.get('agent-2'));
    assert.isUndefined(agent.protocol.table.listing.get('unheard'));
    assert.isUndefined(agent.protocol.detector.member(gone.peer));
  });

  it('goes round: over datagrams, and over every new link', () => {
    const { agent, others } = acquainted(2);
    const [gone, other] = others as [Speaker, Speaker];
    die(agent, gone);

    const said = ofType([...remove(agent, 'agent-2'), ...agent.pass(500)], 'datagram').flatMap(
      ({ message }) => message.claims,
    );
    const sends = ofType(agent.link(other), 'send').map(({ message }) => message);

    assert.include(
      said.map(({ kind, subject }) => `${kind} ${subject}`),
      `removed ${gone.peer}`,
    );
    assert.deepEqual(
      sends.flatMap(message => (message.type === 'claims' ? message.claims.map(({ kind }) => kind) : [])),
      ['removed'],
    );
  });

  describe('heard from somebody else', () => {
    it('drops a dead agent with all it said, and is passed on', () => {
      const { agent, others } = acquainted(2);
      const [gone, other] = others as [Speaker, Speaker];
      die(agent, gone);

      const effects = claims(agent, other, other.claim('removed', gone.peer));

      assert.deepEqual(logs(effects), ['agent_removed']);
      assert.isUndefined(agent.protocol.detector.member(gone.peer));
      assert.isUndefined(agent.protocol.table.ledger.recordBy(gone.peer, 'svc-2'));
      assert.include(
        ofType(agent.pass(500), 'datagram').flatMap(({ message }) => message.claims.map(({ kind }) => kind)),
        'removed',
      );
      assert.deepEqual(claims(agent, other, other.claim('removed', gone.peer)), [], 'once');
    });

    it('does nothing to an agent that answers us', () => {
      const { agent, others } = acquainted(2);
      const [well, other] = others as [Speaker, Speaker];

      claims(agent, other, other.claim('removed', well.peer));

      assert.equal(agent.protocol.livenessOf(well.peer), 'alive');
      assert.isDefined(agent.protocol.table.listing.get('svc-2'));
    });

    it('takes the former life of an agent that has started anew, and leaves it the present one', () => {
      const { agent, others } = acquainted(2);
      const [back, other] = others as [Speaker, Speaker];
      agent.hear(back, back.introduce('agent-2', { epoch: 3 }));

      claims(agent, other, other.claim('removed', back.peer, { epoch: 2 }));

      assert.equal(agent.protocol.livenessOf(back.peer), 'alive');
      assert.isDefined(agent.protocol.table.listing.get('agent-2'));
      assert.isUndefined(agent.protocol.table.listing.get('svc-2'), 'of epoch 1');
    });

    it('of an epoch that nobody can have opened yet is a lie, which would keep the agent out for ever', () => {
      const { agent, others } = acquainted(2);
      const [gone, other] = others as [Speaker, Speaker];
      die(agent, gone);
      const ahead = startWallMs + 2 * dayMs;

      for (const epoch of [ahead, Number.MAX_SAFE_INTEGER]) {
        assert.deepEqual(claims(agent, other, other.claim('removed', gone.peer, { epoch })), []);
      }

      assert.equal(agent.protocol.livenessOf(gone.peer), 'dead');
      agent.hear(gone, gone.introduce('agent-2', { epoch: startWallMs, time: time(agent.monoMs) }));
      assert.equal(agent.protocol.livenessOf(gone.peer), 'alive');
    });

    it('keeps out an agent whose records have not come yet', () => {
      const { agent, others } = acquainted(1);
      const [other] = others as [Speaker];
      const unknown = new Speaker(9);

      claims(agent, other, other.claim('removed', unknown.peer));
      agent.hear(other, unknown.introduce('late'));

      assert.isUndefined(agent.protocol.table.listing.get('late'));
      agent.hear(other, unknown.introduce('late', { epoch: 2 }));
      assert.isDefined(agent.protocol.table.listing.get('late'));
    });

    it('is not weakened by an older one that comes with it', () => {
      const { agent, others } = acquainted(2);
      const [gone, other] = others as [Speaker, Speaker];
      die(agent, gone);

      const effects = claims(
        agent,
        other,
        other.claim('removed', gone.peer, { epoch: 5 }),
        other.claim('removed', gone.peer, { epoch: 4 }),
      );

      const epochs = written(effects).flatMap(row => (row.type === 'put-removal' ? [row.claim.epoch] : []));
      assert.deepEqual(epochs, [5]);
      assert.deepEqual(claims(agent, other, other.claim('removed', gone.peer, { epoch: 5 })), []);
    });
  });

  it('outlives a restart', () => {
    const agent = new ProtocolBench();
    const [gone, operator] = [new Speaker(2), new Speaker(3)];
    agent.protocol.restore(
      { ...nothingStored, removals: [operator.claim('removed', gone.peer)] },
      { monoMs: 0, wallMs: startWallMs },
    );
    agent.start();

    agent.hear(operator, gone.introduce('gone'));

    assert.isUndefined(agent.protocol.table.listing.get('gone'));
    agent.hear(operator, gone.introduce('gone', { epoch: 2 }));
    assert.isDefined(agent.protocol.table.listing.get('gone'));
  });

  describe('of ourselves, who are not gone', () => {
    it('makes us say everything anew, in a later epoch that is written first', () => {
      const { agent, others } = acquainted(1, { epoch: 10 });
      const [operator] = others as [Speaker];
      agent.register('mine');

      const effects = claims(agent, operator, operator.claim('removed', agent.me.peer, { epoch: 10 }));

      assert.deepEqual(logs(effects), ['taken_out_but_alive']);
      assert.deepInclude(written(effects)[0], { type: 'put-meta', name: 'epoch', value: 11 });
      assert.deepEqual(
        published(effects).map(({ subject, epoch }) => [subject, epoch]),
        [
          ['me', 11],
          ['mine', 11],
        ],
      );
      assert.equal(agent.protocol.detector.life.epoch, 11);
    });

    it('does so at most once a minute', () => {
      const { agent, others } = acquainted(1, { epoch: 10 });
      const [operator] = others as [Speaker];
      const takeOut = () => {
        const { epoch } = agent.protocol.author.dot;
        return published(claims(agent, operator, operator.claim('removed', agent.me.peer, { epoch }))).length;
      };

      const said = [takeOut(), takeOut()];
      agent.monoMs += 60_000;
      said.push(takeOut());

      assert.deepEqual(said, [1, 0, 1]);
    });

    it('of an epoch before ours changes nothing', () => {
      const { agent, others } = acquainted(1, { epoch: 10 });
      const [operator] = others as [Speaker];

      assert.deepEqual(claims(agent, operator, operator.claim('removed', agent.me.peer, { epoch: 9 })), []);
    });

    it('of an epoch after ours, that somebody made up, makes us speak above it', () => {
      const { agent, others } = acquainted(1, { epoch: 10 });
      const [operator] = others as [Speaker];

      claims(agent, operator, operator.claim('removed', agent.me.peer, { epoch: 50 }));

      assert.deepInclude(agent.own, { epoch: 51, sequence: 1 });
    });
  });
});

describe('core/protocol, retention', () => {
  const settings = { retentionMs: { proxy: 60_000, backend: 120_000, governator: 240_000 } };

  it.each([
    ['proxy', 60_000],
    ['backend', 120_000],
    ['governator', 240_000],
  ] as const)(
    'of a dead %s is %i ms; then it is forgotten, but for its closed epoch',
    (nodeType, retentionMs) => {
      const agent = new ProtocolBench({ settings });
      const [gone, other] = [new Speaker(2), new Speaker(3)];
      agent.start();
      const said = gone.say({ subject: 'svc' });
      const body = { ...agentEntry('10.0.0.2:1', [gone.multiaddr]), node: nodeFields({ nodeType }) };
      agent.hear(gone, gone.introduce('gone', { body }), said);
      die(agent, gone);

      agent.pass(retentionMs - 60_000);
      const before = agent.protocol.detector.member(gone.peer);
      const rows = written(agent.pass(121_000));

      assert.isDefined(before);
      assert.isUndefined(agent.protocol.detector.member(gone.peer));
      for (const type of ['put-removal', 'delete-contact', 'delete-reachability'] as const) {
        assert.include(
          rows.map(row => row.type),
          type,
        );
      }
      agent.hear(other, said);
      assert.isUndefined(agent.protocol.table.listing.get('svc'));
      assert.equal(nodeTypes.length, 3);
    },
  );

  it('holds for who left as well', () => {
    const agent = new ProtocolBench({ settings });
    const gone = new Speaker(2);
    agent.start();
    agent.hear(gone, gone.introduce('gone'), gone.introduce('gone', { epoch: 2, body: departure('left') }));

    agent.pass(181_000);

    assert.isUndefined(agent.protocol.detector.member(gone.peer));
  });

  it('of a bootstrap agent has no end', () => {
    const agent = new ProtocolBench({ settings });
    const gone = new Speaker(2);
    agent.start();
    const body = {
      type: 'entry',
      node: nodeFields(),
      agent: { multiaddrs: [gone.multiaddr], probe: 'x:1', isBootstrap: true },
    } as const;
    agent.hear(gone, gone.introduce('gone', { body }));
    die(agent, gone);

    agent.pass(600_000);

    assert.equal(agent.protocol.livenessOf(gone.peer), 'dead');
    assert.isDefined(agent.protocol.peering.contact(gone.peer));
  });

  it('does not touch who answers', () => {
    const agent = new ProtocolBench({ settings });
    const well = new Speaker(2);
    agent.start();
    agent.answering.add(well);
    agent.hear(well, well.introduce('well'));

    agent.pass(300_000);

    assert.equal(agent.protocol.livenessOf(well.peer), 'alive');
  });

  it('of an agent that was only forgotten here is not spread', () => {
    const { agent, others } = acquainted(1, { settings });
    die(agent, others[0] as Speaker);

    const effects = agent.pass(185_000);

    const spread = ofType(effects, 'datagram').flatMap(({ message }) =>
      message.claims.map(({ kind }) => kind),
    );
    assert.notInclude(spread, 'removed');
  });

  it('keeps the history of each agent in the store', () => {
    const { agent, others } = acquainted(1);
    const [other] = others as [Speaker];

    const rows = written(agent.pass(61_000));

    const row = rows.find(({ type }) => type === 'put-reachability');
    assert.deepInclude(row, { peer: other.peer });
    assert.match(row?.type === 'put-reachability' ? row.reachability.history : '', /^U+$/);
  });
});

describe('core/protocol, an update of the own id', () => {
  const update = (agent: ProtocolBench, fields: Parameters<typeof nodeFields>[0]) =>
    agent.step({ type: 'register', ticket: 3, action: 'update', id: 'me', node: nodeFields(fields) });

  it('takes no key for the entry, which is signed with the own one', () => {
    const agent = new ProtocolBench();
    agent.start();

    const [reply] = replies(update(agent, { publicKey: Buffer.alloc(32).toString('base64') }));

    assert.nestedPropertyVal(reply, 'code', 'INVALID_PUBLIC_KEY');
    assert.notNestedProperty(agent.own, 'body.node.publicKey');
  });

  it('changes what the agent says of itself, and keeps its contact', () => {
    const agent = new ProtocolBench();
    agent.start();
    const before = agent.own?.body;

    const effects = update(agent, { address: '10.9.9.9:1' });

    assert.deepEqual(replies(effects), [{ ok: true, changed: true }]);
    assert.isFalse(
      effects.some(({ type }) => type === 'reply'),
      'not before it is written',
    );
    assert.equal(agent.protocol.table.listing.get('me')?.address, '10.9.9.9:1');
    const after = agent.own?.body;
    assert.deepEqual(after?.type === 'entry' && after.agent, before?.type === 'entry' && before.agent);
    assert.deepEqual([agent.own?.authority, agent.own?.sequence], ['self', 2]);
    assert.deepEqual([...agent.protocol.hosting.hostedIds()], []);
  });

  it('holds when the name has to be defended later', () => {
    const agent = new ProtocolBench({ epoch: 10 });
    agent.start();
    update(agent, { address: '10.9.9.9:1' });

    agent.hear(agent.me, agent.me.introduce('me', { epoch: 20 }));

    assert.equal(agent.protocol.table.listing.get('me')?.address, '10.9.9.9:1');
  });

  it('that says the same again makes no new record', () => {
    const agent = new ProtocolBench();
    agent.start();

    const effects = update(agent, {});

    const reply = { type: 'reply', ticket: 3, reply: { ok: true, changed: false } } as const;
    assert.deepEqual(effects, [{ type: 'persist', operations: [], then: [reply] }]);
    assert.equal(agent.own?.sequence, 1);
  });

  it('that is older than what is known is refused', () => {
    const agent = new ProtocolBench();
    agent.start();

    const [reply] = replies(update(agent, { lastUpdatedS: startWallMs / 1_000 - 1, address: 'x:1' }));

    assert.deepInclude(reply, { ok: false, code: 'STALE_UPDATE' });
    assert.equal(agent.own?.sequence, 1);
  });

  it('that is no node is refused', () => {
    const agent = new ProtocolBench();
    agent.start();

    const [reply] = replies(update(agent, { address: 'nonsense' }));

    assert.deepInclude(reply, { ok: false, code: 'INVALID_ADDRESS' });
  });

  it('is refused before the agent is ready', () => {
    const agent = new ProtocolBench();
    agent.start(['/ip4/10.0.0.2/tcp/1']);

    assert.deepInclude(replies(update(agent, { address: 'x:1' }))[0], { ok: false, code: 'NOT_READY' });
  });
});

describe('core/protocol, partitions', () => {
  const told = (effects: readonly Effect[]) =>
    events(effects, 'partition').map(({ data }) => ('state' in data ? data : undefined));

  it('are told and logged with both sides, and so is their end', () => {
    const { agent, others } = acquainted(3);
    const [near, ...far] = others as [Speaker, ...Speaker[]];
    agent.link(near);
    for (const other of far) agent.answering.delete(other);

    const cut = agent.pass(15_000);
    const view = agent.protocol.partition(agent.monoMs);
    for (const other of others) agent.answering.add(other);
    const healed = agent.pass(35_000);

    assert.deepEqual(told(cut), [{ state: 'suspected', reachable: 2, known: 4 }]);
    assert.deepEqual(
      logs(cut).filter(name => name.startsWith('partition')),
      ['partition_suspected'],
    );
    assert.deepInclude(view, {
      state: 'suspected',
      here: ['agent-2', 'me'],
      there: ['agent-3', 'agent-4'],
      isMajority: false,
    });
    assert.deepEqual(told(healed), [{ state: 'healed', reachable: 4, known: 4 }]);
    assert.deepEqual(
      logs(healed).filter(name => name.startsWith('partition')),
      ['partition_healed'],
    );
    assert.isTrue(
      ofType(healed, 'send').some(({ message }) => message.type === 'open'),
      'the sides compare at once',
    );
  });

  it('from everybody are called isolation, and nobody is declared dead', () => {
    const { agent, others } = acquainted(3);
    agent.answering.clear();

    const effects = agent.pass(60_000);

    assert.deepEqual(
      told(effects).map(data => data?.state),
      ['suspected', 'isolated'],
    );
    assert.deepEqual(logs(effects), ['partition_suspected', 'isolated']);
    assert.deepEqual(
      others.map(({ peer }) => agent.protocol.livenessOf(peer)),
      ['suspect', 'suspect', 'suspect'],
    );
  });
});

describe('core/protocol, members known from old records', () => {
  it('are suspect until they are heard of, and dialled and probed at once', () => {
    const agent = new ProtocolBench();
    const peer = new Speaker(2);
    agent.protocol.restore(
      {
        ...nothingStored,
        records: [peer.introduce('peer', { time: time(-dayMs / 4) })],
        aliveAtMs: startWallMs - 1_000,
      },
      { monoMs: 0, wallMs: startWallMs },
    );

    const effects = [...agent.start(), ...agent.pass(500)];

    assert.equal(agent.protocol.table.listing.get('peer')?.status, 'suspect');
    assert.include(
      ofType(effects, 'datagram').map(({ message }) => message.to),
      peer.peer,
    );
    agent.link(peer);
    assert.equal(agent.protocol.table.listing.get('peer')?.status, 'alive');
  });

  it('are not followed by a record that names them before they are dead', () => {
    const agent = new ProtocolBench();
    const [holder, heir] = [new Speaker(2), new Speaker(3)];
    agent.start();
    const first = holder.introduce('name', { time: time(-1_000) });
    agent.hear(holder, first);
    const follows = heir.introduce('name', { context: seen(first) });

    agent.hear(heir, follows);
    const before = agent.protocol.table.ledger.resolution('name').winner?.author;
    die(agent, holder);

    assert.equal(before, holder.peer);
    assert.equal(agent.protocol.table.ledger.resolution('name').winner?.author, heir.peer);
  });
});
