/**
 * The authority on disk: its key, what it has issued, whom it has shut out, and which invites were redeemed.
 *
 *     authority.key      PKCS#8 in PEM, encrypted if there is a passphrase
 *     authority.json     which cluster it is for, and its public key
 *     issued.jsonl       a line for each certificate, written before it is handed out
 *     revocations.json   the latest list, as the record that is gossiped
 *     redeemed/<id>      who has redeemed an invite; the file is made at that moment, and only one can make it
 *
 * Files and no database: the directory is read and backed up by people, and several agents of one machine may issue
 * from it. To make a file that must not exist is the one thing that is atomic between all of them.
 */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nextInLine, type Serial, type VerifiedCertificate } from '../core/authority/certificate.ts';
import type { Grant } from '../core/authority/grant.ts';
import { revokedKeysMaxCount, revokedSerialsMaxCount } from '../core/authority/revocation.ts';
import { RateLimit } from '../core/gossip/rate-limit.ts';
import type { PeerId, VerifiedRecord } from '../core/record/record.ts';
import { FirsthandError } from '../errors.ts';
import { AgentKey } from './agent-key.ts';
import { Authority, type CertificateRequest } from './authority.ts';
import { earlierSerials, type Issued, issuedLine, parseIssued } from './issued-line.ts';
import {
  appendPrivateFile,
  codeOf,
  createPrivateFile,
  readPrivateFile,
  writePrivateFile,
} from './private-file.ts';
import { SignedRecordCodec } from './record-codec.ts';

const keyFileMaxBytes = 4_096;
const smallFileMaxBytes = 16 * 1_024;
/** Some 300 bytes a certificate: more than a hundred thousand of them. */
const issuedFileMaxBytes = 64 * 1_024 * 1_024;
/**
 * A revocation stays on the list so long after the certificate has run out by itself. What a member said while it was
 * one is taken in by its own time, and an agent that was away for long might bring it back.
 */
const revokedKeptMs = 30 * 86_400_000;
/** An invite that has expired needs nobody to remember it; clocks may be wrong by a day. */
const redeemedKeptMs = 86_400_000;

/** Each certificate is a line on the disk: whoever has an invite must not fill it. */
const againRate = { perSecond: 0.1, burstCount: 3, bucketsMaxCount: 1_024 };

interface Heading {
  readonly cluster: string;
  readonly authority: PeerId;
}

export type Redeemed =
  | { readonly ok: true; readonly certificate: VerifiedCertificate }
  | { readonly ok: false; readonly why: 'used' | 'too-often' };

export type Next =
  | { readonly ok: true; readonly certificate: VerifiedCertificate }
  /** It is on the list of this directory, whether or not an agent knows that yet. */
  | { readonly ok: false; readonly why: 'revoked' };

export class AuthorityDirectory {
  readonly path: string;
  readonly authority: Authority;
  readonly #again = new RateLimit(againRate);

  private constructor(path: string, authority: Authority) {
    this.path = path;
    this.authority = authority;
  }

