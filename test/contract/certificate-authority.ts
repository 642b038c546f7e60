/** A certificate authority in memory, for tests of TLS. */
import 'reflect-metadata'; // What the next one is built on needs it.
import * as x509 from '@peculiar/x509';

export interface CertificateRequest {
  readonly commonName?: string;
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  readonly usage?: 'client' | 'server';
  /** Seconds from now. */
  readonly fromS?: number;
  readonly toS?: number;
  /** For the same key as another certificate's. */
  readonly keys?: CryptoKeyPair;
}

export interface IssuedCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly keys: CryptoKeyPair;
}

type CryptoKeyPair = Awaited<ReturnType<typeof newKeys>>;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const purposes = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' };

let serial = 0;

export class CertificateAuthority {
  readonly pem: string;
  readonly #name: string;
  readonly #keys: CryptoKeyPair;

  private constructor(name: string, keys: CryptoKeyPair, pem: string) {
    this.#name = name;
    this.#keys = keys;
    this.pem = pem;
  }

  static async make(commonName = 'test authority'): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const name = `CN=${commonName}`;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name,
      keys,
      signingAlgorithm: algorithm,
      notBefore: inS(-60),
      notAfter: inS(86_400),
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new CertificateAuthority(name, keys, certificate.toString('pem'));
  }

  async issue(request: CertificateRequest): Promise<IssuedCertificate> {
    const {
      commonName = 'x',
      uris = [],
      dns = [],
      ips = [],
      usage = 'client',
      fromS = -60,
      toS = 3_600,
    } = request;
    const keys = request.keys ?? (await newKeys());
    const names = [
      ...uris.map(value => ({ type: 'url' as const, value })),
      ...dns.map(value => ({ type: 'dns' as const, value })),
      ...ips.map(value => ({ type: 'ip' as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: `CN=${commonName}`,
      issuer: this.#name,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      notBefore: inS(fromS),
      notAfter: inS(toS),
      extensions: [
        new x509.ExtendedKeyUsageExtension([purposes[usage]]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
    const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`;
    return { cert: `${certificate.toString('pem')}\n`, key, keys };
  }
}

function newKeys() {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function nextSerial(): string {
  serial += 1;
  return serial.toString(16).padStart(4, '0');
}

function inS(seconds: number): Date {
  return new Date(Date.now() + seconds * 1_000);
}
