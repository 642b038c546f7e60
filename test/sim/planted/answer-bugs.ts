/** What callers may be told wrongly, and what peers and the hosted may do to an agent. */
import type { PlantedBug } from './bug.ts';

export const answerBugs: readonly PlantedBug[] = [
  {
    name: 'whoever is alive is said to hold a registration',
    file: 'core/confirm/confirmation.ts',
    find: '(holders.has(peer) ? confirmed : missing).push(id);',
    replace: "(holders.has(peer) || state === 'alive' ? confirmed : missing).push(id);",
    breaks: 'H4',
    seeds: [1],
  },
  {
    name: 'a member says that it holds what it does not',
    file: 'core/confirm/receipts.ts',
    find: 'return record !== undefined && shortDigest(record.digest) === digest;',
    replace: 'return record === undefined || shortDigest(record.digest) === digest;',
    breaks: 'H4',
    needs: { faults: ['weather', 'partition', 'one-way'] },
    seeds: [8],
  },
  {
    name: 'a service is taken out in the answer only',
    file: 'core/hosting/hosting.ts',
    find: "return this.#depart(id, 'deregistered', now, [reply(ticket, { ok: true, changed: true })], by);",
    replace:
      "return [...this.#leases.ids()].length > 1\n      ? [reply(ticket, { ok: true, changed: true })]\n      : this.#depart(id, 'deregistered', now, [reply(ticket, { ok: true, changed: true })], by);",
    breaks: 'H4',
    seeds: [1],
  },
  {
    name: 'an agent that has not joined yet takes registrations',
    file: 'core/protocol.ts',
    find: "if (this.#phase !== 'ready') return [refuse(ticket, 'NOT_READY',",
    replace: "if (this.#phase === 'stopping') return [refuse(ticket, 'NOT_READY',",
    breaks: 'H5',
    needs: { faults: ['crash', 'stop', 'power loss'] },
    seeds: [23],
  },
  {
    name: 'anybody may take out a service',
    file: 'core/hosting/hosting.ts',
    find: "if (winner?.body.type === 'entry' && winner.authority !== 'hint')\n      return notOwner(id, this.#hostsOf(id), winner.authority === 'self');",
    replace:
      "if (winner?.body.type === 'entry' && winner.authority === 'self')\n      return notOwner(id, this.#hostsOf(id), true);\n    if (winner?.body.type === 'entry') return undefined;",
    breaks: 'H10',
    seeds: [3],
  },
  {
    name: 'a refused registration takes the service out',
    file: 'core/hosting/hosting.ts',
    find: 'if (refusal !== undefined) return [reply(request.ticket, refusal)];\n\n    const { id, node } = request;',
    replace:
      "if (refusal !== undefined)\n      return [reply(request.ticket, refusal), ...this.#depart(request.id, 'deregistered', now, [])];\n\n    const { id, node } = request;",
    breaks: 'H3',
    needs: { faults: ['clock'], agentsCount: 4, minutes: 2 },
    seeds: [1],
  },
  {
    name: 'bytes that are no message end the agent',
    file: 'wire/bounded-reader.ts',
    find: '  } catch {\n    return undefined;',
    replace: '  } catch (error) {\n    if (bytes.length > 64) throw error;\n    return undefined;',
    breaks: 'X1',
    needs: { faults: ['attack'] },
    seeds: [1],
  },
  {
    name: 'an ill service never gets well',
    file: 'core/backends/tally.ts',
    find: "return { state: isBack ? 'healthy' : 'unhealthy', failuresInRow: 0, passesInRow };",
    replace: "return { state: isBack ? 'healthy' : 'unhealthy', failuresInRow: 0, passesInRow: 0 };",
    breaks: 'R2',
    needs: { faults: ['illness'] },
    seeds: [2],
  },
  {
    name: 'a service that falls ill is not said to be',
    file: 'core/backends/backend-health.ts',
    find: 'if (turned === undefined) return further;\n    this.#compare(backend.id, backend.subjectHash);',
    replace: 'if (turned === undefined) return further;',
    breaks: 'R2',
    needs: { faults: ['illness'], faultMaxMs: 120_000, minutes: 2 },
    seeds: [2],
  },
];
