import { assert, describe, it } from 'vitest';
import { deliveryOutcome, receiverOf, updateFor, urlOf } from '../../../../src/core/bridge/delivery.ts';
import type { PeerFailure, PeerOutcome } from '../../../../src/core/bridge/outcome.ts';
import { nodeFields } from '../../../record-builder.ts';

function failed(reason: PeerFailure, status?: number): PeerOutcome {
  return { ok: false, reason, detail: 'why', latencyMs: 1, ...(status === undefined ? {} : { status }) };
}

describe('core/bridge/delivery', () => {
  it('asks for an update of the node, named by what it says', () => {
    const parts = { priority: 'bulk', digestOf: (text: string) => `digest of ${text.length}` } as const;

    const request = updateFor('http://p/base', 'svc', nodeFields({ address: 'svc:1' }), parts);

    const body = Buffer.from(request.payload).toString();
    assert.deepInclude(request, {
      receiver: 'http:http://p/base',
      subject: 'svc',
      priority: 'bulk',
      digest: `digest of ${body.length}`,
    });
    assert.deepInclude(JSON.parse(body), { action: 'update' });
    assert.equal(urlOf(receiverOf('http://p/base')), 'http://p/base');
  });

  it.each([
    [{ ok: true, latencyMs: 1, peers: [], leftOutCount: 0 } as const],
    [failed('status', 409)], // It has something newer.
  ])('is done with %j', outcome => {
    assert.deepEqual(deliveryOutcome(outcome), { ok: true });
  });

  it.each([
    [failed('status', 400)],
    [failed('status', 404)],
    [failed('redirect', 302)],
    [failed('forbidden-address')],
    [failed('foreign')],
  ])('gives up after %j', outcome => {
    assert.deepEqual(deliveryOutcome(outcome), { ok: false, isFinal: true, detail: 'why' });
  });

  it.each([
    [failed('timeout')],
    [failed('refused')],
    [failed('unreachable')],
    [failed('status', 408)],
    [failed('status', 429)],
    [failed('status', 503)],
  ])('tries again after %j', outcome => {
    assert.deepEqual(deliveryOutcome(outcome), { ok: false, isFinal: false, detail: 'why' });
  });
});
