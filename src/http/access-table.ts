/**
 * What a caller needs for each operation: the one table. An operation that is not in it does not compile.
 *
 * Where callers prove who they are, `role` counts. In open mode nobody does, and `open` counts instead.
 */
import type { Operation } from './operations.ts';

/**
 * `read`: look at everything. `register`: enter and change the entry that is one's own. `operate`: act on agents
 * and drills. `admin`: decide who belongs.
 */
export const roles = ['read', 'register', 'operate', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who else may do what a role may. */
const including: Readonly<Record<Role, readonly Role[]>> = {
  read: ['read'],
  register: ['read', 'register'],
  operate: ['read', 'operate'],
  admin: roles,
};

/** With everything that they include. */
export function roleSet(given: Iterable<Role>): ReadonlySet<Role> {
  return new Set([...given].flatMap(role => including[role]));
}

export interface Access {
  readonly role: Role;
  /**
   * In open mode: `anyone`; all but web pages, which any browser on this machine might open; or callers on this
   * machine only, because there is no operator to recognise.
   */
  readonly open: 'anyone' | 'no-web-page' | 'this-machine';
}

const read: Access = { role: 'read', open: 'anyone' };

export const accessTable: Readonly<Record<Operation, Access>> = {
  register: { role: 'register', open: 'no-web-page' },
  deregister: { role: 'register', open: 'no-web-page' },

  leave: { role: 'operate', open: 'this-machine' },
  remove: { role: 'operate', open: 'this-machine' },
  faults: { role: 'operate', open: 'anyone' },
  setFaults: { role: 'operate', open: 'this-machine' },

  membership: { role: 'operate', open: 'anyone' },
  // What counts is the signature of the authority; nobody else's list is taken.
  setRevocations: { role: 'operate', open: 'no-web-page' },
  secrets: { role: 'admin', open: 'this-machine' },
  rotateSecret: { role: 'admin', open: 'this-machine' },

  bans: { role: 'admin', open: 'anyone' },
  ban: { role: 'admin', open: 'this-machine' },
  pardon: { role: 'admin', open: 'this-machine' },
  keys: { role: 'operate', open: 'anyone' },
  rotateKey: { role: 'admin', open: 'this-machine' },
  revokeKey: { role: 'admin', open: 'this-machine' },
  reputation: read,
  evidence: read,

  peers: read,
  backends: read,
  prometheusTargets: read,
  // Vital signs: only where the settings close them.
  metrics: read,
  telemetry: read,
  health: read,
  live: read, // Never closed.
  ready: read,
  discoveryHealth: read,
  discoveryStatus: read,
  events: read,
  records: read,
  record: read,
  clock: read,
  confirmations: read,
  mesh: read,
  status: read,
  detector: read,
  sync: read,
  tree: read,
  outbox: read,
  doctor: read,
  openapi: read,
};
