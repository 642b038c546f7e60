/** Confirmations as a part of the whole protocol. */

import { assert, beforeEach, describe, it } from 'vitest';
import type { ConfirmRequest } from '../../../../src/core/confirm/confirmation.ts';
import type { Effect, Input } from '../../../../src/core/effects.ts';
import { Protocol, type ProtocolSettings } from '../../../../src/core/protocol.ts';
import { shortDigest } from '../../../../src/core/sync/message.ts';
import { SignedProbeCodec } from '../../../../src/identity/probe-codec.ts';
import { treeHash } from '../../../../src/identity/tree-hash.ts';
import { linkOf } from '../../../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';
import { at, nodeFields, Speaker, testCluster, time } from '../../../record-builder.ts';
import { ofType, published, replies } from '../protocol-bench.ts';

const me = new Speaker(1);

class Bench {
  readonly peer = new Speaker(2);
  readonly protocol: Protocol;
  monoMs = 0;

  constructor(settings: Partial<ProtocolSettings> = {}) {
    const claims = new SignedProbeCodec({ cluster: testCluster }, { key: me.key });
    this.protocol = new Protocol(
      { id: 'me', peer: me.peer, epoch: 10, settings },
      {
        seal: draft => me.codec.seal(draft),
        sealClaim: draft => claims.sealClaim(draft),
        random: seededRandom(1),
        hash: treeHash,
        linkOf,
      },
    );
    const self = { multiaddrs: [me.multiaddr], probe: '10.0.0.1:7946' };
    this.step({ type: 'start', node: nodeFields(), self, seeds: [] });
    this.step({
      type: 'records-received',
      from: this.peer.peer,
      via: 'gossip',
      records: [this.peer.introduce('peer')],
      last: false,
    });
    this.step({ type: 'link-up', peer: this.peer.peer, address: '/x' });
  }

  step(input: Input): readonly Effect[] {
    return this.protocol.step(input, at(this.monoMs));
  }

  register(address: string, confirm: Partial<ConfirmRequest> = {}, id = 'svc'): readonly Effect[] {
    const request = { wanted: 'all', timeoutMs: 1_000, rollback: false, ...confirm } as const;
    const action = id === 'me' ? 'update' : 'register';
    return this.step({
      type: 'register',
      ticket: 1,
      action,
      id,
      node: nodeFields({ address }),
      confirm: request,
    });
  }

  /** The write is done, and time goes by. */
  after(ms: number): readonly Effect[] {
    const first = this.step({ type: 'confirm-durable', id: 1 });
    this.monoMs += ms;
    return [...first, ...this.step({ type: 'confirm-due' })];
  }
}

