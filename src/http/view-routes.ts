/** What `inspect`, `status` and `doctor` show: the agent's views, in snake_case. */
import { isNodeId, type NodeFields } from '../core/record/node.ts';
import type { RecordView, SubjectView } from '../core/view.ts';
import { FirsthandError } from '../errors.ts';
import type { AgentPort, DoctorCheck } from '../runtime/agent-port.ts';
import { fieldsJson } from './node-json.ts';
import { badQuery, Query } from './query.ts';
import type { Route } from './route.ts';
import { snakeKeys } from './snake-case.ts';

const pageDefaultCount = 100;
/** A page of the largest records that there can be stays below some 20 MB. */
export const pageMaxCount = 500;

export function viewRoutes(agent: AgentPort): readonly Route[] {
  const examination = new Examination(agent);
  return [
    {
      operation: 'records',
      method: 'GET',
      paths: ['/records'],
      handle: (request, reply) => {
        const query = new Query(request.query);
        const limit = query.count('limit', pageDefaultCount, pageMaxCount);
        const page = agent.subjects(query.nodeId('after'), limit);
        const last = page.length === limit ? page.at(-1) : undefined;
        return reply.send({
          records: page.map(subjectJson),
          next: last?.id ?? null,
        });
      },
    },
    {
      operation: 'record',
      method: 'GET',
      paths: ['/records/:id'],
      handle: (request, reply) => {
        const { id } = request.params as { readonly id: string };
        if (!isNodeId(id)) throw new FirsthandError('INVALID_ID', { field: 'id' });
        const subject = agent.subject(id);
        if (subject === undefined) {
          throw new FirsthandError('UNKNOWN_NODE', { text: `there is no record about ${id}` });
        }
        return reply.send(subjectJson(subject));
      },
    },
    {
      operation: 'clock',
      method: 'GET',
      paths: ['/clock'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.clock())),
    },
    {
      operation: 'confirmations',
      method: 'GET',
      paths: ['/confirmations'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.confirmations())),
    },
    {
      operation: 'mesh',
      method: 'GET',
      paths: ['/mesh'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.mesh())),
    },
    {
      operation: 'status',
      method: 'GET',
      paths: ['/status'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.status())),
    },
    {
      operation: 'detector',
      method: 'GET',
      paths: ['/detector'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.detector())),
    },
    {
      operation: 'sync',
      method: 'GET',
      paths: ['/sync'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.sync())),
    },
    {
      operation: 'tree',
      method: 'GET',
      paths: ['/sync/tree'],
      handle: (request, reply) => {
        const query = new Query(request.query);
        const since = query.count('since', agent.sync().since, 999_999_999);
        const prefix = query.one('prefix');
        if (prefix === undefined) return reply.send({ since, parts: agent.treeParts(since) });
        if (!/^[0-9a-f]{2}$/.test(prefix))
          throw badQuery('prefix', 'prefix must be two hexadecimal digits in lower case');
        return reply.send({ since, records: agent.treeRows(since, prefix) });
      },
    },
    {
      operation: 'outbox',
      method: 'GET',
      paths: ['/outbox'],
      handle: (_request, reply) => reply.send(snakeKeys(agent.outbox())),
    },
    {
      operation: 'doctor',
      method: 'GET',
      paths: ['/doctor'],
      handle: async (_request, reply) => reply.send(doctorJson(await examination.result())),
    },
  ];
}

/** It sends datagrams and takes seconds: callers who come meanwhile get the result of the one under way. */
class Examination {
  readonly #agent: AgentPort;
  #underWay: Promise<readonly DoctorCheck[]> | undefined;

  constructor(agent: AgentPort) {
    this.#agent = agent;
  }

  result(): Promise<readonly DoctorCheck[]> {
    this.#underWay ??= this.#agent.doctor().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }
}

function doctorJson(checks: readonly DoctorCheck[]) {
  return { ok: checks.every(check => check.ok), checks: snakeKeys(checks) };
}

function subjectJson({ records, ...subject }: SubjectView) {
  return { ...(snakeKeys(subject) as object), records: records.map(recordJson) };
}

/** The node as in `/peers`, so that a reader needs to know one shape only; and whose it is. */
function recordJson({ node, owner, ...record }: RecordView) {
  return {
    ...(snakeKeys(record) as object),
    ...(node === undefined ? {} : { node: { ...fieldsJson(record.subject, node), ...keyJson(node) } }),
    ...(owner === undefined ? {} : { owner: { ...keyJson(owner), last_updated: owner.lastUpdatedS } }),
  };
}

function keyJson({ publicKey }: Pick<NodeFields, 'publicKey'>): { readonly public_key?: string } {
  return publicKey === undefined ? {} : { public_key: publicKey };
}
