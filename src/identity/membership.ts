/**
 * How an agent comes to be a member: by redeeming an invite, by what it kept from last time, by a file from
 * `firsthand ca issue`, or by the issuing key that it holds itself. Which invite was redeemed is kept, so that one on
 * the command line of a supervised agent is harmless from then on, while a new one brings back who was shut out.
 */
import { join } from 'node:path';
import {
  allowsType,
  clockToleranceMs,
  matchesPattern,
  timeFault,
  type VerifiedCertificate,
} from '../core/authority/certificate.ts';
import type { Grant } from '../core/authority/grant.ts';
import type { NodeId, NodeType } from '../core/record/node.ts';
import type { PeerId, VerifiedRecord } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import type { AdmissionAuthority } from '../runtime/admission.ts';
import type { AuditEntry, AuditLog, MembershipPort } from '../runtime/ports.ts';
import { AuthorityChecker } from './authority-checker.ts';
import type { AuthorityDirectory, Redeemed } from './authority-directory.ts';
import { GrantAdmission } from './certificate-admission.ts';
import { openInvite } from './invite.ts';
import {
  type MembershipDocument,
  membershipFileName,
  nextMembershipFileName,
  readMembership,
  removeNextMembership,
  writeMembership,
} from './membership-file.ts';

export interface MembershipOptions {
  /** Of the agent's data, where its own membership file is kept. */
  readonly directory: string;
  readonly cluster: string;
  readonly peer: PeerId;
  readonly id: NodeId;
  readonly nodeType: NodeType;
  /** Trusted besides the one that certified this agent, while one takes the place of the other. */
  readonly authorities: readonly PeerId[];
  /** What agents are told to prove to each other; absent: nothing, so a certificate where there is an authority. */
  readonly proof?: 'mtls' | 'shared_secret' | undefined;
  /** One line, from `firsthand invite`. */
  readonly join?: string | undefined;
  /** From `firsthand ca issue`. */
  readonly membershipFile?: string | undefined;
}

export interface MembershipComponents {
  /** Absent: this agent issues nothing. */
  readonly issuer?: AuthorityDirectory | undefined;
  /** Connects to one of these and admits by this; rejects with a sentence that says why not. */
  readonly redeem: (seeds: readonly string[], authority: AdmissionAuthority) => Promise<void>;
  readonly wallMs: () => number;
  /** Takes down what the issuing key was used for. */
  readonly audit: AuditLog;
  /** What could not be kept or issued; the agent goes on with the certificate that it has. */
  readonly onFailed: (error: unknown) => void;
}

/** Of the certificate that an issuing agent gives itself. */
const ownLifetimeMs = 86_400_000;

export class Membership implements MembershipPort {
  readonly checker: AuthorityChecker;
  readonly #options: MembershipOptions;
  readonly #parts: MembershipComponents;
  #document: MembershipDocument;
  #next: MembershipDocument | undefined;
  #written: Promise<void> = Promise.resolve();

  private constructor(
    options: MembershipOptions,
    components: MembershipComponents,
    checker: AuthorityChecker,
    document: MembershipDocument,
  ) {
    this.#options = options;
    this.#parts = components;
    this.checker = checker;
    this.#document = document;
  }

