/** What may go wrong with deliveries that a receiver must confirm. */
import type { PlantedBug } from './bug.ts';

const busy = { faults: ['receiver away', 'answers lost', 'crash', 'disk'] } as const;

export const outboxBugs: readonly PlantedBug[] = [
  {
    name: 'a delivery is acknowledged before it is written',
    file: 'core/outbox/outbox.ts',
    find: 'return { ok: true, effects: [this.#persist(lane, operations, [written, ...then])] };',
    replace: 'return { ok: true, effects: [...then, this.#persist(lane, operations, [written])] };',
    breaks: 'O2',
    needs: busy,
    seeds: [1],
  },
  {
    name: 'a registration is acknowledged before it is written',
    file: 'core/hosting/hosting.ts',
    find: "    return taken.effects.map(effect =>\n      effect.type === 'persist'\n        ? { ...effect, then: [{ type: 'publish', records: [record] }, ...then] }",
    replace:
      "    return [...then, ...taken.effects].map(effect =>\n      effect.type === 'persist'\n        ? { ...effect, then: [{ type: 'publish', records: [record] }] }",
    breaks: 'O2',
    seeds: [1],
  },
  {
    name: 'the outbox is forgotten at a restart',
    file: 'core/outbox/outbox.ts',
    find: 'for (const { head, deliveries } of whole) this.#resume(head, deliveries, now);',
    replace: 'for (const { head } of whole) this.#resume(head, [], now);',
    breaks: 'O1',
    needs: busy,
    seeds: [4],
  },
  {
    name: 'what failed is taken for delivered',
    file: 'core/outbox/outbox.ts',
    find: 'if (outcome.ok || outcome.isFinal) {',
    replace: 'if (outcome.ok || !outcome.isFinal) {',
    breaks: 'O1',
    needs: busy,
    seeds: [1],
  },
  {
    name: 'what was delivered is delivered again',
    file: 'core/outbox/outbox.ts',
    find: 'const operations = isHere ? [...this.#take(lane, delivery)] : [];',
    replace: 'const operations = isHere && !outcome.ok ? [...this.#take(lane, delivery)] : [];',
    breaks: 'O3',
    needs: busy,
    seeds: [1],
  },
  {
    name: 'several deliveries are under way to one receiver',
    file: 'core/outbox/outbox.ts',
    find: 'if (lane.underWay !== undefined || now.monoMs < lane.health.nextTryMonoMs) return [];',
    replace: 'if (now.monoMs < lane.health.nextTryMonoMs) return [];',
    breaks: 'O4',
    needs: busy,
    seeds: [8],
  },
  {
    name: 'a later delivery about a subject does not replace the earlier one',
    file: 'core/outbox/outbox.ts',
    find: 'if (superseded !== undefined) {',
    replace: 'if (superseded !== undefined && superseded.sequence < 0) {',
    breaks: 'O7',
    needs: busy,
    seeds: [57],
  },
  {
    name: 'the outbox has no bound',
    file: 'core/outbox/outbox.ts',
    find: 'const isFull = earlier === undefined && count > entriesMaxCount * share;',
    replace: 'const isFull = earlier === undefined && count > bytesMax * share;',
    breaks: 'O5',
    needs: {
      faults: ['receiver away'],
      agentsCount: 4,
      minutes: 2,
      settings: { outbox: { entriesMaxCount: 2, deadLettersMaxCount: 10_000, stuckAfterMs: 30_000 } },
    },
    seeds: [2],
  },
  {
    name: 'what expires is gone without a word',
    file: 'core/outbox/outbox.ts',
    find: "      ...this.#take(lane, delivery),\n      ...this.#bury(delivery, 'expired', lane.health.lastError ?? 'not attempted', now),",
    replace: '      ...this.#take(lane, delivery),',
    breaks: 'O6',
    needs: { faults: ['receiver away'] },
    seeds: [8],
  },
  {
    name: 'a damaged queue is delivered all the same',
    file: 'core/outbox/recovery.ts',
    find: 'const damage = damageOf(head, deliveries, links) ?? (hasAll',
    replace:
      'const damage = (head === undefined ? damageOf(head, deliveries, links) : undefined) ?? (links.length > 0 || hasAll',
    breaks: 'O7',
    needs: { faults: ['rot', 'receiver away'] },
    seeds: [15],
  },
  {
    name: 'the head of a queue is not written with its deliveries',
    file: 'core/outbox/outbox.ts',
    find: "return { type: 'persist', operations: [...operations, head, this.#sealRow()], then };",
    replace:
      "return { type: 'persist', operations: operations.length > 1 ? [...operations, head, this.#sealRow()] : [...operations, this.#sealRow()], then };",
    breaks: 'O7',
    needs: busy,
    seeds: [4],
  },
  {
    name: 'a pause in seconds is taken for one in milliseconds',
    file: 'core/outbox/receiver-health.ts',
    find: 'return fullJitterMs(this.#random, backoffCeilingMs(this.#settings, this.#failures, this.#responseMs));',
    replace:
      'return 1_000 * fullJitterMs(this.#random, backoffCeilingMs(this.#settings, this.#failures, this.#responseMs));',
    breaks: 'O8',
    needs: { faults: ['receiver away', 'answers lost'] },
    seeds: [1],
  },
  {
    name: 'a breaker that has opened stays open',
    file: 'core/outbox/receiver-health.ts',
    find: '    this.#nextTryMonoMs = monoMs + Math.max(askedMs, this.#pauseMs());',
    replace:
      '    this.#nextTryMonoMs =\n      this.#failures < this.#settings.breakerThreshold ? monoMs + Math.max(askedMs, this.#pauseMs()) : Infinity;',
    breaks: 'O8',
    needs: { faults: ['receiver away', 'answers lost'] },
    seeds: [2],
  },
];
