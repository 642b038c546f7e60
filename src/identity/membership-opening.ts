/** Membership put together for a running agent: with the issuing key that it may hold, and as who is let in. */
import type { Roster } from '../core/authority/roster.ts';
import { AuthorityDirectory } from './authority-directory.ts';
import { CertificateAdmission } from './certificate-admission.ts';
import { Membership, type MembershipComponents, type MembershipOptions } from './membership.ts';
import { readPassphrase } from './private-file.ts';

export interface IssuerOptions {
  /** Directory of the authority; absent: this agent issues nothing. */
  readonly caDir?: string | undefined;
  readonly caPassphraseFile?: string | undefined;
}

/** @throws FirsthandError as `Membership.open` */
export async function openMembership(
  options: MembershipOptions & IssuerOptions,
  components: Omit<MembershipComponents, 'issuer'>,
): Promise<Membership | undefined> {
  const issuer = await openIssuer(options, components.wallMs());
  return Membership.open(options, { ...components, issuer });
}

async function openIssuer(
  { caDir, caPassphraseFile }: IssuerOptions,
  nowMs: number,
): Promise<AuthorityDirectory | undefined> {
  if (caDir === undefined) return undefined;
  const passphrase = caPassphraseFile === undefined ? undefined : await readPassphrase(caPassphraseFile);
  const issuer = await AuthorityDirectory.open(caDir, { passphrase });
  await issuer.prune(nowMs);
  return issuer;
}

export function admissionBy(
  membership: Membership,
  roster: Roster | undefined,
  wallMs: () => number,
): CertificateAdmission {
  return new CertificateAdmission({
    checker: membership.checker,
    own: () => membership.certificate,
    faultOf: certificate => roster?.faultOf(certificate, wallMs()),
    isKeyRevoked: peer => roster?.isKeyRevoked(peer) === true,
    redeem: membership.redeem,
    onNotRedeemed: (...decision) => membership.refused(...decision),
    wallMs,
  });
}
