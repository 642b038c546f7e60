/** The messages of `proto/firsthand.proto`, reflected once at start; never from anything received. */
import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { type MemberRole, memberRoles } from '../core/authority/certificate.ts';
import { type CheckFailure, checkFailures } from '../core/backends/outcome.ts';
import { type NodeType, nodeTypes } from '../core/record/node.ts';
import { type Authority, authorities, type DepartureReason } from '../core/record/record.ts';
import { type ClaimKind, claimKinds } from '../core/swim/claim.ts';
import type { Close } from '../core/sync/message.ts';
import { packageRoot } from '../package-root.ts';

const source = readFileSync(new URL('proto/firsthand.proto', packageRoot), 'utf8');
const root = protobuf.parse(source).root.resolveAll();

function type(name: string) {
  return root.lookupType(`firsthand.v1.${name}`);
}

export const recordType = type('Record');
export const signedRecordType = type('SignedRecord');
export const gossipType = type('Gossip');
export const equivocationType = type('Equivocation');
export const syncFrameType = type('SyncFrame');
export const recordsType = type('Records');
export const datagramType = type('Datagram');
export const probeType = type('Probe');
export const signedClaimType = type('SignedClaim');
export const claimType = type('Claim');
export const signedBanType = type('SignedBan');
export const banType = type('Ban');
export const keyCommandType = type('KeyCommand');
export const keyAnswerType = type('KeyAnswer');
export const signedByAuthorityType = type('SignedByAuthority');
export const certificateType = type('MembershipCertificate');
export const grantType = type('Grant');
export const membershipHelloType = type('MembershipHello');
export const membershipWelcomeType = type('MembershipWelcome');

/** Tag of a field, for messages that are assembled from parts already encoded. */
export function fieldTag(message: protobuf.Type, field: string): number {
  const found = message.fields[field];
  if (found === undefined) throw new TypeError(`${message.name} has no field ${field}`);
  return (found.id << 3) | (found.type === 'bool' ? 0 : 2); // A varint, or length-delimited.
}

export interface Names<Name extends string> {
  readonly numberOf: (name: Name) => number;
  /** `undefined` for a number that this version does not know. */
  readonly nameOf: (number: number) => Name | undefined;
}

function names<Name extends string>(enumName: string, all: readonly Name[], prefix = ''): Names<Name> {
  const { values } = root.lookupEnum(`firsthand.v1.${enumName}`);
  const numbers = new Map<Name, number>();
  const byNumber: (Name | undefined)[] = [];
  for (const name of all) {
    const number = values[prefix + name.toUpperCase().replaceAll('-', '_')];
    if (number === undefined) throw new TypeError(`${enumName} has no value ${name}`);
    numbers.set(name, number);
    byNumber[number] = name;
  }
  return { numberOf: name => numbers.get(name) as number, nameOf: number => byNumber[number] };
}

export const authorityNames: Names<Authority> = names('Authority', authorities);
export const nodeTypeNames: Names<NodeType> = names('NodeType', nodeTypes);
export const roleNames: Names<MemberRole> = names('MemberRole', memberRoles, 'ROLE_');
export const claimNames: Names<ClaimKind> = names('ClaimKind', claimKinds, 'CLAIM_');
export const closeNames: Names<Close> = names('CloseReason', ['same', 'busy', 'took', 'end']);
export const healthReasonNames: Names<CheckFailure> = names('HealthReason', checkFailures);
export const departureNames: Names<DepartureReason> = names('DepartureReason', [
  'left',
  'deregistered',
  'withdrawn',
]);