  /**
   * `undefined` where no authority was named in any way: then the cluster has none.
   *
   * @throws FirsthandError MEMBERSHIP_UNUSABLE, INVITE_REFUSED, JOIN_FAILED, AUTHORITY_UNUSABLE
   */
  static async open(
    options: MembershipOptions,
    components: MembershipComponents,
  ): Promise<Membership | undefined> {
    const { issuer } = components;
    const kept = await readMembership(join(options.directory, membershipFileName));
    const next = await readMembership(join(options.directory, nextMembershipFileName));
    const given = options.membershipFile === undefined ? undefined : await readGiven(options.membershipFile);
    const invite = options.join === undefined ? undefined : openInvite(options.join, options.cluster);
    const documents = [kept, next, given].filter(each => each !== undefined);
    const authorities = new Set([
      ...(issuer === undefined ? [] : [issuer.authority.peerId]),
      ...options.authorities,
      ...documents.flatMap(each => each.authorities),
      ...(invite === undefined ? [] : [invite.authority]),
    ]);
    if (authorities.size === 0) {
      if (options.proof !== 'mtls') return undefined;
      throw unusable(`this agent has no certificate yet: ${remedyFor(options)}`);
    }
    if (options.proof === 'shared_secret') {
      throw unusable(
        'this agent has an authority, so agents go by certificates and not by the secret: give --auth mtls, and --http-auth shared_secret for callers',
      );
    }
    for (const { cluster } of documents) {
      if (cluster !== options.cluster) {
        throw unusable(
          `its membership is of cluster ${cluster}, and this agent is of ${options.cluster}: start it with --cluster ${cluster}`,
        );
      }
    }
    if (issuer !== undefined && issuer.authority.cluster !== options.cluster) {
      throw unusable(
        `the authority in ${issuer.path} is for cluster ${issuer.authority.cluster}, and this agent is of ${options.cluster}`,
      );
    }
    const checker = new AuthorityChecker({ cluster: options.cluster, authorities: [...authorities] });
    const nowMs = components.wallMs();
    const held = latest(documents.flatMap(each => usable(each, options, checker, nowMs) ?? []));
    const isNew = invite !== undefined && invite.id !== kept?.invite;
    const redeemed = isNew ? await tryInvite(invite, held, options, components, checker) : undefined;
    // Who holds the key of a new authority goes over to it first: everybody trusts that by then.
    const isOver = issuer !== undefined && held?.issuer !== issuer.authority.peerId;
    const own = isOver ? await issueOwn(options, components) : undefined;
    const certificate = redeemed ?? own ?? held;
    if (certificate === undefined) throw unusable(lacking(documents, options, checker, nowMs));
    checkName(certificate, options);
    const document = {
      cluster: options.cluster,
      // The others are given at each start, or are trusted no more.
      authorities: [certificate.issuer],
      certificate: certificate.wire,
      ...inviteOf(redeemed === undefined ? kept?.invite : invite?.id),
      seeds: [...new Set([...documents.flatMap(each => each.seeds), ...(invite?.seeds ?? [])])].slice(0, 8),
    };
    await writeMembership(options.directory, document);
    await removeNextMembership(options.directory);
    return new Membership(options, components, checker, document);
  }

  /** What this agent shows. */
  get certificate(): Uint8Array {
    return this.#document.certificate;
  }

  /** Agents of the invite through which it joined. */
  get seeds(): readonly string[] {
    return this.#document.seeds;
  }

  /** Takes an invite in exchange for a certificate, where this agent holds an issuing key. */
  get redeem(): ((grant: Grant, key: PeerId) => Promise<Redeemed>) | undefined {
    const { issuer, wallMs, audit, onFailed } = this.#parts;
    if (issuer === undefined) return undefined;
    return async (grant, key) => {
      try {
        const redeemed = await issuer.redeem(grant, key, wallMs());
        if (redeemed.ok) audit.record(issuing(key, `certificate.redeem ${grant.id}`, redeemed.certificate));
        return redeemed;
      } catch (error) {
        onFailed(error);
        throw error;
      }
    };
  }

