import { assert, describe, it } from 'vitest';
import type { TreeRoot } from '../../../src/core/sync/tree.ts';
import { at, Speaker } from '../../record-builder.ts';
import { logs, ofType, ProtocolBench } from './protocol-bench.ts';

const elsewhere = 'ab'.repeat(16);

/** An agent with one member that is linked, and the root that the member shows in its probes. */
class Pair {
  readonly agent = new ProtocolBench({ settings: { sync: { intervalMs: 1e9 } } });
  readonly peer = new Speaker(2);
  #counter = 0;

  constructor() {
    this.agent.start();
    this.agent.link(this.peer);
    this.agent.hear(this.peer, this.peer.introduce('peer'));
    this.agent.answering.add(this.peer);
  }

  get own(): TreeRoot {
    const { tree, sync } = this.agent.protocol;
    return tree.root(sync.since(at(this.agent.monoMs)));
  }

  show(root: string) {
    this.#counter += 1;
    return this.agent.step({
      type: 'datagram-received',
      probe: {
        from: this.peer.peer,
        to: this.agent.me.peer,
        epoch: 1,
        incarnation: 0,
        counter: 1_000_000 + this.#counter,
        wallMs: at(this.agent.monoMs).wallMs,
        body: { type: 'news' },
        claims: [],
        address: '10.0.0.2:7946',
        wire: new Uint8Array(420),
        table: { ...this.own, root },
      },
    });
  }

  /** Openings within so many milliseconds. */
  opened(ms: number): number {
    return ofType(this.agent.pass(ms), 'send').filter(({ message }) => message.type === 'open').length;
  }
}

describe('core/protocol, roots in probes', () => {
  it('begin a walk when they differ for two seconds', () => {
    const pair = new Pair();
    pair.agent.pass(2_000);
    // The first exchange with anybody comes within a second, and finds nothing here.
    const message = { type: 'close', reason: 'same' } as const;
    pair.agent.step({ type: 'sync-message', from: pair.peer.peer, message });
    pair.show(elsewhere);

    assert.equal(pair.opened(1_500), 0);
    assert.equal(pair.opened(1_500), 1);
  });

  it('begin none when they are ours', () => {
    const pair = new Pair();
    pair.agent.pass(1_000);
    pair.show(pair.own.root);

    assert.equal(pair.opened(5_000), 0);
  });

  it('begin none with a peer that is not linked', () => {
    const pair = new Pair();
    pair.agent.step({ type: 'link-down', peer: pair.peer.peer });
    pair.show(elsewhere);

    assert.equal(pair.opened(5_000), 0);
  });

  it('begin one with somebody who is linked, when who differs is not', () => {
    const pair = new Pair();
    const other = new Speaker(3);
    pair.agent.link(other);
    pair.agent.hear(other, other.introduce('other'));
    pair.agent.pass(2_000);
    const message = { type: 'close', reason: 'same' } as const;
    for (const { peer } of [pair.peer, other]) pair.agent.step({ type: 'sync-message', from: peer, message });
    pair.agent.step({ type: 'link-down', peer: pair.peer.peer });
    pair.show(elsewhere);

    const effects = pair.agent.pass(10_000);

    const opened = ofType(effects, 'send').filter(({ message: { type } }) => type === 'open');
    assert.deepEqual(
      opened.map(({ to }) => to),
      [other.peer],
    );
  });

  it('ride in pings', () => {
    const pair = new Pair();

    const pings = ofType(pair.agent.pass(3_000), 'datagram').filter(
      ({ message }) => message.body.type === 'ping',
    );

    assert.isNotEmpty(pings);
    for (const { message } of pings) assert.equal(message.table?.root, pair.own.root);
  });

  it('that turn out to be a lie are logged, cost credibility, and end walks with that peer for a while', () => {
    const pair = new Pair();
    pair.agent.pass(1_000);
    pair.show(elsewhere);
    pair.agent.pass(3_000);
    const { detector } = pair.agent.protocol;
    const before = detector.member(pair.peer.peer)?.reach.credibility(pair.agent.monoMs) ?? 0;

    const effects = pair.agent.step({
      type: 'sync-message',
      from: pair.peer.peer,
      message: {
        type: 'branches',
        ...pair.own,
        root: elsewhere,
        tops: [{ epoch: 0, hash: 'cd'.repeat(16) }],
        nodes: [],
        leaves: [],
      },
    });

    assert.deepEqual(logs(effects), ['standing_changed', 'sync_lied']);
    assert.deepEqual(
      ofType(effects, 'sync-ended').map(({ end }) => end.outcome),
      ['lied'],
    );
    const after = detector.member(pair.peer.peer)?.reach.credibility(pair.agent.monoMs) ?? 1;
    assert.approximately(after, before / 2, 0.01);
    pair.show(elsewhere);
    assert.equal(pair.opened(50_000), 0);
  });
});