  /** Makes a new authority. @throws FirsthandError AUTHORITY_UNUSABLE when there is one already. */
  static async create(
    path: string,
    { cluster, passphrase }: { readonly cluster: string; readonly passphrase?: string | undefined },
  ): Promise<AuthorityDirectory> {
    const { privateKey } = generateKeyPairSync('ed25519');
    const key = new AgentKey(privateKey);
    const pem = privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
    });
    const keyPath = join(path, 'authority.key');
    try {
      if (!(await createPrivateFile(keyPath, pem.toString()))) {
        throw unusable(path, 'holds an authority already; it is never overwritten: choose another directory');
      }
      const heading: Heading = { cluster, authority: key.peerId };
      await writePrivateFile(join(path, 'authority.json'), `${JSON.stringify(heading, undefined, 2)}\n`);
    } catch (error) {
      if (error instanceof FirsthandError) throw error;
      throw unusable(path, `cannot be written (${codeOf(error)})`, error);
    }
    return new AuthorityDirectory(path, new Authority({ cluster }, { key }));
  }

  /** @throws FirsthandError AUTHORITY_UNUSABLE */
  static async open(
    path: string,
    { passphrase }: { readonly passphrase?: string | undefined } = {},
  ): Promise<AuthorityDirectory> {
    const heading = parseHeading(path, await textIn(path, 'authority.json', smallFileMaxBytes));
    const key = keyOf(path, await textIn(path, 'authority.key', keyFileMaxBytes), passphrase);
    if (key.peerId !== heading.authority) throw unusable(path, 'has a key that authority.json does not name');
    return new AuthorityDirectory(path, new Authority({ cluster: heading.cluster }, { key }));
  }

  /** Written down before it is handed out. @throws FirsthandError AUTHORITY_UNUSABLE */
  async issue(request: CertificateRequest): Promise<VerifiedCertificate> {
    const certificate = this.authority.issue(request);
    await this.#written(() => appendPrivateFile(join(this.path, 'issued.jsonl'), issuedLine(certificate)));
    return certificate;
  }

  /**
   * The next certificate of a member: the same in all but its time, and its key if another one follows.
   *
   * @throws FirsthandError AUTHORITY_UNUSABLE
   */
  async next(certificate: VerifiedCertificate, nowMs: number, key = certificate.key): Promise<Next> {
    const list = (await this.revocations())?.body;
    const { serial, pattern, roles, notBeforeMs, issuedMs, expiresMs } = certificate;
    if (list?.type === 'revocations') {
      const isRevoked =
        list.serials.includes(serial) || [certificate.key, key].some(each => list.keys.includes(each));
      if (isRevoked) return { ok: false, why: 'revoked' };
    }
    const lifetimeMs = expiresMs - issuedMs;
    const line = key === certificate.key ? certificate.line : nextInLine(certificate);
    const issued = await this.issue({ key, pattern, roles, notBeforeMs, nowMs, lifetimeMs, line });
    return { ok: true, certificate: issued };
  }

  /**
   * Once for each invite; the same key may ask again, should the answer have been lost.
   *
   * @throws FirsthandError AUTHORITY_UNUSABLE
   */
  async redeem(grant: Grant, key: PeerId, nowMs: number): Promise<Redeemed> {
    const file = join(this.path, 'redeemed', grant.id);
    const isFirst = await this.#written(() =>
      createPrivateFile(file, `${JSON.stringify({ key, expiresMs: grant.expiresMs })}\n`),
    );
    if (!isFirst && (await redeemer(file))?.key !== key) return { ok: false, why: 'used' };
    if (!this.#again.take(grant.id, nowMs)) return { ok: false, why: 'too-often' };
    const { pattern, roles, lifetimeMs } = grant;
    return { ok: true, certificate: await this.issue({ key, pattern, roles, lifetimeMs, nowMs }) };
  }

  /** Forgets who redeemed invites that nobody can redeem any more. */
  async prune(nowMs: number): Promise<void> {
    const directory = join(this.path, 'redeemed');
    const names = await readdir(directory).catch(() => [] as string[]); // None was redeemed so far.
    for (const name of names) {
      const found = await redeemer(join(directory, name));
      if (found !== undefined && found.expiresMs + redeemedKeptMs < nowMs) await rm(join(directory, name));
    }
  }

  /** The latest first. @throws FirsthandError AUTHORITY_UNUSABLE */
  async issued(): Promise<readonly Issued[]> {
    const file = await readPrivateFile(join(this.path, 'issued.jsonl'), issuedFileMaxBytes);
    if (file === undefined) return [];
    if (!file.ok) throw unusable(this.path, `has an issued.jsonl that ${file.problem}`, file.cause);
    return file.text.split('\n').flatMap(parseIssued).reverse();
  }

  /** The list as it is; `undefined` before the first revocation. @throws FirsthandError AUTHORITY_UNUSABLE */
  async revocations(): Promise<VerifiedRecord | undefined> {
    const file = await readPrivateFile(join(this.path, 'revocations.json'), smallFileMaxBytes);
    if (file === undefined) return undefined;
    const record = file.ok ? this.#recordIn(file.text) : undefined;
    if (record?.body.type !== 'revocations') {
      throw unusable(this.path, 'has a revocations.json that cannot be read; restore it from a backup');
    }
    return record;
  }

  /**
   * Adds to the list, with what could be used in place of it: certificates of keys that were followed by these.
   *
   * @throws FirsthandError AUTHORITY_UNUSABLE, also when the list is full
   */
  async revoke(
    more: { readonly serials?: readonly Serial[]; readonly keys?: readonly PeerId[] },
    nowMs: number,
  ): Promise<VerifiedRecord> {
    const before = await this.revocations();
    const lists = before?.body.type === 'revocations' ? before.body : { serials: [], keys: [] };
    const issued = await this.issued();
    const over = new Set(
      issued.filter(({ expiresMs }) => expiresMs + revokedKeptMs < nowMs).map(({ serial }) => serial),
    );
    const serials = new Set([
      ...lists.serials.filter(serial => !over.has(serial)),
      ...(more.serials ?? []),
      ...earlierSerials(issued, more, nowMs),
    ]);
    const keys = new Set([...lists.keys, ...(more.keys ?? [])]);
    if (serials.size > revokedSerialsMaxCount || keys.size > revokedKeysMaxCount) {
      throw unusable(
        this.path,
        `can revoke at most ${revokedSerialsMaxCount} serials and ${revokedKeysMaxCount} keys at a time; shorter certificates need fewer, or replace the authority`,
      );
    }
    // By time first: a list of an authority that was restored from a backup is not older than the one it forgot.
    const dot = {
      epoch: Math.max(nowMs, (before?.epoch ?? 0) + 1),
      sequence: (before?.sequence ?? 0) + 1,
    };
    const record = this.authority.revoke({ serials: [...serials], keys: [...keys] }, dot, nowMs);
    const text = JSON.stringify({
      number: dot.sequence,
      record: Buffer.from(record.wire).toString('base64'),
    });
    await this.#written(() => writePrivateFile(join(this.path, 'revocations.json'), `${text}\n`));
    return record;
  }

  #recordIn(text: string): VerifiedRecord | undefined {
    try {
      const { record } = JSON.parse(text) as { readonly record?: unknown };
      const wire = Buffer.from(String(record), 'base64');
      // Only our own key is behind this file; it was signed before it was written.
      return new SignedRecordCodec(
        { cluster: this.authority.cluster },
        { key: { peerId: this.authority.peerId, sign: () => new Uint8Array() } },
      ).trust(wire);
    } catch {
      return undefined; // Not JSON, or not ours: the caller says so.
    }
  }

  async #written<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      throw unusable(this.path, `cannot be written (${codeOf(error)})`, error);
    }
  }
}

