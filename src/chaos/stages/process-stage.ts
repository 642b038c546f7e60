/** Agents on loopback, no root: they disturb their own network, because they are started for that. */
import type { Fault, StageKind, StageOptions } from '../stage.ts';
import { freePort } from './free-port.ts';
import type { Seat } from './local-member.ts';
import { LocalStage } from './local-stage.ts';
import { diskProblem } from './small-disk.ts';
import { clockProblem } from './steered-clock.ts';
import { TransportFaults } from './transport-faults.ts';

export const processStage: StageKind = {
  name: 'process',
  summary: 'agents on loopback that disturb their own transport; no root',
  unusable: async () =>
    process.platform === 'win32' ? 'signals that pause a process need Linux, macOS or BSD' : undefined,
  lacks: async (fault: Fault) => {
    if (fault === 'disk') return diskProblem();
    if (fault === 'clock') return clockProblem();
    return undefined;
  },
  open: async (options: StageOptions) => {
    const seats: Seat[] = [];
    for (let i = 0; i < options.agentsCount; i++) seats.push(await loopbackSeat());
    return LocalStage.open(
      {
        name: 'process',
        ownAddress: '127.0.0.1',
        seats,
        network: (ids, agentOf) => new TransportFaults(ids, agentOf),
      },
      options,
    );
  },
};

async function loopbackSeat(): Promise<Seat> {
  const [swarm, http] = [await freePort(), await freePort()];
  return {
    flags: ['--listen', `/ip4/127.0.0.1/tcp/${swarm}`, '--http', `127.0.0.1:${http}`, '--fault-injection'],
    wrapper: [],
    url: `http://127.0.0.1:${http}`,
  };
}
