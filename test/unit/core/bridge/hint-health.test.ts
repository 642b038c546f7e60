/** Hints in the whole protocol: joined by its own tick, checked like services, and told everywhere. */

import { assert, describe, it } from 'vitest';
import type { CheckOutcome } from '../../../../src/core/backends/outcome.ts';
import { deliveryOutcome, urlOf } from '../../../../src/core/bridge/delivery.ts';
import type { PeerOutcome } from '../../../../src/core/bridge/outcome.ts';
import type { Effect, Input } from '../../../../src/core/effects.ts';
import { Protocol } from '../../../../src/core/protocol.ts';
import { SignedProbeCodec } from '../../../../src/identity/probe-codec.ts';
import { treeHash } from '../../../../src/identity/tree-hash.ts';
import { linkOf } from '../../../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../../../src/runtime/seeded-random.ts';
import { at, nodeFields, Speaker, testCluster } from '../../../record-builder.ts';

const sick: CheckOutcome = { ok: false, reason: 'refused', detail: 'nobody listens there', latencyMs: 1 };
const well: CheckOutcome = { ok: true, latencyMs: 1 };

/** An agent alone with one HTTP peer, which lists a backend and a proxy. */
class Bench {
  readonly me = new Speaker(1);
  readonly protocol: Protocol;
  health: CheckOutcome = well;
  readonly checked = new Set<string>();
  readonly registered: string[] = [];
  #monoMs = 0;

  constructor() {
    const claims = new SignedProbeCodec({ cluster: testCluster }, { key: this.me.key });
    this.protocol = new Protocol(
      { id: 'me', peer: this.me.peer, epoch: 10, settings: { bridge: { urls: ['http://p'] } } },
      {
        seal: draft => this.me.codec.seal(draft),
        sealClaim: draft => claims.sealClaim(draft),
        random: seededRandom(1),
        hash: treeHash,
        linkOf,
      },
    );
    const self = { multiaddrs: [this.me.multiaddr], probe: '10.0.0.1:7946' };
    this.#step({ type: 'start', node: nodeFields({ address: 'me:7980' }), self, seeds: [] });
  }

  pass(ms: number): void {
    for (const endMs = this.#monoMs + ms; this.#monoMs < endMs; ) {
      this.#monoMs += 250;
      this.#step({ type: 'tick' });
    }
  }

  update(address: string): void {
    this.#step({ type: 'register', ticket: 1, action: 'update', id: 'me', node: nodeFields({ address }) });
  }

  depart(): void {
    this.#step({ type: 'depart', ticket: 2, forGood: true });
  }

  status(id: string): string | undefined {
    return this.protocol.table.listing.get(id)?.status;
  }

  #step(input: Input): void {
    for (const effect of everythingIn(this.protocol.step(input, at(this.#monoMs)))) {
      if (effect.type === 'check') {
        this.checked.add(effect.host);
        this.#step({ type: 'checked', key: effect.key, outcome: this.health });
      } else if (effect.type === 'register-with') {
        this.#note(effect.url, effect.body);
        this.#step({ type: 'http-peer-answered', key: effect.key, outcome: this.#answerOf(effect.url) });
      } else if (effect.type === 'written') {
        this.#step({ type: 'outbox-written', receiver: effect.receiver, sequence: effect.sequence });
      } else if (effect.type === 'deliver') {
        const url = urlOf(effect.receiver);
        this.#note(url, Buffer.from(effect.payload).toString());
        const outcome = deliveryOutcome(this.#answerOf(url));
        this.#step({ type: 'delivered', id: effect.id, outcome, latencyMs: 1 });
      }
    }
  }

  #note(url: string, body: string): void {
    const { action, node } = JSON.parse(body) as { action: string; node: { id: string; address: string } };
    if (url === 'http://p') this.registered.push(`${action} ${node.id} ${node.address}`);
  }

  #answerOf(url: string): PeerOutcome {
    if (url !== 'http://p')
      return { ok: false, reason: 'status', status: 404, detail: 'it answered 404', latencyMs: 1 };
    const backend = { id: 'old-backend', node: nodeFields({ address: 'backend:8000' }) };
    const proxy = { id: 'old-proxy', node: nodeFields({ address: 'proxy:8000', nodeType: 'proxy' }) };
    return { ok: true, latencyMs: 1, peers: [backend, proxy], leftOutCount: 0 };
  }
}

function everythingIn(effects: readonly Effect[]): readonly Effect[] {
  return effects.flatMap(effect =>
    effect.type === 'persist' ? [effect, ...everythingIn(effect.then)] : [effect],
  );
}

describe('core/protocol with HTTP peers', () => {
  it('checks a backend that it knows from an HTTP peer like one that it hosts, and tells what it finds', () => {
    const bench = new Bench();
    bench.pass(2_000);
    assert.deepEqual([...bench.checked], ['backend']);
    assert.equal(bench.status('old-backend'), 'alive');

    bench.health = sick;
    bench.pass(20_000);
    assert.equal(bench.status('old-backend'), 'unhealthy');
    assert.equal(bench.status('old-proxy'), 'alive');
    bench.health = well;
    bench.pass(20_000);

    assert.equal(bench.status('old-backend'), 'alive');
  });

  it('registers itself at start, and updates its peers when its own entry changes', () => {
    const bench = new Bench();
    bench.pass(1_000);

    bench.update('me:9999');
    bench.pass(1_000);

    assert.deepEqual(bench.registered, ['register me me:7980', 'update me me:9999']);
  });

  it('takes its hints with it when it leaves for good', () => {
    const bench = new Bench();
    bench.pass(2_000);

    bench.depart();

    const own = bench.protocol.table.ledger.recordBy(bench.me.peer, 'old-proxy');
    assert.deepEqual(own?.body, { type: 'departure', reason: 'withdrawn' });
  });
});
