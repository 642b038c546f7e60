/** Faults for drills, where an agent was started for one: `/admin/faults`. */
import { FirsthandError } from '../errors.ts';
import type { AgentPort, FaultPort } from '../runtime/agent-port.ts';
import type { Log } from '../telemetry/log.ts';
import { bodyText } from './body.ts';
import { parseFaultRules } from './fault-rules.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

export function faultRoutes({
  agent,
  log,
}: {
  readonly agent: AgentPort;
  readonly log: Log;
}): readonly Route[] {
  return [
    {
      operation: 'faults',
      method: 'GET',
      paths: ['/admin/faults'],
      handle: (_request, reply) => reply.send(snakeKeys(faultsOf(agent).view())),
    },
    {
      operation: 'setFaults',
      method: 'POST',
      paths: ['/admin/faults'],
      handle: (request, reply) => {
        const faults = faultsOf(agent);
        const rules = parseFaultRules(bodyText(request));
        faults.set(rules);
        log('faults_set', { rules: rules.length });
        return reply.send(snakeKeys(faults.view()));
      },
    },
  ];
}

function faultsOf({ faults }: AgentPort): FaultPort {
  if (faults === undefined) throw new FirsthandError('FAULTS_OFF');
  return faults;
}
