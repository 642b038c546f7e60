/** TLS of the HTTP shim, and callers with certificates. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { assert, describe, it, onTestFinished } from 'vitest';
import { pinOf } from '../../src/http/client-certificate.ts';
import type { HttpOptions } from '../../src/http/options.ts';
import type { Grant } from '../../src/http/principal.ts';
import { TlsFiles } from '../../src/http/tls-files.ts';
import { FakeIo, run } from '../unit/cli/fake-io.ts';
import { fixture, legacy, secret } from '../unit/http/fixture.ts';
import {
  CertificateAuthority,
  type CertificateRequest,
  type IssuedCertificate,
} from './certificate-authority.ts';
import { until } from './http-client.ts';

class Files {
  readonly directory = mkdtempSync(join(tmpdir(), 'firsthand-tls-'));

  constructor() {
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  write(name: string, text: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, text);
    return path;
  }

  put({ cert, key }: IssuedCertificate): { readonly certFile: string; readonly keyFile: string } {
    return { certFile: this.write('cert.pem', cert), keyFile: this.write('key.pem', key) };
  }
}

const server: CertificateRequest = { dns: ['localhost'], ips: ['127.0.0.1'], usage: 'server' };

async function guarded(
  options: {
    readonly pins?: readonly string[];
    readonly grants?: readonly Grant[];
    readonly http?: Partial<HttpOptions>;
  } = {},
) {
  const files = new Files();
  const ca = await CertificateAuthority.make();
  const clientCaFile = files.write('client-ca.pem', ca.pem);
  const caFile = files.write('ca.pem', ca.pem);
  const { pins = [], grants = [{ role: 'register', name: '*' } as const] } = options;
  const context = fixture({
    auth: { mode: 'mtls', certificate: { pins, grants, namePrefix: undefined } },
    tls: { ...files.put(await ca.issue(server)), clientCaFile, reloadMs: 10 },
    ...options.http,
  });
  const { url } = await context.server.start();
  return { ...context, url, ca, caFile, files };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on a connection of its own. */
function ask(
  url: string,
  ca: string,
  shown: Partial<IssuedCertificate> = {},
  call: { readonly method?: string; readonly body?: object; readonly maxVersion?: SecureVersion } = {},
): Promise<Answer> {
  const { method = 'GET', body, maxVersion } = call;
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        method,
        ca,
        agent: false,
        ...(maxVersion === undefined ? {} : { maxVersion }),
        ...(shown.cert === undefined ? {} : { cert: shown.cert, key: shown.key }),
      },
      response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', chunk => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const register = { method: 'POST', body: legacy };