  /** Who was not given a certificate for an invite. */
  refused(key: PeerId, grant: Grant | undefined, outcome: 'refused' | 'failed', why: string): void {
    const what = grant === undefined ? 'certificate.redeem' : `certificate.redeem ${grant.id}`;
    if (this.#parts.issuer !== undefined)
      this.#parts.audit.record({ kind: 'certificate', who: key, what, outcome, why });
  }

  /** The list that an issuing agent has on its disk. @throws FirsthandError AUTHORITY_UNUSABLE */
  async revocations(): Promise<VerifiedRecord | undefined> {
    return this.#parts.issuer?.revocations();
  }

  renew(certificate: VerifiedCertificate, onRenewed: (certificate: Uint8Array) => void): void {
    this.#issueNext('certificate.renew', certificate, certificate.key, onRenewed);
  }

  certifyNext(
    certificate: VerifiedCertificate,
    key: PeerId,
    onIssued: (certificate: Uint8Array) => void,
  ): void {
    this.#issueNext(`certificate.rotate to ${key}`, certificate, key, onIssued);
  }

  #issueNext(
    what: string,
    certificate: VerifiedCertificate,
    key: PeerId,
    onIssued: (certificate: Uint8Array) => void,
  ): void {
    const { issuer, wallMs, audit, onFailed } = this.#parts;
    const decision = { kind: 'certificate', who: certificate.key, what } as const;
    issuer?.next(certificate, wallMs(), key).then(
      next => {
        if (!next.ok) return audit.record({ ...decision, outcome: 'refused', why: 'it is revoked' });
        audit.record(issuing(certificate.key, what, next.certificate));
        onIssued(next.certificate.wire);
      },
      error => {
        audit.record({ ...decision, outcome: 'failed', why: 'the directory of the authority refuses' });
        onFailed(error);
      },
    );
  }

  keep(certificate: Uint8Array): void {
    const issuer = this.checker.read(certificate)?.issuer;
    const authorities = issuer === undefined ? this.#document.authorities : [issuer];
    this.#document = { ...this.#document, certificate, authorities };
    // The one that is on the disk is good for as long again; the next renewal writes anew.
    this.#write(() => writeMembership(this.#options.directory, this.#document)).catch(this.#parts.onFailed);
  }

