/** Everybody wants something at the same moment. */
import type { Drill } from '../drill.ts';
import { expectSpread } from '../expectations.ts';
import type { Outcome } from '../registrations.ts';

const callsCount = 1_200;
const inFlightMinCount = 1_000;

export const storm: Drill = {
  name: 'storm',
  summary: `${callsCount} registrations at the same moment, then as many changes and departures at the same moment; each is answered, and all agents end up with the same.`,
  faults: [],
  agentsMinCount: 2,
  run: async scene => {
    const { registrations, recorder, ids, signal } = scene;
    const meter = new Meter();
    recorder.step(`${callsCount} registrations at once`);
    const made = await Promise.all(
      Array.from({ length: callsCount }, (_, index) =>
        meter.count(registrations.register(ids[index % ids.length] as string, signal)),
      ),
    );
    recorder.step(`${callsCount} changes and departures at once`);
    const moved = await Promise.all(
      made.map(({ id }, index) =>
        meter.count(
          index % 2 === 0 ? registrations.change(id, signal) : registrations.deregister(id, signal),
        ),
      ),
    );
    const all: readonly Outcome[] = [...made.map(({ outcome }) => outcome), ...moved];
    const taken = all.filter(outcome => outcome === 'acknowledged').length;
    scene.conclude({
      name: `${inFlightMinCount} calls and more were in flight at once`,
      kind: 'liveness',
      holds: meter.mostCount >= inFlightMinCount,
      seen: `${meter.mostCount} at most`,
    });
    scene.conclude({
      name: 'every call was acknowledged',
      kind: 'liveness',
      holds: taken === all.length,
      seen: `${taken} of ${all.length}`,
    });
    await expectSpread(scene, 'after the storm', 60_000);
  },
};

/** How many were under way at once. */
class Meter {
  #count = 0;
  mostCount = 0;

  async count<T>(call: Promise<T>): Promise<T> {
    this.#count += 1;
    this.mostCount = Math.max(this.mostCount, this.#count);
    try {
      return await call;
    } finally {
      this.#count -= 1;
    }
  }
}