describe('http tls', () => {
  it('speaks TLS 1.3, and nothing older', async () => {
    const { url, ca } = await guarded();

    assert.equal((await ask(`${url}/health`, ca.pem)).status, 200);
    const error = await ask(`${url}/health`, ca.pem, {}, { maxVersion: 'TLSv1.2' }).then(
      () => undefined,
      (reason: Error) => reason,
    );

    assert.instanceOf(error, Error);
  });

  it('carries the shared secret as well as certificates', async () => {
    const { url, ca } = await guarded({ http: { auth: { mode: 'shared_secret', secret } } });

    const without = await ask(`${url}/peers`, ca.pem);

    assert.equal(without.status, 401);
    assert.equal(JSON.parse(without.body).auth_mode, 'shared_secret');
  });

  it('is missed in the log where credentials would travel in the clear, and nowhere else', async () => {
    const files = new Files();
    const ca = await CertificateAuthority.make();
    const tls = { ...files.put(await ca.issue(server)), clientCaFile: undefined, reloadMs: 10_000 };
    const auth = { mode: 'shared_secret', secret } as const;
    const warnsWith = async (options: Partial<HttpOptions>) => {
      const { server: shim, logged } = fixture(options);
      await shim.start();
      return logged.some(({ event }) => event === 'credentials_in_clear');
    };

    assert.isTrue(await warnsWith({ auth, listen: '0.0.0.0:0' }));
    assert.isFalse(await warnsWith({ auth, listen: '0.0.0.0:0', tls }));
    assert.isFalse(await warnsWith({ auth, listen: '127.0.0.1:0' }));
    assert.isFalse(await warnsWith({ listen: '0.0.0.0:0' }));
  });

  it('takes new files while it runs, and connections that are there go on', async () => {
    const { url, ca, files, logged, app } = await guarded();
    const { hostname, port } = new URL(url);
    const socket: TLSSocket = connect({ host: hostname, port: Number(port), ca: ca.pem });
    onTestFinished(() => {
      socket.destroy();
    });
    let received = '';
    socket.setEncoding('utf8').on('data', text => {
      received += text;
    });
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => received.includes('healthy'), 'answered');
    const renewed = await ca.issue({ ...server, toS: 7_200 });

    files.put(renewed);

    const fingerprint = new X509Certificate(renewed.cert).fingerprint256;
    await until(async () => (await fingerprintAt(url, ca.pem)) === fingerprint, 'served the new certificate');
    received = '';
    socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => received.includes('healthy'), 'answered on the old connection');
    assert.lengthOf(
      logged.filter(({ event }) => event === 'tls_files_read'),
      1,
    );
    const expiry = /timestamp_seconds (\d+(?:\.\d+)?(?:e\+\d+)?)/.exec(
      (await app.inject({ url: '/telemetry' })).body,
    )?.[1];
    assert.equal(Number(expiry), Date.parse(new X509Certificate(renewed.cert).validTo) / 1_000);
  });

  it('goes on with the old files while the new ones do not fit together, and says so once', async () => {
    const { url, ca, files, logged } = await guarded();
    const before = await fingerprintAt(url, ca.pem);
    const next = await ca.issue(server);

    files.write('cert.pem', next.cert); // And the key comes later.

    const failures = () => logged.filter(({ event }) => event === 'tls_files_failed');
    await until(() => failures().length > 0, 'noticed');
    assert.match(String(failures()[0]?.fields.problem), /does not belong to the certificate/);
    assert.equal(await fingerprintAt(url, ca.pem), before);
    files.write('key.pem', next.key);
    await until(async () => (await fingerprintAt(url, ca.pem)) !== before, 'served the new certificate');
    assert.lengthOf(failures(), 1);
  });

  it.each([
    ['a certificate that is not there', { certFile: '/no/such' }, /^http_cert_file: \/no\/such is not there/],
    ['a key that is not there', { keyFile: '/no/such' }, /^http_key_file: \/no\/such is not there/],
    [
      'a directory',
      { certFile: '/' },
      /^http_cert_file: \/ (?:cannot be read \(EISDIR\)|has no certificate)/,
    ],
    ['a certificate that is none', { cert: 'hello' }, /^http_cert_file: .* has no certificate in PEM form/],
    [
      'a certificate with rubbish in it',
      { cert: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      /^http_cert_file: .* has a certificate that cannot be read \(number 1\)/,
    ],
    ['a key that is none', { key: 'hello' }, /^http_key_file: .* is no unencrypted private key in PEM form/],
    ['the key of another', { key: 'other' }, /^http_key_file: .* does not belong to the certificate in /],
    [
      'authorities that are none',
      { clientCa: 'hello' },
      /^http_client_ca_file: .* has no certificate in PEM form/,
    ],
  ])('does not start with %s, and says what is wrong', async (_name, change, expected) => {
    const files = new Files();
    const ca = await CertificateAuthority.make();
    const good = await ca.issue(server);
    const other = await ca.issue(server);
    const wrong: Readonly<Record<string, string>> = change;
    const tls = {
      ...files.put({
        ...good,
        cert: wrong.cert ?? good.cert,
        key: wrong.key === 'other' ? other.key : (wrong.key ?? good.key),
      }),
      clientCaFile: files.write('client-ca.pem', wrong.clientCa ?? ca.pem),
      reloadMs: 10_000,
      ...(wrong.certFile === undefined ? {} : { certFile: wrong.certFile }),
      ...(wrong.keyFile === undefined ? {} : { keyFile: wrong.keyFile }),
    };

    assert.throws(() => fixture({ tls }), expected);
  });
});

describe('http/tls-files', () => {
  it('tells of what is wrong once, and again when it is something else', async () => {
    const files = new Files();
    const ca = await CertificateAuthority.make();
    const problems: string[] = [];
    const tls = new TlsFiles(
      { ...files.put(await ca.issue(server)), clientCaFile: undefined, reloadMs: 10_000 },
      {
        log: (_event, fields) => problems.push(String(fields?.problem)),
        onChange: () => assert.fail('nothing is new'),
      },
    );
    files.write('cert.pem', (await ca.issue(server)).cert);

    for (let i = 0; i < 3; i++) tls.reload();
    files.write('key.pem', 'half');
    for (let i = 0; i < 3; i++) tls.reload();

    assert.lengthOf(problems, 2);
    assert.match(problems[0] ?? '', /does not belong to the certificate/);
    assert.match(problems[1] ?? '', /is no unencrypted private key in PEM form$/);
  });
});