  async keepNext(certificate: Uint8Array): Promise<void> {
    const issuer = this.checker.read(certificate)?.issuer;
    const authorities = issuer === undefined ? this.#document.authorities : [issuer];
    const next = { ...this.#document, certificate, authorities };
    await this.#write(() => writeMembership(this.#options.directory, next, nextMembershipFileName));
    this.#next = next;
  }

  takeNext(): void {
    if (this.#next === undefined) return;
    this.#document = this.#next;
    this.#next = undefined;
    const { directory } = this.#options;
    this.#write(async () => {
      await writeMembership(directory, this.#document);
      await removeNextMembership(directory);
    }).catch(this.#parts.onFailed); // The next start finds both files, and does it.
  }

  /** One after the other: a file that is still needed must not be removed by what was begun earlier. */
  #write(write: () => Promise<void>): Promise<void> {
    const written = this.#written.then(write);
    this.#written = written.catch(() => {}); // Whoever wants to write hears of it.
    return written;
  }
}

function issuing(
  who: PeerId,
  what: string,
  { serial, pattern, roles, expiresMs }: VerifiedCertificate,
): AuditEntry {
  const may = roles.length === 0 ? pattern : `${pattern} (${roles.join(', ')})`;
  const why = `serial ${serial} for ${may} until ${iso(expiresMs)}`;
  return { kind: 'certificate', who, what, outcome: 'allowed', why };
}

async function readGiven(path: string): Promise<MembershipDocument> {
  const document = await readMembership(path);
  if (document === undefined) throw unusable(`there is no membership file ${path}`);
  return document;
}

/** Its certificate, if that is ours and counts now. */
function usable(
  { certificate }: MembershipDocument,
  { peer }: MembershipOptions,
  checker: AuthorityChecker,
  nowMs: number,
): VerifiedCertificate | undefined {
  const read = checker.read(certificate);
  return read?.key === peer && timeFault(read, nowMs) === undefined ? read : undefined;
}

function latest(certificates: readonly VerifiedCertificate[]): VerifiedCertificate | undefined {
  return [...certificates].sort((a, b) => b.issuedMs - a.issuedMs)[0];
}

async function issueOwn(
  { peer, id, nodeType }: MembershipOptions,
  { issuer, wallMs, audit }: MembershipComponents,
): Promise<VerifiedCertificate | undefined> {
  const certificate = await issuer?.issue({
    key: peer,
    pattern: id,
    roles: [nodeType],
    lifetimeMs: ownLifetimeMs,
    nowMs: wallMs(),
  });
  if (certificate !== undefined) audit.record(issuing(peer, 'certificate.issue', certificate));
  return certificate;
}

function inviteOf(invite: string | undefined): { readonly invite?: string } {
  return invite === undefined ? {} : { invite };
}

/** Who has a certificate already goes on with it when the invite is of no use any more. */
async function tryInvite(
  grant: Grant,
  held: VerifiedCertificate | undefined,
  options: MembershipOptions,
  components: MembershipComponents,
  checker: AuthorityChecker,
): Promise<VerifiedCertificate | undefined> {
  try {
    return await redeem(grant, options, components, checker);
  } catch (error) {
    if (held === undefined) throw error;
    components.onFailed(error);
    return undefined;
  }
}

async function redeem(
  grant: Grant,
  { id, nodeType }: MembershipOptions,
  { redeem: connect, wallMs }: MembershipComponents,
  checker: AuthorityChecker,
): Promise<VerifiedCertificate | undefined> {
  // Before it is spent.
  if (wallMs() > grant.expiresMs + clockToleranceMs) {
    throw new FirsthandError('INVITE_REFUSED', { text: 'the invite has expired; ask for a new one' });
  }
  checkName(grant, { id, nodeType });
  let issued: VerifiedCertificate | undefined;
  const admission = new GrantAdmission(
    { grant },
    {
      checker,
      onIssued: certificate => {
        issued = certificate;
      },
    },
  );
  await connect(grant.seeds, admission);
  return issued;
}

/** @throws FirsthandError MEMBERSHIP_UNUSABLE */
function checkName(
  { pattern, roles }: Pick<VerifiedCertificate, 'pattern' | 'roles'>,
  { id, nodeType }: Pick<MembershipOptions, 'id' | 'nodeType'>,
): void {
  if (!matchesPattern(pattern, id)) {
    throw unusable(`this agent may be called ${pattern}, and is called ${id}: start it with --id`);
  }
  if (!allowsType(roles, nodeType)) {
    throw unusable(
      `this agent may be of type ${roles.join(', ')}, and is a ${nodeType}: start it with --type`,
    );
  }
}

function lacking(
  documents: readonly MembershipDocument[],
  { peer }: MembershipOptions,
  checker: AuthorityChecker,
  nowMs: number,
): string {
  const remedy = remedyFor({ peer });
  const [document] = documents;
  if (document === undefined) return `this agent has no certificate yet: ${remedy}`;
  const checked = checker.check(document.certificate);
  if (!checked.ok) return `the certificate of this agent is of no use (${checked.flaw}): ${remedy}`;
  if (checked.value.key !== peer) return `the certificate is for the key ${checked.value.key}: ${remedy}`;
  if (timeFault(checked.value, nowMs) === 'not-yet-valid') {
    return `the certificate of this agent is valid from ${iso(checked.value.notBeforeMs)} on: set the clock right`;
  }
  return `the certificate of this agent expired at ${iso(checked.value.expiresMs)}: ${remedy}`;
}

function remedyFor({ peer }: Pick<MembershipOptions, 'peer'>): string {
  return `start with --join and an invite, or with --membership and a file from 'firsthand ca issue --key ${peer}'`;
}

function iso(ms: number): string {
  // Bounded on the wire by 2^53, which is beyond what a date can show.
  return ms <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

function unusable(text: string): FirsthandError {
  return new FirsthandError('MEMBERSHIP_UNUSABLE', { text });
}
