/** What may go wrong with who is blamed for what. */
import type { PlantedBug } from './bug.ts';

const attacked = { faults: ['attack'], minutes: 1.5, agentsCount: 4 } as const;

export const conductBugs: readonly PlantedBug[] = [
  {
    name: 'a datagram that nobody signed is held against the key that it names',
    file: 'runtime/probe-intake.ts',
    find: "    if (!this.#codec.verifyProbe(probe)) return this.#handlers.onRejected('bad-signature');",
    replace:
      "    if (!this.#codec.verifyProbe(probe)) {\n      this.#handlers.onFault(probe.from, 'bad-signature');\n      return this.#handlers.onRejected('bad-signature');\n    }",
    breaks: 'G1',
    needs: attacked,
    seeds: [2],
  },
  {
    name: 'a record that nobody signed is held against the author that it names',
    file: 'runtime/intake.ts',
    find: "    return this.#codec.verify(record) ?? this.#dismiss('bad-signature', via, from, 'reject');",
    replace:
      "    return this.#codec.verify(record) ?? this.#dismiss('bad-signature', via, record.author, 'reject');",
    breaks: 'G1',
    needs: attacked,
    seeds: [2],
  },
];