describe('http client certificates', () => {
  it('let a node that is named in them register itself, and nobody else', async () => {
    const { url, ca, agent } = await guarded();
    const byUri = await ca.issue({ uris: ['spiffe://example/node/backend-1'] });
    const byDns = await ca.issue({ dns: ['backend-1'] });
    const other = await ca.issue({ dns: ['backend-2'] });

    const refused = await ask(`${url}/registration`, ca.pem, other, register);
    assert.deepEqual([refused.status, JSON.parse(refused.body).code], [403, 'NOT_OWNER']);
    assert.isUndefined(agent.listing.get('backend-1'));

    assert.equal((await ask(`${url}/registration`, ca.pem, byUri, register)).status, 200);
    assert.equal((await ask(`${url}/registration`, ca.pem, byDns, register)).status, 200);
    assert.isDefined(agent.listing.get('backend-1'));
  });

  it('have the roles that are granted to their names', async () => {
    const { url, ca } = await guarded({
      grants: [
        { role: 'read', name: 'spiffe://example/*' },
        { role: 'operate', name: 'ops.example' },
      ],
    });
    const reader = await ca.issue({ uris: ['spiffe://example/node/backend-1'] });
    const operator = await ca.issue({ dns: ['OPS.example'] });
    const nobody = await ca.issue({ dns: ['ops.example.evil'] });
    const statuses = async (shown: IssuedCertificate) => [
      (await ask(`${url}/peers`, ca.pem, shown)).status,
      (await ask(`${url}/registration`, ca.pem, shown, register)).status,
      (await ask(`${url}/admin/remove/nobody`, ca.pem, shown, { method: 'POST' })).status,
    ];

    assert.deepEqual(await statuses(reader), [200, 403, 403]);
    assert.deepEqual(await statuses(operator), [200, 403, 404]);
    assert.deepEqual(await statuses(nobody), [403, 403, 403]);
  });

  it.each([
    ['none at all', undefined, 'no_certificate'],
    ['one with the name as common name only', { commonName: 'backend-1' }, 'certificate_name'],
    ['one with two URIs', { uris: ['spiffe://a/backend-1', 'spiffe://a/backend-2'] }, 'certificate_name'],
    ['one that has expired', { dns: ['backend-1'], fromS: -7_200, toS: -60 }, 'certificate_expired'],
    ['one that is not valid yet', { dns: ['backend-1'], fromS: 3_600, toS: 7_200 }, 'certificate_expired'],
    ['one for servers', { dns: ['backend-1'], usage: 'server' }, 'untrusted'],
    ['one of another authority', { dns: ['backend-1'], other: true }, 'untrusted'],
    ['one of another authority of the same name', { dns: ['backend-1'], other: 'same name' }, 'untrusted'],
  ] as const)('are refused: %s', async (_name, given, reason) => {
    const { url, ca, app } = await guarded();
    const { other, ...wanted } = { other: undefined, ...given } as CertificateRequest & {
      readonly other?: true | string;
    };
    const issuer =
      other === undefined ? ca : await CertificateAuthority.make(other === true ? 'evil' : undefined);
    const shown = given === undefined ? {} : await issuer.issue(wanted);

    const { status, body } = await ask(`${url}/registration`, ca.pem, shown, register);

    assert.equal(status, 401);
    const { request_id: _, ...rest } = JSON.parse(body);
    assert.deepEqual(rest, {
      error: 'Authentication required',
      code: 'AUTHENTICATION_REQUIRED',
      auth_mode: 'mtls',
    });
    const counted = (await app.inject({ url: '/telemetry' })).body;
    assert.include(counted, `firsthand_http_credentials_total{outcome="${reason}"} 1`);
  });

  it('must have a key that is pinned, where keys are, also when they are renewed', async () => {
    const ca = await CertificateAuthority.make();
    const files = new Files();
    const first = await ca.issue({ dns: ['backend-1'] });
    const pins = [pinOf(new X509Certificate(first.cert))];
    const { server: shim } = fixture({
      auth: {
        mode: 'mtls',
        certificate: { pins, grants: [{ role: 'register', name: '*' }], namePrefix: undefined },
      },
      tls: {
        ...files.put(await ca.issue(server)),
        clientCaFile: files.write('client-ca.pem', ca.pem),
        reloadMs: 10_000,
      },
    });
    const { url } = await shim.start();
    const renewed = await ca.issue({ dns: ['backend-1'], keys: first.keys, toS: 7_200 });
    const other = await ca.issue({ dns: ['backend-1'] });

    const statuses = [];
    for (const shown of [first, renewed, other])
      statuses.push((await ask(`${url}/peers`, ca.pem, shown)).status);

    assert.deepEqual(statuses, [200, 200, 401]);
    assert.match(pins[0] ?? '', /^sha256\/[A-Za-z0-9+/]{43}=$/);
  });

  it('of an authority that is trusted no more do not count, on connections that are open either', async () => {
    const { url, ca, files } = await guarded();
    const shown = await ca.issue({ dns: ['backend-1'] });
    const { hostname, port } = new URL(url);
    const socket = connect({
      host: hostname,
      port: Number(port),
      ca: ca.pem,
      cert: shown.cert,
      key: shown.key,
    });
    let isClosed = false;
    socket.on('close', () => {
      isClosed = true;
    });
    socket.on('error', () => {
      // A reset shows as closed.
    });
    onTestFinished(() => {
      socket.destroy();
    });
    let received = '';
    socket.setEncoding('utf8').on('data', text => {
      received += text;
    });
    // A stream: an idle connection would be closed in any case.
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => received.includes('200 OK'), 'answered');

    files.write('client-ca.pem', (await CertificateAuthority.make('next')).pem);

    await until(() => isClosed, 'closed');
    assert.equal((await ask(`${url}/peers`, ca.pem, shown)).status, 401);
  });

  it('end while the connection is open: then they do not count any more, and event streams end', async () => {
    const { url, ca } = await guarded();
    const shown = await ca.issue({ dns: ['backend-1'], toS: 6 });
    const { hostname, port } = new URL(url);
    const open = async (path: string) => {
      const socket = connect({
        host: hostname,
        port: Number(port),
        ca: ca.pem,
        cert: shown.cert,
        key: shown.key,
      });
      onTestFinished(() => {
        socket.destroy();
      });
      const state = { received: '' };
      socket.setEncoding('utf8').on('data', text => {
        state.received += text;
      });
      const send = () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      send();
      await until(() => state.received.includes('200 OK'), 'answered');
      return { state, send };
    };
    const stream = await open('/events');
    const plain = await open('/peers');

    await until(() => stream.state.received.endsWith('0\r\n\r\n'), 'the stream has ended');

    plain.state.received = '';
    await until(() => {
      if (plain.state.received === '') plain.send();
      return plain.state.received.includes('HTTP/1.1');
    }, 'answered');
    assert.include(plain.state.received, '401 Unauthorized');
  });
});