async function redeemer(
  file: string,
): Promise<{ readonly key: PeerId; readonly expiresMs: number } | undefined> {
  const read = await readPrivateFile(file, smallFileMaxBytes);
  if (!read?.ok) return undefined;
  try {
    const { key, expiresMs } = JSON.parse(read.text) as {
      readonly key?: unknown;
      readonly expiresMs?: unknown;
    };
    return { key: String(key), expiresMs: Number(expiresMs) };
  } catch {
    return undefined; // Made by somebody who was killed before it was written: redeemed, by nobody knows whom.
  }
}

async function textIn(path: string, name: string, maxBytes: number): Promise<string> {
  const file = await readPrivateFile(join(path, name), maxBytes);
  if (file === undefined)
    throw unusable(path, `holds no authority (no ${name}); 'firsthand ca init' makes one`);
  if (!file.ok) throw unusable(path, `has a file ${name} that ${file.problem}`, file.cause);
  return file.text;
}

function parseHeading(path: string, text: string): Heading {
  try {
    const { cluster, authority } = JSON.parse(text) as Partial<Heading>;
    if (typeof cluster === 'string' && typeof authority === 'string') return { cluster, authority };
  } catch {
    // Told below.
  }
  throw unusable(path, 'has an authority.json that cannot be read');
}

function keyOf(path: string, text: string, passphrase: string | undefined): AgentKey {
  const isEncrypted = text.includes('ENCRYPTED');
  if (isEncrypted && passphrase === undefined) {
    throw unusable(path, 'has a key with a passphrase: give the file that holds it (--ca-passphrase-file)');
  }
  try {
    return new AgentKey(
      createPrivateKey({ key: text, format: 'pem', ...(isEncrypted && passphrase ? { passphrase } : {}) }),
    );
  } catch (error) {
    throw unusable(
      path,
      isEncrypted ? 'has a key that this passphrase does not open' : 'has no usable key',
      error,
    );
  }
}

function unusable(path: string, what: string, cause?: unknown): FirsthandError {
  return new FirsthandError('AUTHORITY_UNUSABLE', { text: `the directory ${path} ${what}`, path }, cause);
}
