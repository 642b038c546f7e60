/** An invite as it comes from a person: read, checked, and for this cluster. */
import type { Grant } from '../core/authority/grant.ts';
import { FirsthandError } from '../errors.ts';
import { readInvite } from '../wire/grant.ts';
import { isGenuine } from './authority-checker.ts';

/**
 * @param cluster - Absent: of any.
 * @throws FirsthandError INVITE_REFUSED, with what is wrong; never the invite itself.
 */
export function openInvite(line: string, cluster?: string): Grant {
  const read = readInvite(line);
  if (!read.ok) throw refused(`the invite ${read.problem}`);
  const { parts: _, ...grant } = read.grant;
  if (!isGenuine(read.grant))
    throw refused('the invite is forged: the authority that it names has not signed it');
  if (cluster !== undefined && grant.cluster !== cluster) {
    throw refused(`the invite is for cluster ${grant.cluster}, and this agent is of ${cluster}`);
  }
  return grant;
}

function refused(text: string): FirsthandError {
  return new FirsthandError('INVITE_REFUSED', { text });
}