describe('core/protocol: confirmations', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });

  it('publish at once, ask, and answer when the peer holds it', () => {
    const [record] = published(bench.register('10.0.0.9:1'));
    assert.isDefined(record);

    const asked = ofType(bench.after(25), 'send').filter(({ message }) => message.type === 'held?');
    const digests = [shortDigest(record?.digest ?? '')];
    const effects = bench.step({ type: 'held', from: bench.peer.peer, digests });

    assert.deepEqual(
      asked.map(({ to }) => to),
      [bench.peer.peer],
    );
    assert.deepInclude(replies(effects)[0], { ok: true, changed: true });
  });

  it('are met by a table that equals ours', () => {
    bench.register('10.0.0.9:1');
    bench.after(25);
    const { tree, sync } = bench.protocol;
    const root = tree.root(sync.since(at(bench.monoMs)));

    const effects = bench.step({
      type: 'sync-message',
      from: bench.peer.peer,
      message: { type: 'open', ...root, tops: [], hints: Array<string>(16).fill('') },
    });

    assert.lengthOf(replies(effects), 1);
  });

  it('are not met by a table that equalled ours before the record was written', () => {
    const opened = bench.step({ type: 'sync-due', peer: bench.peer.peer });
    assert.deepEqual(
      ofType(opened, 'send').map(({ message }) => message.type),
      ['open'],
    );
    bench.register('10.0.0.9:1');
    bench.after(25);

    const effects = bench.step({
      type: 'sync-message',
      from: bench.peer.peer,
      message: { type: 'close', reason: 'same' },
    });

    assert.deepEqual(replies(effects), []);
  });

  it('call whoever claims a name that another one holds by its key', () => {
    const rival = new Speaker(3);
    const records = [rival.introduce('peer', { time: time(10) }), rival.introduce('me', { time: time(-10) })];
    bench.step({ type: 'records-received', from: rival.peer, via: 'gossip', records, last: false });
    bench.register('10.0.0.9:1');

    const [reply] = replies(bench.after(1_000));

    assert.deepInclude(reply?.ok ? reply.confirmation : {}, {
      confirmed: [me.peer],
      missing: ['me', 'peer'],
    });
  });

  it('of the agent’s own entry are rolled back like any other', () => {
    bench.register('10.0.0.9:9', { rollback: true }, 'me');
    assert.equal(bench.protocol.table.listing.get('me')?.address, '10.0.0.9:9');

    const effects = bench.after(1_000);

    assert.equal(bench.protocol.table.listing.get('me')?.address, nodeFields().address);
    const [reply] = replies(effects);
    assert.isTrue(reply?.ok && reply.confirmation?.rolledBack);
  });

  it('are refused beyond the limit, before anything is written', () => {
    const full = new Bench({ confirm: { pendingMaxCount: 0 } });

    assert.deepInclude(replies(full.register('10.0.0.9:1'))[0], { ok: false, code: 'RATE_LIMITED' });
    assert.isUndefined(full.protocol.table.listing.get('svc'));
  });

  it('are answered with how far they came when the agent stops', () => {
    bench.register('10.0.0.9:1');
    bench.after(25);

    const [reply] = replies(bench.step({ type: 'depart', ticket: 2, forGood: false }));

    assert.deepInclude(reply?.ok ? reply.confirmation : {}, { isMet: false, missing: ['peer'] });
  });

  it('end when the disk refuses', () => {
    bench.register('10.0.0.9:1');

    const effects = bench.step({ type: 'store-health', ok: false });

    assert.deepInclude(replies(effects)[0], { ok: false, code: 'STORE_FAILED' });
  });

  it('of others get no receipt while the disk refuses', () => {
    const theirs = bench.protocol.table.ledger.recordBy(bench.peer.peer, 'peer');
    const items = [{ subject: 'peer', digest: shortDigest(theirs?.digest ?? '') }];
    const ask: Input = { type: 'held-asked', from: bench.peer.peer, items };
    assert.lengthOf(ofType(bench.step(ask), 'send'), 1);

    bench.step({ type: 'store-health', ok: false });

    assert.deepEqual(bench.step(ask), []);
  });

  it('need nobody else where nobody is known', () => {
    const claims = new SignedProbeCodec({ cluster: testCluster }, { key: me.key });
    const alone = new Protocol(
      { id: 'me', peer: me.peer, epoch: 10, settings: {} },
      {
        seal: draft => me.codec.seal(draft),
        sealClaim: draft => claims.sealClaim(draft),
        random: seededRandom(1),
        hash: treeHash,
        linkOf,
      },
    );
    const self = { multiaddrs: [me.multiaddr], probe: '10.0.0.1:7946' };
    alone.step({ type: 'start', node: nodeFields(), self, seeds: [] }, at(0));
    const confirm = { wanted: 'all', timeoutMs: 1_000, rollback: false } as const;
    alone.step(
      { type: 'register', ticket: 1, action: 'register', id: 'svc', node: nodeFields(), confirm },
      at(0),
    );

    assert.lengthOf(replies(alone.step({ type: 'confirm-durable', id: 1 }, at(1))), 1);
  });
});
