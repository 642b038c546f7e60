/**
 * Certificate, key and trusted authorities of the HTTP shim, out of files that others renew.
 *
 * The files are looked at again at an interval instead of watched: what mounts secrets replaces directories under a
 * watch. New ones are taken when they fit together; until then the old ones stay, because a renewal writes one file after
 * the other.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import { FirsthandError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';

export interface TlsFilesOptions {
  /** PEM: the certificate of this agent, and those between it and the authority. */
  readonly certFile: string;
  /** PEM, not encrypted. */
  readonly keyFile: string;
  /** PEM: whose certificates clients may show. Without it none are asked for. */
  readonly clientCaFile: string | undefined;
  readonly reloadMs: number;
}

export interface TlsFilesComponents {
  readonly log: Log;
  /** The new files, and whether other authorities are trusted now. */
  readonly onChange: (context: SecureContextOptions, change: { readonly isOtherCa: boolean }) => void;
}

const fileMaxBytes = 1_048_576;

interface Material {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  readonly expiresAtMs: number;
}

export class TlsFiles {
  readonly #options: TlsFilesOptions;
  readonly #components: TlsFilesComponents;
  #material: Material;
  #lastProblem = '';
  #timer: NodeJS.Timeout | undefined;

  /** @throws FirsthandError CONFIG_INVALID that names the file and what is wrong with it. */
  constructor(options: TlsFilesOptions, components: TlsFilesComponents) {
    this.#options = options;
    this.#components = components;
    this.#material = read(options);
    this.#warnOfExpiry();
  }

  /** TLS 1.3 only, for everybody who is to speak to an agent is as new as it. */
  get context(): SecureContextOptions {
    return contextOf(this.#material);
  }

  /** Of the certificate in use, ms since the Unix epoch. */
  get expiresAtMs(): number {
    return this.#material.expiresAtMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.reload(), this.#options.reloadMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes new files if there are any that fit together. */
  reload(): void {
    const old = this.#material;
    try {
      const material = read(this.#options);
      this.#lastProblem = '';
      if (material.cert === old.cert && material.key === old.key && material.ca === old.ca) return;
      this.#components.onChange(contextOf(material), { isOtherCa: material.ca !== old.ca });
      this.#material = material;
      const expires = new Date(material.expiresAtMs).toISOString();
      this.#components.log('tls_files_read', { file: this.#options.certFile, expires });
      this.#warnOfExpiry();
    } catch (error) {
      // The old ones stay in use: told once, until it is something else that is wrong.
      const problem = error instanceof Error ? error.message : String(error);
      if (problem !== this.#lastProblem) this.#components.log('tls_files_failed', { problem });
      this.#lastProblem = problem;
    }
  }

  #warnOfExpiry(): void {
    if (this.#material.expiresAtMs > Date.now()) return;
    this.#components.log('tls_certificate_expired', { file: this.#options.certFile });
  }
}

function contextOf({ cert, key, ca }: Material): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(ca === undefined ? {} : { ca }) };
}

function read({ certFile, keyFile, clientCaFile }: TlsFilesOptions): Material {
  const cert = textOf('http_cert_file', certFile);
  const key = textOf('http_key_file', keyFile);
  const ca = clientCaFile === undefined ? undefined : textOf('http_client_ca_file', clientCaFile);
  const [certificate] = certificatesIn('http_cert_file', certFile, cert);
  if (ca !== undefined) certificatesIn('http_client_ca_file', clientCaFile ?? '', ca);
  if (!certificate?.checkPrivateKey(privateKey(keyFile, key))) {
    throw unusable('http_key_file', keyFile, `does not belong to the certificate in ${certFile}`);
  }
  return { cert, key, ca, expiresAtMs: Date.parse(certificate.validTo) };
}

function privateKey(path: string, text: string) {
  try {
    return createPrivateKey({ key: text, format: 'pem' });
  } catch (error) {
    throw unusable('http_key_file', path, 'is no unencrypted private key in PEM form', error);
  }
}

const pemCertificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

function certificatesIn(setting: string, path: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(pemCertificate) ?? [];
  if (blocks.length === 0) throw unusable(setting, path, 'has no certificate in PEM form');
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw unusable(setting, path, `has a certificate that cannot be read (number ${index + 1})`, error);
    }
  });
}

function textOf(setting: string, path: string): string {
  try {
    if (statSync(path).size > fileMaxBytes)
      throw unusable(setting, path, `is larger than ${fileMaxBytes} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof FirsthandError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw unusable(setting, path, code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`, error);
  }
}

function unusable(setting: string, path: string, what: string, cause?: unknown): FirsthandError {
  return new FirsthandError('CONFIG_INVALID', { text: `${setting}: ${path} ${what}`, field: setting }, cause);
}
