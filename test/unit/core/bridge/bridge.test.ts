import { assert, describe, it } from 'vitest';
import {
  agentEntry,
  at,
  departure,
  entryAt,
  nodeFields,
  record,
  startWallMs,
  time,
} from '../../../record-builder.ts';
import { answer, BridgeBench, listed, refreshMs, refused } from './bridge-bench.ts';

const old = listed('old-1', { address: 'old-1:8000' });
const url = 'http://old-1:8000';

/** In Unix seconds, as peers give it. */
function seconds(offsetMs: number): number {
  return (startWallMs + offsetMs) / 1_000;
}

function hint(author: string, address: string, sequence = 1) {
  const { type, node } = entryAt(address) as Extract<ReturnType<typeof entryAt>, { readonly type: 'entry' }>;
  return record({
    subject: 'old-1',
    author,
    authority: 'hint',
    sequence,
    body: { type, node, learntFrom: 'http://p' },
  });
}

describe('core/bridge/bridge', () => {
  describe('towards its peers', () => {
    it('registers itself with every configured peer at once', () => {
      const bench = new BridgeBench({ urls: ['http://p', 'http://q'] });

      bench.tick();

      assert.deepEqual(bench.open, ['http://p register my-id me:7980', 'http://q register my-id me:7980']);
    });

    it('registers with the nodes that they list, and with whom these list', () => {
      const bench = new BridgeBench();
      bench.tick();
      bench.answer('http://p', answer(old));

      bench.tick();
      bench.answer(url, answer(listed('old-2', { address: 'old-2:8000' })));
      bench.tick();

      assert.deepEqual(bench.open, ['http://old-2:8000 register my-id me:7980']);
    });

    it('takes neither agents of the cluster nor itself for peers', () => {
      const bench = new BridgeBench();
      bench.hear(
        record({ subject: 'agent', author: 'a', authority: 'self', body: agentEntry('agent:7980') }),
      );
      bench.tick();

      bench.answer('http://p', answer(listed('agent', { address: 'agent:7980' }), listed('my-id')));
      bench.tick();

      assert.deepEqual(bench.open, []);
    });

    it('forgets a peer that became an agent, or that nobody lists any more', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer(old, listed('old-2', { address: 'old-2:8000' })) });
      const urls = () => bench.bridge.views(bench.monoMs).map(view => view.url);
      bench.pass(refreshMs, { 'http://p': answer(old, listed('old-2', { address: 'old-2:8000' })) });
      assert.deepEqual(urls(), [url, 'http://old-2:8000', 'http://p']);
      bench.hear(
        record({ subject: 'old-1', author: 'a', authority: 'self', body: agentEntry('old-1:8000') }),
      );

      bench.pass(4 * refreshMs, { 'http://p': answer(old) });

      assert.deepEqual(urls(), ['http://p']);
    });

    it('has no more peers than it may', () => {
      const bench = new BridgeBench({ peersMaxCount: 2 });
      bench.tick();

      bench.answer('http://p', answer(old, listed('old-2', { address: 'old-2:8000' })));

      assert.equal(bench.bridge.views(0).length, 2);
      assert.equal(bench.bridge.counts.refusedPeers, 1);
      assert.deepEqual(bench.hints.length, 2, 'it lists both all the same');
    });

    it('updates every peer that has answered when a service of its own changes', () => {
      const bench = new BridgeBench({ urls: ['http://p', 'http://q'] });
      bench.tick();
      bench.answer('http://p', answer());
      bench.answer('http://q', refused);

      bench.register('svc', { address: 'svc:1' });
      bench.tick();

      assert.deepEqual(bench.open, ['http://p update svc svc:1']);
    });

    it('sends nothing of what others host, of hints, and of a node to itself', () => {
      const bench = new BridgeBench({ urls: ['http://p', url] });
      bench.tick();
      bench.answer('http://p', answer(listed('old-2', { address: 'old-2:8000' })));
      bench.answer(url, answer());
      bench.hear(record({ subject: 'theirs', author: 'a' }));
      bench.register('old-1', { address: 'old-1:8000' });

      bench.tick();

      assert.deepEqual(bench.open, [
        'http://old-2:8000 register my-id me:7980',
        'http://p update old-1 old-1:8000',
      ]);
    });

    it('tells a peer again what its answer does not list, or lists otherwise', () => {
      const bench = new BridgeBench();
      bench.register('svc-1', { address: 'svc-1:1' });
      bench.register('svc-2', { address: 'svc-2:1' });
      bench.register('svc-3', { address: 'svc-3:1' });
      bench.tick();

      bench.answer(
        'http://p',
        answer(listed('svc-1', { address: 'svc-1:1' }), listed('svc-2', { address: 'x:1' })),
      );
      bench.answer('http://p', answer());

      assert.deepEqual(bench.open, ['http://p update svc-3 svc-3:1']);
      assert.equal(bench.outbox.count, 1, 'what it said of svc-2 in the first answer is delivered');
    });

    it('does not tell a peer again whose a service is, which no peer lists', () => {
      const bench = new BridgeBench();
      bench.register('svc-1', { address: 'svc-1:1', publicKey: Buffer.alloc(32).toString('base64') });
      bench.tick();

      bench.answer('http://p', answer(listed('svc-1', { address: 'svc-1:1' })));

      assert.deepEqual(bench.open, []);
    });

    it('drops what waits for a peer that nobody lists any more', () => {
      const bench = new BridgeBench();
      bench.pass(3_000, { 'http://p': answer(old), [url]: answer() });
      bench.register('svc', { address: 'svc:1' });
      bench.tick();
      bench.answer(url, refused);
      assert.isTrue(bench.outbox.receivers().includes(`http:${url}`));

      bench.pass(5 * refreshMs, { 'http://p': answer(listed('svc', { address: 'svc:1' })) });

      assert.equal(bench.outbox.count, 0);
    });

    it('logs when a configured peer turns, and not each time it fails', () => {
      const bench = new BridgeBench();

      bench.pass(20_000, {});
      bench.pass(20_000, { 'http://p': answer() });

      assert.deepEqual(bench.logged, ['http_peer_fails http://p', 'http_peer_answers http://p']);
    });

    it('asks nobody and says nothing without peers and hints', () => {
      const bench = new BridgeBench({ urls: [] });
      bench.register('svc');

      assert.deepEqual(bench.bridge.tick(at(0)), []);
    });
  });

  describe('what it says of their nodes', () => {
    it('is a hint with the peer that said so, and no new record while nothing changes', () => {
      const bench = new BridgeBench();

      bench.pass(3 * refreshMs, { 'http://p': answer(old) });

      assert.deepEqual(bench.hints, ['old-1 old-1:8000 http://p']);
      assert.equal(bench.said.length, 1);
      assert.equal(bench.said[0]?.leaseMs, 3 * refreshMs);
      assert.equal(bench.table.listing.get('old-1')?.status, 'alive');
    });

    it('waits until every configured peer has had its say, and the agent has joined', () => {
      const bench = new BridgeBench({ urls: ['http://p', 'http://q'] });
      bench.tick();
      bench.answer('http://p', answer(old));
      assert.deepEqual(bench.hints, []);
      bench.isReady = false;
      bench.answer('http://q', refused);
      bench.tick();
      assert.deepEqual(bench.hints, []);

      bench.isReady = true;
      bench.tick();

      assert.deepEqual(bench.hints, ['old-1 old-1:8000 http://p']);
    });

    it('is what most peers say, and that they disagree is logged once', () => {
      const bench = new BridgeBench({ urls: ['http://p', 'http://q', 'http://r'] });
      const other = listed('old-1', { address: 'x:8000', lastUpdatedS: seconds(1_000) });
      const answers = { 'http://p': answer(old), 'http://q': answer(other), 'http://r': answer(old) };

      bench.pass(3 * refreshMs, answers);

      assert.deepEqual(bench.hints, ['old-1 old-1:8000 http://p']);
      assert.equal(bench.logged.filter(line => line === 'http_peers_disagree old-1').length, 1);
    });

    it('follows what they change', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer(old) });

      bench.pass(refreshMs, { 'http://p': answer(listed('old-1', { address: 'new:8000' })) });

      assert.deepEqual(bench.hints, ['old-1 new:8000 http://p']);
      assert.isFalse(bench.table.ledger.resolution('old-1').conflict);
    });

    it('ends when nobody has listed the node for three intervals', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer(old) });

      bench.pass(2 * refreshMs, { 'http://p': answer() });
      assert.deepEqual(
        bench.hints,
        ['old-1 old-1:8000 http://p'],
        'a peer that was restarted knows nobody for a while',
      );
      bench.pass(2 * refreshMs, { 'http://p': answer() });

      assert.deepEqual(bench.hints, []);
      assert.deepEqual(bench.said.at(-1)?.body, departure('withdrawn'));
      assert.isUndefined(bench.table.listing.get('old-1'));
    });

    it('ends when its peers are silent for as long', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer(old) });

      bench.pass(4 * refreshMs, {});

      assert.deepEqual(bench.hints, []);
    });

    it('of an earlier run stands for a lease, also when no peer is configured any more', () => {
      const bench = new BridgeBench({ urls: [] });
      const own = { ...hint('me', 'old-1:8000'), epoch: 0 };
      bench.hear(own);
      bench.hosting.adopt(own, at(0));

      bench.pass(2 * refreshMs, {});
      assert.deepEqual(bench.hints, ['old-1 old-1:8000 http://p']);
      bench.pass(2 * refreshMs, {});

      assert.deepEqual(bench.hints, []);
    });

    it.each([
      ['an agent', record({ subject: 'old-1', author: 'a', authority: 'self', body: agentEntry('a:1') })],
      ['a service of another agent', record({ subject: 'old-1', author: 'a', body: entryAt('a:1') })],
    ])('is nothing when it is %s, and is taken back when it becomes one', (_, signed) => {
      const before = new BridgeBench();
      const after = new BridgeBench();
      before.hear(signed);
      after.pass(1_000, { 'http://p': answer(old) });
      after.hear(signed);

      before.pass(refreshMs, { 'http://p': answer(old) });
      after.pass(refreshMs, { 'http://p': answer(old) });

      assert.deepEqual([before.hints, after.hints], [[], []]);
      assert.equal(before.said.length, 0);
      for (const bench of [before, after]) assert.equal(bench.table.listing.get('old-1')?.address, 'a:1');
    });

    it('gives way to a registration here, whatever its content and its time', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, {
        'http://p': answer(listed('old-1', { address: 'old-1:8000', lastUpdatedS: seconds(1_000) })),
      });

      const reply = bench.register('old-1', { address: 'x:1', lastUpdatedS: seconds(0) });

      assert.deepEqual(reply, { ok: true, changed: true });
      assert.deepEqual(bench.hints, []);
      assert.equal(bench.table.listing.get('old-1')?.address, 'x:1');
    });

    it.each(['me', 'b'])('by %s gives way to a registration of the very same content', author => {
      const bench = new BridgeBench();
      bench.hear({ ...hint(author, 'x:1'), epoch: 0 });

      assert.deepEqual(bench.register('old-1', { address: 'x:1' }), { ok: true, changed: true });
      assert.equal(bench.table.ledger.resolution('old-1').winner?.authority, 'host');
    });

    it('is nothing that one may update: nobody has registered it', () => {
      const bench = new BridgeBench();
      bench.hear(hint('b', 'x:1'));

      const [effect] = bench.hosting.register(
        { type: 'register', ticket: 1, action: 'update', id: 'old-1', node: nodeFields() },
        at(0),
      );

      assert.nestedPropertyVal(effect, 'reply.code', 'UNKNOWN_NODE');
    });

    it.each([
      ['before', 4_000, []],
      ['after', 6_000, ['old-1 old-1:8000 http://p']],
    ])('is nothing of a node that departed, unless it was updated since: %s', (_, updatedMs, expected) => {
      const bench = new BridgeBench();
      bench.monoMs = 10_000;
      bench.hear(
        record({ subject: 'old-1', author: 'a', body: departure('deregistered'), time: time(5_000) }),
      );

      bench.pass(1_000, {
        'http://p': answer(listed('old-1', { address: 'old-1:8000', lastUpdatedS: seconds(updatedMs) })),
      });

      assert.deepEqual(bench.hints, expected);
      assert.equal(bench.table.listing.get('old-1') !== undefined, expected.length > 0);
    });

    it('is said of a node that was withdrawn, not taken out, when the node itself answers', () => {
      const [silent, answering, taken] = [new BridgeBench(), new BridgeBench(), new BridgeBench()];
      for (const bench of [silent, answering, taken]) {
        bench.monoMs = 10_000;
        const body = departure(bench === taken ? 'deregistered' : 'withdrawn');
        bench.hear(record({ subject: 'old-1', author: 'a', body, time: time(5_000) }));
      }

      silent.pass(2 * refreshMs, { 'http://p': answer(old) });
      for (const bench of [answering, taken])
        bench.pass(2 * refreshMs, { 'http://p': answer(old), [url]: answer() });

      assert.deepEqual(answering.hints, ['old-1 old-1:8000 http://p']);
      assert.deepEqual([silent.hints, taken.hints], [[], []]);
    });

    it('is not needed for a node that is registered here and answers: its lease is renewed', () => {
      const bench = new BridgeBench();
      bench.register('old-1', { address: 'old-1:8000' });
      bench.register('mute', { address: 'mute:8000' });

      for (let i = 0; i < 20; i++) {
        bench.pass(refreshMs, { 'http://p': answer(old), [url]: answer() });
        bench.hosting.expire(at(bench.monoMs));
      }

      assert.deepEqual([...bench.hosting.hostedIds()], ['old-1']);
    });

    it('does not come back through its peers when a service of ours is taken out', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer() });
      bench.register('svc', { address: 'svc:1' });
      bench.hosting.deregister({ type: 'deregister', ticket: 1, id: 'svc' }, at(bench.monoMs));

      bench.pass(2 * refreshMs, { 'http://p': answer(listed('svc', { address: 'svc:1' })) });

      assert.isUndefined(bench.table.listing.get('svc'));
    });

    it('vouches with other bridges for what they say too, as long as few do', () => {
      const bench = new BridgeBench();
      const crowded = new BridgeBench();
      bench.hear(hint('a', 'old-1:8000'), hint('b', 'old-1:8000'));
      crowded.hear(hint('a', 'old-1:8000'), hint('b', 'old-1:8000'), hint('c', 'old-1:8000'));

      for (const each of [bench, crowded]) each.pass(1_000, { 'http://p': answer(old) });

      assert.deepEqual(bench.table.listing.get('old-1')?.authors, ['a', 'b', 'me']);
      assert.deepEqual(crowded.hints, []);
      crowded.liveness.c = 'dead';
      crowded.pass(refreshMs, { 'http://p': answer(old) });
      assert.deepEqual(crowded.hints, ['old-1 old-1:8000 http://p']);
    });

    it('is no more than it may say', () => {
      const bench = new BridgeBench({ hintsMaxCount: 1 });

      bench.pass(refreshMs, { 'http://p': answer(old, listed('old-2', { address: 'old-2:1' })) });

      assert.equal(bench.hints.length, 1);
      assert.equal(bench.bridge.counts.hints, 1);
    });

    it('is taken back when the agent leaves for good, and said again in a new epoch', () => {
      const bench = new BridgeBench();
      bench.pass(1_000, { 'http://p': answer(old) });

      bench.bridge.sayAgain(at(bench.monoMs));
      assert.equal(bench.table.ledger.recordBy('me', 'old-1')?.sequence, 2);
      bench.bridge.withdrawAll(at(bench.monoMs));

      assert.deepEqual(bench.hints, []);
    });

    it('counts what was listed and not taken', () => {
      const bench = new BridgeBench({ testimoniesMaxCount: 1 });
      bench.tick();

      bench.answer('http://p', { ok: true, latencyMs: 1, leftOutCount: 3, peers: [old, listed('old-2')] });

      assert.equal(bench.bridge.counts.leftOut, 4);
    });
  });
});
