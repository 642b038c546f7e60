/**
 * Where a secret is kept: a file, a variable, a credential that systemd hands over, or a field in HashiCorp Vault.
 *
 *     /etc/firsthand/secret            a file; also a mounted Kubernetes secret
 *     env:NAME                         the environment variable NAME
 *     systemd:NAME                     `LoadCredential=NAME:…` of the unit: $CREDENTIALS_DIRECTORY/NAME
 *     vault:MOUNT/PATH#FIELD           KV version 2, at $VAULT_ADDR with $VAULT_TOKEN, or the token in
 *                                      $VAULT_TOKEN_FILE; $VAULT_NAMESPACE where there are namespaces
 *
 * Nothing of what is read stands in a problem.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from './sources.ts';

export type SourceText =
  | { readonly ok: true; readonly text: string }
  /** Without subject and full stop. */
  | { readonly ok: false; readonly problem: string };

const fileMaxBytes = 65_536;
const answerMaxBytes = 65_536;
/** Guess: a start does not wait longer for a server that is in the same network. */
const vaultTimeoutMs = 5_000;

/** Whether another value can be there later without anybody starting the agent again. */
export function mayChange(source: string): boolean {
  return !source.startsWith('env:');
}

/** How often it is worth looking again, ms. Derived: kubelet updates mounted secrets within a minute. */
export function lookEveryMs(source: string): number {
  return source.startsWith('vault:') ? 60_000 : 10_000;
}

/** Never rejects. */
export async function readSource(source: string, env: Environment): Promise<SourceText> {
  const [, kind, rest = ''] = /^(env|systemd|vault):(.*)$/s.exec(source) ?? [];
  switch (kind) {
    case undefined:
      return readText(source);
    case 'env':
      return fromVariable(rest, env);
    case 'systemd':
      return fromSystemd(rest, env);
    default:
      return fromVault(rest, env);
  }
}

async function readText(path: string): Promise<SourceText> {
  try {
    const bytes = await readFile(path);
    if (bytes.length <= fileMaxBytes) return { ok: true, text: bytes.toString('utf8') };
    return failed(`${JSON.stringify(path)} has ${bytes.length} bytes, which no secret has`);
  } catch (error) {
    return failed(`cannot read ${JSON.stringify(path)}: ${reasonOf(error)}`);
  }
}

function fromVariable(name: string, env: Environment): SourceText {
  const text = env[name];
  return text === undefined || text === '' ? failed(`the variable ${name} is not set`) : { ok: true, text };
}

async function fromSystemd(name: string, env: Environment): Promise<SourceText> {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (directory === undefined) {
    return failed(
      `CREDENTIALS_DIRECTORY is not set: systemd sets it for units with LoadCredential=${name}:…`,
    );
  }
  if (!/^[\w.-]+$/.test(name) || name.startsWith('.'))
    return failed(`${JSON.stringify(name)} is no credential's name`);
  return readText(join(directory, name));
}

async function fromVault(place: string, env: Environment): Promise<SourceText> {
  const [, mount, path, field] = /^([\w-]+)\/([^#?\s]+)#([\w.-]+)$/.exec(place) ?? [];
  if (mount === undefined || path === undefined || field === undefined) {
    return failed(`vault:${place} is not of the form vault:MOUNT/PATH#FIELD`);
  }
  const { VAULT_ADDR: address, VAULT_NAMESPACE: namespace } = env;
  if (address === undefined || !/^https?:\/\//.test(address)) return failed('VAULT_ADDR is not set to a URL');
  const token = await vaultToken(env);
  if (!token.ok) return token;
  const url = `${address.replace(/\/+$/, '')}/v1/${mount}/data/${path}`;
  try {
    const response = await fetch(url, {
      headers: {
        'x-vault-token': token.text.trim(),
        'x-vault-request': 'true',
        ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      },
      // A redirect could carry the token to somebody else.
      redirect: 'error',
      signal: AbortSignal.timeout(vaultTimeoutMs),
    });
    if (!response.ok) return failed(`${url} answered ${response.status}${hintOf(response.status)}`);
    return fieldOf(await boundedText(response), field, url);
  } catch (error) {
    return failed(`${url} cannot be asked: ${reasonOf((error as Error).cause ?? error)}`);
  }
}

async function vaultToken(env: Environment): Promise<SourceText> {
  if (env.VAULT_TOKEN !== undefined && env.VAULT_TOKEN !== '') return { ok: true, text: env.VAULT_TOKEN };
  if (env.VAULT_TOKEN_FILE !== undefined) return readText(env.VAULT_TOKEN_FILE);
  return failed('neither VAULT_TOKEN nor VAULT_TOKEN_FILE is set');
}

function hintOf(status: number): string {
  if (status === 403) return ': the token may not read that, or has expired';
  return status === 404 ? ': there is no such secret' : '';
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > answerMaxBytes) throw new Error(`the answer is larger than ${answerMaxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function fieldOf(answer: string, field: string, url: string): SourceText {
  let parsed: { readonly data?: { readonly data?: Readonly<Record<string, unknown>> | null } | null } | null;
  try {
    parsed = JSON.parse(answer);
  } catch {
    // Without the parser's own message, which may quote a secret.
    return failed(`${url} did not answer with JSON`);
  }
  const fields = parsed?.data?.data;
  const value = fields != null && Object.hasOwn(fields, field) ? fields[field] : undefined;
  return typeof value === 'string'
    ? { ok: true, text: value }
    : failed(`${url} has no text in the field ${field}`);
}

function failed(problem: string): SourceText {
  return { ok: false, problem };
}

/** The system's reason in a word or two, without the path that is named already. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a directory';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
