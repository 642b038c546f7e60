import { assert, describe, it } from 'vitest';
import type { DeliveryOutcome } from '../../../src/core/outbox/delivery.ts';
import { Deliverers } from '../../../src/runtime/deliverers.ts';
import type { Deliverer } from '../../../src/runtime/ports.ts';
import { FakeClock } from './fake-ports.ts';

const target = { id: 1, kind: 'test', payload: new Uint8Array(), digest: 'd' };

function bench() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const stopped: string[] = [];
  const named = (name: string): Deliverer => ({
    deliver: ({ receiver }) => asked.push(`${name} ${receiver}`),
    stop: async () => {
      stopped.push(name);
    },
  });
  const deliverers = new Deliverers({ clock });
  deliverers.add('http:', named('http'));
  deliverers.add('peer:', named('peer'));
  return { clock, deliverers, asked, stopped, named };
}

describe('runtime/deliverers', () => {
  it('hands each delivery to whoever delivers to its scheme', () => {
    const { deliverers, asked } = bench();

    for (const receiver of ['peer:a', 'http:https://b:1/'])
      deliverers.deliver({ ...target, receiver }, () => {});

    assert.deepEqual(asked, ['peer peer:a', 'http http:https://b:1/']);
  });

  for (const receiver of ['smtp:a', 'nobody', 'https://b']) {
    it(`refuses ${receiver} for good, and not before it was asked`, () => {
      const { deliverers, clock } = bench();
      const outcomes: DeliveryOutcome[] = [];

      deliverers.deliver({ ...target, receiver }, outcome => outcomes.push(outcome));
      const before = outcomes.length;
      clock.turn();

      assert.equal(before, 0);
      assert.lengthOf(outcomes, 1);
      assert.deepInclude(outcomes[0], { ok: false, isFinal: true });
    });
  }

  it('has one for each scheme, and stops all of them', async () => {
    const { deliverers, stopped, named } = bench();

    assert.throws(() => deliverers.add('http:', named('other')), RangeError);
    await deliverers.stop();

    assert.deepEqual(stopped, ['http', 'peer']);
  });
});
