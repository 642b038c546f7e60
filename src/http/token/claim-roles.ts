/** Which roles a token's claims give: a list, or words in one text, as providers write them. */
import { type Role, roles } from '../access-table.ts';

/** Longer lists are cut: no provider has them, and nobody shall have us walk them. */
const wordsMaxCount = 256;

/**
 * @param claim - Its name; where there is none of that name, its parts between dots lead inwards
 *   (`realm_access.roles`).
 * @returns Those of ours that are in it, written as `read` or `firsthand:read`; other words are others' business.
 */
export function rolesInClaim(payload: Readonly<Record<string, unknown>>, claim: string): readonly Role[] {
  const value = Object.hasOwn(payload, claim) ? payload[claim] : inwards(payload, claim.split('.'));
  const words = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  const given = new Set(words.slice(0, wordsMaxCount));
  return roles.filter(role => given.has(role) || given.has(`firsthand:${role}`));
}

function inwards(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Readonly<Record<string, unknown>>)[name];
  }
  return current;
}
