/**
 * What it costs to find out who calls: the same small list, asked for in each mode, next to open mode.
 *
 * The machine is shared, so what counts is the ratio within one run.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Playground } from '../../src/chaos/stages/agent-process.ts';
import { type Figure, median } from './figures.ts';

const connections = 16;
const durationS = 3;
const tokensCount = 40_000;
const rounds = 3;
const issuer = 'https://id.example';

interface Asked {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Of the n-th request. */
  readonly token?: (n: number) => string;
  readonly status?: number;
}

/** Requests a second. */
async function load({ flags = [], env = {}, token, status = 200 }: Asked): Promise<number> {
  const playground = await Playground.open();
  try {
    const agent = await playground.start('agent-0', flags, { env });
    let next = 0;
    const result = await autocannon({
      url: `${agent.ready.http}/backends`,
      connections,
      duration: durationS,
      requests: [
        {
          setupRequest: request => {
            next += 1;
            const authorization = token === undefined ? {} : { authorization: `Bearer ${token(next)}` };
            return { ...request, headers: { ...request.headers, ...authorization } };
          },
        },
      ],
    });
    const all = result.requests.total;
    const right = result.statusCodeStats?.[String(status) as '200']?.count ?? 0;
    if (right === 0 || right < all) throw new Error(`${right} of ${all} answers were ${status}`);
    return all / result.duration;
  } finally {
    await playground.close();
  }
}

async function issuerOf(directory: string) {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const keys = join(directory, 'keys.json');
  writeFileSync(keys, JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1' }] }));
  const nowS = Math.floor(Date.now() / 1_000);
  const token = (jti: string) =>
    new SignJWT({ roles: ['read'], jti })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid: 'k1' })
      .setIssuer(issuer)
      .setAudience('bench')
      .setSubject('reader')
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + 3_000)
      .sign(privateKey);
  const flags = ['--http-auth', 'jwt', '--jwt-issuer', issuer, '--jwt-audience', 'bench', '--jwt-keys', keys];
  return { flags, token };
}

export async function access(): Promise<readonly Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'firsthand-bench-'));
  try {
    const { flags, token } = await issuerOf(directory);
    const secret = randomBytes(24).toString('hex');
    const bySecret = { flags: ['--http-auth', 'shared_secret'], env: { FIRSTHAND_SECRET: secret } };
    const tokens = await Promise.all(Array.from({ length: tokensCount }, (_, i) => token(String(i))));
    const same = tokens[0] ?? '';
    const modes: Readonly<Record<string, Asked>> = {
      'shared secret': { ...bySecret, token: () => secret },
      'one token, again and again': { flags, token: () => same },
      'a new token each time': { flags, token: n => tokens[(n - 1) % tokensCount] ?? same },
      'a wrong secret, with its line in the audit log': {
        ...bySecret,
        env: { ...bySecret.env, FIRSTHAND_AUTH_FAILURES_PER_SECOND: '100000' },
        token: () => 'wrong',
        status: 401,
      },
    };
    const open: number[] = [];
    const rates = new Map<string, number[]>(Object.keys(modes).map(name => [name, []]));
    for (let round = 0; round < rounds; round++) {
      open.push(await load({}));
      for (const [name, asked] of Object.entries(modes)) rates.get(name)?.push(await load(asked));
    }
    return [
      { name: 'reads over HTTP, open', value: median(open), unit: 'requests/s' },
      ...[...rates].map(([name, measured]) => ({
        name: `the same with ${name}`,
        value: (100 * median(measured)) / median(open),
        unit: '%',
      })),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
