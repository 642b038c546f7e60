/** What may go wrong with who is taken for alive, and with what that costs. */
import type { PlantedBug } from './bug.ts';

const absence = { faults: ['crash'], faultMaxMs: 150_000, minutes: 2.5 } as const;

export const detectorBugs: readonly PlantedBug[] = [
  {
    name: 'a verdict waits for a fresh failure for ever',
    file: 'core/swim/detector.ts',
    find: 'if (now.monoMs - member.suspicion.failedMonoMs > freshMs) {',
    replace: 'if (now.monoMs - member.suspicion.failedMonoMs < freshMs) {',
    breaks: 'F1',
    needs: absence,
    seeds: [1],
  },
  {
    name: 'nobody is ever given up',
    file: 'core/swim/detector.ts',
    find: 'if (leftMs === undefined || leftMs > 0) continue;',
    replace: 'if (leftMs !== undefined) continue;',
    breaks: 'F1',
    needs: { faults: ['crash'], faultMaxMs: 300_000, minutes: 3, agentsCount: 5 },
    seeds: [1],
  },
  {
    name: 'the word of one member is a verdict',
    file: 'core/swim/detector.ts',
    find: "    if (member.state !== 'alive') return;\n    member.isHearsay = true;",
    replace:
      "    if (says === 'dead') return this.#become(member, 'dead', now);\n    if (member.state !== 'alive') return;\n    member.isHearsay = true;",
    breaks: 'F2',
    needs: { faults: ['attack'], minutes: 1.5, agentsCount: 4 },
    seeds: [9],
  },
  {
    name: 'an accusation alone makes suspect',
    file: 'core/swim/detector.ts',
    find: "    if (member.state !== 'alive') return;\n    member.isHearsay = true;",
    replace:
      "    if (member.state === 'alive') this.#suspect(member, claim.refused, now);\n    member.isHearsay = true;",
    breaks: 'F2',
    needs: { faults: ['attack'], minutes: 1.5, agentsCount: 4 },
    seeds: [9],
  },
  {
    name: 'the majority is given up by the minority',
    file: 'core/swim/detector.ts',
    find: 'return (silent + lost + doubtful) * 2 > participants - 1 + lost;',
    replace: 'return silent + lost + doubtful > participants + lost;',
    breaks: 'F2',
    needs: { faults: ['partition', 'one-way'] },
    seeds: [2],
  },
  {
    name: 'an observer raises the incarnation of whom it sees again',
    file: 'core/swim/detector.ts',
    find: "      this.#clear(member);\n      this.#become(member, 'alive', now);\n    }\n  }",
    replace:
      "      this.#clear(member);\n      member.life = { ...member.life, incarnation: member.life.incarnation + 1 };\n      this.#become(member, 'alive', now);\n    }\n  }",
    breaks: 'F3',
    needs: { faults: ['pause', 'starve', 'weather', 'crash'] },
    seeds: [1],
  },
  {
    name: 'a suspicion of oneself is never refuted',
    file: 'core/swim/detector.ts',
    find: '    this.#health.change(1);\n    this.#mailer.raiseIncarnation(now);\n  }\n\n  /** Members that accuse',
    replace: '    this.#health.change(1);\n  }\n\n  /** Members that accuse',
    breaks: 'F4',
    needs: { faults: ['pause', 'partition', 'starve'] },
    seeds: [2],
  },
  {
    name: 'an answer brings the dead back in the same life',
    file: 'core/swim/detector.ts',
    find: "    if (member.state === 'dead') {\n      // Only a later life",
    replace:
      "    if (member.state === 'dead') {\n      this.#clear(member);\n      this.#become(member, 'alive', now);\n      // Only a later life",
    breaks: 'F5',
    needs: { faults: ['pause', 'partition', 'crash', 'one-way'] },
    seeds: [10],
  },
  {
    name: 'who has left comes back with an old word',
    file: 'core/swim/detector.ts',
    find: "return order > 0 || (order === 0 && kind === 'left' && member.state !== 'left');",
    replace: 'return order >= 0;',
    breaks: 'F5',
    needs: { faults: ['stop', 'attack', 'weather', 'pause'] },
    seeds: [17],
  },
  {
    name: 'news goes round for ever',
    file: 'core/swim/dissemination.ts',
    find: "if (by === 'push') item.pushedCount += 1;",
    replace: "if (by === 'push') item.pushedCount += 0;",
    breaks: 'F7',
    seeds: [1],
  },
  {
    name: 'a timer goes before what waits in the sockets',
    file: 'runtime/driver.ts',
    find: 'if (afterPoll) clock.soon(() => this.feed(input));',
    replace: 'if (afterPoll && afterMs < 0) clock.soon(() => this.feed(input));',
    breaks: 'F8',
    needs: { faults: ['starve', 'pause', 'crash'] },
    seeds: [8],
  },
  {
    name: 'one key accuses any number of times',
    file: 'core/swim/detector.ts',
    find: 'const others = [...member.accusers].filter(([peer]) => peer !== this.#options.self);',
    replace:
      'const others = [...member.accusers, ...member.accusers, ...member.accusers].filter(([peer]) => peer !== this.#options.self);',
    breaks: 'F9',
    needs: { faults: ['attack', 'pause', 'starve'] },
    seeds: [1],
  },
  {
    name: 'nobody dials again after a cut',
    file: 'core/peering/peering.ts',
    find: '    contact.isDialing = false;\n    contact.isLook = false;',
    replace: '    contact.isLook = false;',
    breaks: 'F6',
    needs: { faults: ['partition', 'one-way'] },
    seeds: [1],
  },
];