describe('cli with certificates', () => {
  it('shows its certificate to an agent whose authority it knows', async () => {
    const { url, ca, caFile, files } = await guarded();
    const shown = await ca.issue({ dns: ['backend-1'] });
    const certFile = files.write('client.pem', shown.cert);
    const keyFile = files.write('client-key.pem', shown.key);
    const trusting = `--agent ${url} --ca-file ${caFile}`;

    const good = await run(`peers ${trusting} --cert-file ${certFile} --key-file ${keyFile} --json`);
    const env = { FIRSTHAND_CA_FILE: caFile, FIRSTHAND_CERT_FILE: certFile, FIRSTHAND_KEY_FILE: keyFile };
    const byVariables = await run(`peers --agent ${url} --json`, new FakeIo({ env }));
    const without = await run(`peers ${trusting}`);
    const untrusting = await run(`peers --agent ${url}`);

    assert.deepEqual(good, { code: 0, stdout: '[]\n', stderr: '' });
    assert.deepEqual(byVariables, good);
    assert.equal(without.code, 6);
    assert.include(
      without.stderr,
      'the agent wants a client certificate; give it with --cert-file and --key-file',
    );
    assert.equal(untrusting.code, 3);
    assert.include(untrusting.stderr, 'of an authority that is not trusted; --ca-file names one');
  });

  it.each([
    ['--cert-file x', 'firsthand: --cert-file: needs --key-file too\n'],
    ['--key-file x', 'firsthand: --key-file: needs --cert-file too\n'],
    ['--ca-file /no/such', 'firsthand: --ca-file: cannot read "/no/such": there is no such file\n'],
    ['--ca-file /dev/null', 'firsthand: --ca-file: "/dev/null" has no certificate in PEM form\n'],
    ['--token-file /no/such', 'firsthand: --token-file: cannot read "/no/such": there is no such file\n'],
    [
      '--token-file /dev/null',
      'firsthand: --token-file: a token is one line of printable ASCII without spaces\n',
    ],
  ])('answers %s with one sentence and exit code 2', async (options, stderr) => {
    assert.deepEqual(await run(`${options} peers`), { code: 2, stdout: '', stderr });
  });
});

function fingerprintAt(url: string, ca: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
