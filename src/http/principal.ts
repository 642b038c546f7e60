/** Who a caller has proved to be, and what follows from it. */
import { isNodeId } from '../core/record/node.ts';
import { FirsthandError } from '../errors.ts';
import { type Role, roleSet, roles } from './access-table.ts';

export interface Principal {
  /** For the audit log: `anonymous`, `secret`, `jwt:<subject>`, `certificate:<name>`. */
  readonly who: string;
  readonly roles: ReadonlySet<Role>;
  /** The nodes whose entries it may change; `any`: whatever this agent hosts. */
  readonly nodes: 'any' | ReadonlySet<string>;
  /** When what it has proved ends, ms since the Unix epoch; absent: it does not. */
  readonly untilWallMs?: number;
}

/** Where nothing has to be proved. The access table says what it may not do. */
export const anonymous: Principal = { who: 'anonymous', roles: new Set(roles), nodes: 'any' };
/** Who has proved nothing yet where something has to be. */
export const nobody: Principal = { who: 'anonymous', roles: new Set(), nodes: new Set() };
export const holderOfSecret: Principal = { who: 'secret', roles: new Set(roles), nodes: 'any' };

/** A role for whoever has this name, or one that begins like it. */
export interface Grant {
  readonly role: Role;
  /** The whole name, or its beginning and `*`. */
  readonly name: string;
}

export interface NamedCaller {
  readonly kind: 'jwt' | 'certificate';
  /** What it is called; the first one is shown. */
  readonly names: readonly [string, ...string[]];
  /** That its credentials say, beside what is granted to its names. */
  readonly roles: readonly Role[];
  readonly untilWallMs: number;
}

export interface NamingOptions {
  readonly grants: readonly Grant[];
  /** Names that stand for nodes begin so, and the rest is the node's id. */
  readonly namePrefix: string | undefined;
}

export function principalOf(
  { kind, names, roles: own, untilWallMs }: NamedCaller,
  options: NamingOptions,
): Principal {
  const granted = options.grants.filter(({ name }) => names.some(each => matches(name, each)));
  const nodes = names.flatMap(name => nodeIdOf(name, options.namePrefix) ?? []);
  return {
    who: `${kind}:${names[0]}`,
    roles: roleSet([...own, ...granted.map(({ role }) => role)]),
    nodes: new Set(nodes),
    untilWallMs,
  };
}

/**
 * The node that a name stands for: the name itself, or the last part of a SPIFFE id. With a prefix, what comes
 * after it, and nothing for names without it.
 */
export function nodeIdOf(name: string, prefix: string | undefined): string | undefined {
  if (prefix !== undefined) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return isNodeId(rest) ? rest : undefined;
  }
  const id = name.startsWith('spiffe://')
    ? name.slice('spiffe://'.length).replace(/^[^/]*\/(?:.*\/)?/, '')
    : name;
  return isNodeId(id) ? id : undefined;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** Only a node may change its own entry. @throws FirsthandError NOT_OWNER */
export function requireOwner({ nodes, who }: Principal, id: string): void {
  if (nodes === 'any' || nodes.has(id)) return;
  throw new FirsthandError('NOT_OWNER', {
    text: `only ${id} itself may change its entry; these credentials are those of ${who}`,
  });
}

/** @throws FirsthandError FORBIDDEN */
export function requireRole({ roles: held, who }: Principal, role: Role): void {
  if (held.has(role)) return;
  const has = held.size === 0 ? 'no role' : [...held].join(', ');
  throw new FirsthandError('FORBIDDEN', { text: `that needs the role ${role}; ${who} has ${has}` });
}
