/**
 * What makes an agent a member, in its data directory or from `firsthand ca issue`: whom it trusts to say who
 * belongs, its certificate, and through whom it first joined.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isClusterName } from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import { publicKeyOf } from '../wire/peer-id.ts';
import { codeOf, readPrivateFile, writePrivateFile } from './private-file.ts';

export const membershipFileName = 'membership.json';
/** For a key that is to take the place of the present one; which of the two counts, the key says that is there. */
export const nextMembershipFileName = 'membership.json.next';
const fileMaxBytes = 16 * 1_024;

export interface MembershipDocument {
  readonly cluster: string;
  readonly authorities: readonly PeerId[];
  readonly certificate: Uint8Array;
  readonly seeds: readonly string[];
  /** The invite that was redeemed for it: another one is redeemed too, the same one is not. */
  readonly invite?: string;
}

/** `undefined` when there is none. @throws FirsthandError MEMBERSHIP_UNUSABLE */
export async function readMembership(path: string): Promise<MembershipDocument | undefined> {
  const file = await readPrivateFile(path, fileMaxBytes);
  if (file === undefined) return undefined;
  if (!file.ok) throw unusable(path, file.problem, file.cause);
  const document = parseMembership(file.text);
  if (document === undefined)
    throw unusable(path, 'is no membership file, or is damaged; restore it or join anew');
  return document;
}

/** @throws FirsthandError MEMBERSHIP_UNUSABLE */
export async function writeMembership(
  directory: string,
  document: MembershipDocument,
  name = membershipFileName,
): Promise<void> {
  const path = join(directory, name);
  try {
    await writePrivateFile(path, showMembership(document));
  } catch (error) {
    throw unusable(path, `cannot be written (${codeOf(error)})`, error);
  }
}

/** Of no use any more. @throws FirsthandError MEMBERSHIP_UNUSABLE */
export async function removeNextMembership(directory: string): Promise<void> {
  const path = join(directory, nextMembershipFileName);
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw unusable(path, `cannot be removed (${codeOf(error)})`, error);
  }
}

export function showMembership({ certificate, ...rest }: MembershipDocument): string {
  const shown = { ...rest, certificate: Buffer.from(certificate).toString('base64') };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

export function parseMembership(text: string): MembershipDocument | undefined {
  let fields: { readonly [key: string]: unknown };
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    fields = parsed as typeof fields;
  } catch {
    return undefined;
  }
  const { cluster, authorities, certificate, seeds, invite } = fields;
  if (typeof cluster !== 'string' || !isClusterName(cluster) || typeof certificate !== 'string')
    return undefined;
  if (!areTexts(authorities) || !areTexts(seeds) || authorities.length === 0) return undefined;
  if (authorities.some(each => publicKeyOf(each) === undefined)) return undefined;
  return {
    cluster,
    authorities,
    certificate: Buffer.from(certificate, 'base64'),
    seeds,
    ...(typeof invite === 'string' ? { invite } : {}),
  };
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= 64 && value.every(each => typeof each === 'string');
}

function unusable(path: string, what: string, cause?: unknown): FirsthandError {
  return new FirsthandError(
    'MEMBERSHIP_UNUSABLE',
    { text: `the membership file ${path} ${what}`, path },
    cause,
  );
}
