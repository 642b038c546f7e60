/**
 * What the drill registered and took out, and what the agents said to it: the measure for what they list later.
 *
 * An answer of 200 is a promise. What was refused did not happen. What was not answered may have happened or not, and
 * then either is right. Every id is used for one service, and not again once it was taken out.
 */
import type { StagedAgent } from './stage.ts';

export type Outcome = 'acknowledged' | 'refused' | 'unanswered';

interface Service {
  readonly host: string;
  /** What may be listed; `undefined`: nothing. One, if the last call was answered. */
  allowed: (string | undefined)[];
  isTakenOut: boolean;
}

export interface Listed {
  readonly id: string;
  readonly address: string;
}

const answerLimitMs = 20_000;
const unlistedShownMaxCount = 5;

export class Registrations {
  readonly #agents: readonly StagedAgent[];
  readonly #services = new Map<string, Service>();
  readonly #counts = { acknowledged: 0, refused: 0, unanswered: 0 };
  #number = 0;

  constructor(agents: readonly StagedAgent[]) {
    this.#agents = agents;
  }

  /** Calls by how they ended. */
  get counts(): Readonly<Record<Outcome, number>> {
    return this.#counts;
  }

  /** Ids that are registered with this agent, as far as it was answered. */
  of(host: string): readonly string[] {
    return [...this.#services].flatMap(([id, service]) =>
      service.host === host && !service.isTakenOut ? [id] : [],
    );
  }

  /** A new service with this agent. */
  async register(
    host: string,
    signal?: AbortSignal,
  ): Promise<{ readonly id: string; readonly outcome: Outcome }> {
    this.#number += 1;
    const id = `service-${this.#number}`;
    const service: Service = { host, allowed: [undefined], isTakenOut: false };
    this.#services.set(id, service);
    return {
      id,
      outcome: await this.#write(service, id, `10.1.0.1:${1_024 + (this.#number % 60_000)}`, signal),
    };
  }

  /** Moves a service to another address. */
  async change(id: string, signal?: AbortSignal): Promise<Outcome> {
    this.#number += 1;
    const address = `10.2.${this.#number % 250}.1:${1_024 + (this.#number % 60_000)}`;
    return this.#write(this.#service(id), id, address, signal);
  }

  async deregister(id: string, signal?: AbortSignal): Promise<Outcome> {
    const service = this.#service(id);
    service.isTakenOut = true;
    const outcome = await this.#call(service.host, `/registration/${id}`, { method: 'DELETE' }, signal);
    this.#settle(service, undefined, outcome);
    return outcome;
  }

  /** What this list has wrong, in words: missing, with another address, or still there. */
  wrongIn(listed: readonly Listed[]): readonly string[] {
    const addresses = new Map(listed.map(({ id, address }) => [id, address]));
    return [...this.#services].flatMap(([id, { allowed }]) => {
      const address = addresses.get(id);
      if (allowed.includes(address)) return [];
      if (address === undefined) return [`${id} is missing`];
      return [allowed.every(one => one === undefined) ? `${id} is still there` : `${id} has ${address}`];
    });
  }

  #counted(outcome: Outcome): Outcome {
    this.#counts[outcome] += 1;
    return outcome;
  }

  #service(id: string): Service {
    const service = this.#services.get(id);
    if (service === undefined) throw new TypeError(`${id} was never registered`);
    return service;
  }

  async #write(service: Service, id: string, address: string, signal?: AbortSignal): Promise<Outcome> {
    const body = JSON.stringify({ id, address, metrics_port: 9_100 });
    const outcome = await this.#call(service.host, '/registration', { method: 'POST', body }, signal);
    this.#settle(service, address, outcome);
    return outcome;
  }

  #settle(service: Service, wanted: string | undefined, outcome: Outcome): void {
    if (outcome === 'acknowledged') service.allowed = [wanted];
    else if (outcome === 'unanswered') service.allowed.push(wanted);
  }

  async #call(host: string, path: string, init: RequestInit, signal?: AbortSignal): Promise<Outcome> {
    const agent = this.#agents.find(({ id }) => id === host);
    if (agent === undefined) throw new TypeError(`${host} is not on this stage`);
    const limit = AbortSignal.timeout(answerLimitMs);
    try {
      const answer = await fetch(agent.url + path, {
        ...init,
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      });
      await answer.arrayBuffer();
      // 500 and 507 from the disk leave open whether it happened: `done` is unknown there.
      const outcome = answer.ok ? 'acknowledged' : answer.status >= 500 ? 'unanswered' : 'refused';
      return this.#counted(outcome);
    } catch (error) {
      return this.#counted(isNotConnected(error) ? 'refused' : 'unanswered');
    }
  }
}

/** Some of them, and how many there are. */
export function shown(wrong: readonly string[]): string {
  const some = wrong.slice(0, unlistedShownMaxCount).join(', ');
  return wrong.length > unlistedShownMaxCount
    ? `${some} and ${wrong.length - unlistedShownMaxCount} more`
    : some;
}

/** Nobody listened, so nothing was sent. */
function isNotConnected(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
}
