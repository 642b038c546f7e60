/** What a client command shows to an agent, and whom it takes for one: secret, token, certificates. */
import { readFileSync } from 'node:fs';
import { type GlobalOptions, usageError } from './context.ts';
import type { Io } from './io.ts';

export interface TlsCredentials {
  /** PEM: authorities that the agent's certificate may be from, in the place of the system's. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Credentials {
  /** For `Authorization: Bearer`. */
  readonly bearer?: string;
  readonly tls?: TlsCredentials;
}

const tokenMaxBytes = 8_192;
const pemMaxBytes = 1_048_576;

/** The order is: token, then secret; a flag, then variables. @throws FirsthandError CONFIG_INVALID that names the source */
export async function credentialsOf(io: Io, globals: GlobalOptions): Promise<Credentials> {
  const bearer = tokenOf(io, globals) ?? (await secretOf(io, globals));
  const tls = tlsOf(io, globals);
  return { ...(bearer === undefined ? {} : { bearer }), ...(tls === undefined ? {} : { tls }) };
}

export interface Source {
  /** The flag or the variable. */
  readonly name: string;
  readonly value: string;
}

function sourceOf(flag: string, given: string | undefined, io: Io, variable: string): Source | undefined {
  if (given !== undefined) return { name: flag, value: given };
  const value = io.env[variable] || undefined;
  return value === undefined ? undefined : { name: variable, value };
}

function tokenOf(io: Io, { tokenFile, secretFile }: GlobalOptions): string | undefined {
  const file = sourceOf('--token-file', tokenFile, io, 'FIRSTHAND_TOKEN_FILE');
  const variable = sourceOf('', undefined, io, 'FIRSTHAND_TOKEN');
  // A flag says what is meant now, whatever the environment is for.
  if (secretFile !== undefined && tokenFile === undefined) return undefined;
  const source = file === undefined ? variable : { name: file.name, value: textOf(file, tokenMaxBytes) };
  if (source === undefined) return undefined;
  const token = source.value.trim();
  if (!/^[\x21-\x7e]{1,8192}$/.test(token)) {
    throw usageError(`${source.name}: a token is one line of printable ASCII without spaces`);
  }
  return token;
}

async function secretOf(io: Io, { secretFile }: GlobalOptions): Promise<string | undefined> {
  const file = sourceOf('--secret-file', secretFile, io, 'FIRSTHAND_SECRET_FILE');
  const text = io.env.FIRSTHAND_SECRET || undefined;
  if (file === undefined && text === undefined) return undefined;
  const { secretFrom, secretFromText } = await import('../config/secret.ts');
  const result = file === undefined ? secretFromText(text ?? '') : await secretFrom(file.value, io.env);
  if (result.ok) return result.secret.reveal();
  throw usageError(`${file?.name ?? 'FIRSTHAND_SECRET'}: ${result.problem}`);
}

function tlsOf(io: Io, globals: GlobalOptions): TlsCredentials | undefined {
  const ca = sourceOf('--ca-file', globals.caFile, io, 'FIRSTHAND_CA_FILE');
  const cert = sourceOf('--cert-file', globals.certFile, io, 'FIRSTHAND_CERT_FILE');
  const key = sourceOf('--key-file', globals.keyFile, io, 'FIRSTHAND_KEY_FILE');
  if (cert !== undefined && key === undefined) throw usageError(`${cert.name}: needs --key-file too`);
  if (key !== undefined && cert === undefined) throw usageError(`${key.name}: needs --cert-file too`);
  if (ca === undefined && cert === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca: pemOf(ca, 'CERTIFICATE') }),
    ...(cert === undefined ? {} : { cert: pemOf(cert, 'CERTIFICATE') }),
    ...(key === undefined ? {} : { key: pemOf(key, '(?:[A-Z]+ )?PRIVATE KEY') }),
  };
}

export function pemOf(source: Source, what: string): string {
  const text = textOf(source, pemMaxBytes);
  if (new RegExp(`-----BEGIN ${what}-----`).test(text)) return text;
  const wanted = what === 'CERTIFICATE' ? 'certificate' : 'unencrypted private key';
  throw usageError(`${source.name}: ${JSON.stringify(source.value)} has no ${wanted} in PEM form`);
}

function textOf({ name, value: path }: Source, maxBytes: number): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : (code ?? String(error));
    throw usageError(`${name}: cannot read ${JSON.stringify(path)}: ${reason}`);
  }
  if (text.length > maxBytes)
    throw usageError(`${name}: ${JSON.stringify(path)} is larger than ${maxBytes} bytes`);
  return text;
}
