/** G1: nobody that keeps to the protocol is taken for a wrongdoer by another one that does, whatever liars do. */
import type { World } from '../world.ts';
import type { Invariant, InvariantComponents, Report } from './invariant.ts';

export class ConductInvariants implements Invariant {
  readonly #world: World;
  readonly #report: Report;

  constructor({ world, report }: InvariantComponents) {
    this.#world = world;
    this.#report = report;
  }

  look(): void {
    const { honest } = this.#world;
    for (const observer of honest) {
      if (!observer.isUp) continue;
      for (const { id, peer } of honest) {
        const standing = observer.protocol.reputation.standing(peer);
        if (standing === 'no-mesh' || standing === 'quarantined')
          this.#report('G1', `${observer.id} takes ${id}, which is honest, for ${standing}`);
      }
    }
  }
}
