/** How an entry stands, against a second implementation that follows the words of the contract. */
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { checkFailures } from '../../../../src/core/backends/outcome.ts';
import { type Backing, standingOf } from '../../../../src/core/membership/listing.ts';
import { bucketOf, healthSubjectOf } from '../../../../src/core/record/health.ts';
import { Table } from '../../../../src/core/record/table.ts';
import type { LivenessState } from '../../../../src/core/view.ts';
import { at, departure, entryAt, record, subjectHashOf } from '../../../record-builder.ts';

const states = ['alive', 'suspect', 'dead', 'left'] as const satisfies readonly LivenessState[];
const authors = ['a', 'b', 'c'] as const;
const services = ['svc-1', 'svc-2', 'svc-3'] as const;

const backing: fc.Arbitrary<Backing> = fc.record({
  liveness: fc.constantFrom(...states),
  ailment: fc.constantFrom(undefined, ...checkFailures),
});

function naiveStatus(backings: readonly Backing[]): string | undefined {
  let status: string | undefined;
  for (const { liveness, ailment } of backings) {
    if (liveness === 'alive' && ailment === undefined) return 'alive';
    if (liveness === 'alive') status = 'unhealthy';
    if (liveness === 'suspect') status ??= 'suspect';
  }
  return status;
}

type Step =
  | { readonly type: 'vouch' | 'depart'; readonly author: string; readonly id: string }
  | { readonly type: 'turn'; readonly author: string; readonly id: string; readonly isSick: boolean }
  | { readonly type: 'liveness'; readonly author: string; readonly state: LivenessState };

const author = fc.constantFrom(...authors);
const id = fc.constantFrom(...services);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom('vouch' as const, 'depart' as const), author, id }),
  fc.record({ type: fc.constant('turn' as const), author, id, isSick: fc.boolean() }),
  fc.record({ type: fc.constant('liveness' as const), author, state: fc.constantFrom(...states) }),
);

/** A table to which hosts speak, and what they said kept beside it in plain sets. */
class World {
  readonly liveness = new Map<string, LivenessState>(authors.map(each => [each, 'alive']));
  readonly vouched = new Set<string>();
  readonly sick = new Set<string>();
  /** As the events tell it. */
  readonly toldSick = new Set<string>();
  readonly table = new Table({}, { self: 'me', livenessOf: each => this.liveness.get(each) ?? 'dead' });
  #sequence = 0;

  take(given: Step): void {
    const { author: who } = given;
    switch (given.type) {
      case 'liveness':
        this.liveness.set(who, given.state);
        return this.#hear(this.table.livenessChanged(who, given.state, []));
      case 'turn':
        return this.#turn(who, given.id, given.isSick);
      case 'vouch':
        this.vouched.add(`${who} ${given.id}`);
        return this.#say(who, given.id, { authority: 'host', body: entryAt('x:1') });
      case 'depart':
        this.vouched.delete(`${who} ${given.id}`);
        return this.#say(who, given.id, { authority: 'host', body: departure('withdrawn') });
    }
  }

  #turn(who: string, service: string, isSick: boolean): void {
    if (isSick) this.sick.add(`${who} ${service}`);
    else this.sick.delete(`${who} ${service}`);
    const subjectHash = subjectHashOf(service);
    const entries = isSick ? [{ subjectHash, reason: 'refused' as const }] : [];
    this.#say(who, healthSubjectOf(who, bucketOf(subjectHash)), {
      authority: 'self',
      body: { type: 'health', entries },
    });
  }

  expected(service: string): string | undefined {
    return naiveStatus(
      authors
        .filter(each => this.vouched.has(`${each} ${service}`))
        .map(each => ({
          liveness: this.liveness.get(each) ?? 'dead',
          ailment: this.sick.has(`${each} ${service}`) ? 'refused' : undefined,
        })),
    );
  }

  #say(who: string, subject: string, fields: Parameters<typeof record>[0]): void {
    this.#sequence += 1;
    const taken = this.table.take(
      record({ ...fields, subject, author: who, sequence: this.#sequence }),
      at(0),
    );
    if (taken.type === 'admitted') this.#hear(taken.effects);
  }

  #hear(effects: ReturnType<Table['livenessChanged']>): void {
    for (const effect of effects) {
      if (effect.type !== 'event') continue;
      const { event, data } = effect.event;
      if (event === 'record' && data.change === 'departed') this.toldSick.delete(data.id);
      if (event === 'liveness' && (data.to === 'dead' || data.to === 'left')) this.toldSick.delete(data.id);
      if (event !== 'health') continue;
      assert.notEqual(this.toldSick.has(data.id), data.to === 'unhealthy', 'told once');
      if (data.to === 'unhealthy') this.toldSick.add(data.id);
      else this.toldSick.delete(data.id);
    }
  }
}

describe('core/membership/listing', () => {
  it('takes the best of what the agents that vouch for an entry lend it', () => {
    fc.assert(
      fc.property(fc.array(backing, { maxLength: 5 }), backings => {
        assert.equal(standingOf(backings)?.status, naiveStatus(backings));
      }),
    );
  });

  it('has an ailment exactly where no agent that is heard finds the service well', () => {
    fc.assert(
      fc.property(fc.array(backing, { minLength: 1, maxLength: 5 }), backings => {
        const standing = standingOf(backings);

        assert.equal(standing?.ailment !== undefined, isAilingWhereHeard(backings));
        if (standing?.status !== 'suspect') {
          assert.equal(standing?.ailment !== undefined, standing?.status === 'unhealthy');
        }
      }),
    );
  });

  it('shows after any history what a plain model of it shows, and has told each change of health once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const world = new World();

        for (const each of steps) {
          world.take(each);

          for (const service of services) {
            const view = world.table.listing.get(service);
            assert.equal(view?.status, world.expected(service), service);
            if (view !== undefined) assert.equal(world.toldSick.has(service), view.ailment !== undefined);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

function isAilingWhereHeard(backings: readonly Backing[]): boolean {
  for (const state of ['alive', 'suspect']) {
    const heard = backings.filter(({ liveness }) => liveness === state);
    if (heard.length > 0) return heard.every(({ ailment }) => ailment !== undefined);
  }
  return false;
}
