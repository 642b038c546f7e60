/** Why two agents with certificates do not let each other in, for the operator of this one. */
import type { AdmissionRefusal, RefusalReason } from '../runtime/admission.ts';

/** What is wrong, and what mends it, when the peer refused us. */
const ours: Readonly<Partial<Record<RefusalReason, string>>> = {
  'certificate-malformed':
    'the peer does not understand the certificate of this agent; are both of one version?',
  'certificate-forged':
    'the peer found a wrong signature on the certificate of this agent; join anew with an invite',
  'certificate-expired':
    'the certificate of this agent has expired; join anew: firsthand start --join INVITE',
  'certificate-not-yet-valid':
    'the certificate of this agent is not valid yet by the clock of the peer; set the clocks right',
  'certificate-revoked':
    'the certificate of this agent was revoked; it is shut out until the authority invites it anew',
  'certificate-replaced':
    'another key has taken the place of this one; was this data directory restored from before a rotation?',
  'certificate-of-another-key':
    'the certificate of this agent is for another key; was the data directory put together from two?',
  'other-authority':
    'the peer does not trust the authority that certified this agent; give it --authority, or join anew',
  'other-cluster': 'the peer is of another cluster',
  'invite-forged': 'no authority that the peer trusts has signed this invite',
  'invite-expired': 'the invite has expired; ask for a new one',
  'invite-used': 'the invite was redeemed before, by another agent; ask for a new one',
  'invite-not-taken-here':
    'the peer redeems no such invite; it must be one that the invite names, started with --ca-dir',
  failed: 'the peer could not do it at the moment; its log says why, unless it was asked too often',
  banned: 'the peer has banned this agent',
};

/** When we refused the peer. */
const theirs: Readonly<Partial<Record<RefusalReason, string>>> = {
  'certificate-malformed': 'the peer shows no certificate that this version understands',
  'certificate-forged': 'the signature on the certificate of the peer is wrong',
  'certificate-expired': 'the certificate of the peer has expired',
  'certificate-not-yet-valid':
    'the certificate of the peer is not valid yet by our clock; set the clocks right',
  'certificate-revoked': 'the peer was revoked',
  'certificate-replaced': 'the peer shows the certificate of a key whose place another one has taken',
  'certificate-of-another-key': 'the peer shows the certificate of another key',
  'other-authority': 'the peer was certified by an authority that is not trusted here (--authority)',
  'other-cluster': 'the peer is of another cluster',
  'invite-forged': 'the peer shows an invite that no authority trusted here has signed',
  'invite-expired': 'the peer shows an invite that has expired',
  'invite-used': 'the peer shows an invite that was redeemed before, by another key',
  'invite-not-taken-here':
    'the peer shows an invite for other agents, or this one holds no issuing key (--ca-dir)',
  failed:
    'the certificate could not be issued: asked too often, or the directory of the authority cannot be written',
  banned: 'the peer is banned here',
};

export function explainRefusal({ reason, by }: AdmissionRefusal): string {
  const known = (by === 'peer' ? ours : theirs)[reason];
  if (known !== undefined) return known;
  if (reason === 'late') return 'the exchange of certificates was not over in time';
  return by === 'peer' ? `the peer refused this agent (${reason})` : `the peer broke off (${reason})`;
}
