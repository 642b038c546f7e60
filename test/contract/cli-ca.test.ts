import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { isGenuine } from '../../src/identity/authority-checker.ts';
import { AuthorityDirectory } from '../../src/identity/authority-directory.ts';
import { Verifier } from '../../src/identity/verifier.ts';
import { readInvite } from '../../src/wire/grant.ts';
import { seedOf } from '../authority-builder.ts';
import { keyNumber } from '../record-builder.ts';
import { FakeIo, nowMs, run } from '../unit/cli/fake-io.ts';
import { type Asked, cliAgent } from './cli-agent.ts';

const member = keyNumber(1).peerId;
const issuer = keyNumber(2).peerId;

let directory: string;
let caDir: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-cli-ca-'));
  caDir = join(directory, 'ca');
});

afterEach(() => rm(directory, { recursive: true }));

function firsthand(...args: readonly string[]) {
  return run([...args], new FakeIo({ env: { FIRSTHAND_CA_DIR: caDir } }));
}

async function made(): Promise<string> {
  const { code, stdout, stderr } = await firsthand('ca', 'init', '--cluster', 'prod', '--json');
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { authority: string }).authority;
}

async function issued(...flags: readonly string[]): Promise<void> {
  const { code, stderr } = await firsthand('ca', 'issue', '--key', member, ...flags);
  assert.equal(code, 0, stderr);
}

async function shown(): Promise<readonly { serial: string; state: string; id: string }[]> {
  const { stdout } = await firsthand('ca', 'show', '--json');
  return (JSON.parse(stdout) as { issued: { serial: string; state: string; id: string }[] }).issued;
}

describe('cli/ca', () => {
  it('makes an authority once, and says what to do with it', async () => {
    const first = await firsthand('ca', 'init', '--cluster', 'prod');
    const second = await firsthand('ca', 'init', '--cluster', 'prod');

    assert.equal(first.code, 0);
    assert.include(first.stdout, `firsthand start --cluster prod --ca-dir ${caDir}`);
    assert.equal(second.code, 1);
    assert.include(second.stderr, 'never overwritten');
  });

  it('keeps the key behind a passphrase from a file that only its owner reads', async () => {
    const file = join(directory, 'passphrase');
    await writeFile(file, 'open sesame\n', { mode: 0o600 });
    await firsthand('ca', 'init', '--cluster', 'prod', '--ca-passphrase-file', file);

    const without = await firsthand('ca', 'show');
    const with_ = await firsthand('ca', 'show', '--ca-passphrase-file', file);
    await writeFile(join(directory, 'open'), 'open sesame', { mode: 0o644 });
    const tooOpen = await firsthand('ca', 'show', '--ca-passphrase-file', join(directory, 'open'));

    assert.equal(without.code, 1);
    assert.include(without.stderr, '--ca-passphrase-file');
    assert.equal(with_.code, 0);
    assert.equal(tooOpen.code, 1);
    assert.include(tooOpen.stderr, 'chmod 600');
  });

  it('shows what was issued, and what became of it', async () => {
    await made();
    await issued('--id', 'old', '--ttl', '1h');
    const ca = await AuthorityDirectory.open(caDir);
    await ca.issue({ key: member, pattern: 'gone', roles: [], lifetimeMs: 1_000, nowMs: nowMs - 86_400_000 });
    await issued('--id', 'shut-out', '--role', 'backend', '--role', 'admin');
    const serial = (await shown()).find(({ id }) => id === 'shut-out')?.serial ?? '';
    const revoked = await firsthand('ca', 'revoke', serial, '--no-publish');

    const { stdout } = await firsthand('ca', 'show');

    assert.equal(revoked.code, 0);
    assert.deepEqual(
      (await shown()).map(({ id, state }) => `${id} ${state}`),
      ['shut-out revoked', 'gone expired', 'old valid'],
    );
    assert.include(stdout, '1 certificate');
    assert.match(stdout, /shut-out +backend,admin/);
  });

  it('issues a membership file for its owner alone, and overwrites none', async () => {
    const authority = await made();
    const file = join(directory, 'member.json');
    await issued('--seed', seedOf(issuer), '--output', file);

    const again = await firsthand('ca', 'issue', '--key', member, '--output', file);

    assert.deepInclude(JSON.parse(await readFile(file, 'utf8')), {
      cluster: 'prod',
      authorities: [authority],
      seeds: [seedOf(issuer)],
    });
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(again.code, 2);
    assert.include(again.stderr, 'exists');
  });

  it('hands the list to the agent that is named', async () => {
    await made();
    const agent = await cliAgent({ 'POST /admin/revocations': { json: { number: 1 } } });

    const { code, stdout } = await firsthand('ca', 'revoke', member, '--agent', agent.url);

    assert.equal(code, 0);
    assert.include(stdout, 'list 1');
    const { record } = (agent.asked[0] as Asked).body as { record: string };
    const list = new Verifier({ cluster: 'prod' }).record(Buffer.from(record, 'base64'));
    assert.deepInclude(typeof list === 'string' ? list : list.body, { keys: [member], serials: [] });
  });

  it('says which key has followed the one that it revokes, and shows the line of each', async () => {
    await made();
    await issued('--id', 'backend-1');
    const ca = await AuthorityDirectory.open(caDir);
    const [first] = await ca.issued();
    const certificate = ca.authority.issue({
      key: member,
      pattern: 'backend-1',
      roles: [],
      lifetimeMs: 3_600_000,
      nowMs,
    });
    await ca.next(certificate, nowMs, issuer);

    const { stderr } = await firsthand('ca', 'revoke', first?.serial ?? '', '--no-publish');
    const { stdout } = await firsthand('ca', 'show', '--json');

    assert.include(stderr, `${issuer} has followed it and is still a member`);
    const { line, key } =
      (JSON.parse(stdout) as { issued: { line?: unknown; key: string }[] }).issued[0] ?? {};
    assert.deepEqual({ line, key }, { line: { origin: member, generation: 1 }, key: issuer });
  });

  it('has revoked also when no agent is there, says so, and publishes later', async () => {
    await made();

    const { code, stderr } = await firsthand('ca', 'revoke', member, '--agent', 'http://127.0.0.1:1');
    const agent = await cliAgent({ 'POST /admin/revocations': { json: { number: 1 } } });
    const later = await firsthand('ca', 'publish', '--agent', agent.url);

    assert.equal(code, 3);
    assert.include(stderr, 'firsthand ca publish');
    assert.equal(later.code, 0);
    assert.lengthOf(agent.asked, 1);
  });

  it('tells when the cluster has a newer list', async () => {
    await made();
    const answer = { status: 409, json: { error: 'list 1 is older than list 2', code: 'STALE_UPDATE' } };
    const agent = await cliAgent({ 'POST /admin/revocations': answer });

    const { code, stderr } = await firsthand('ca', 'revoke', member, '--agent', agent.url);

    assert.equal(code, 1);
    assert.include(stderr, 'older than list 2');
  });

  it.each([
    [['ca', 'revoke', 'ffffffffffffffff'], 4, 'neither a serial'],
    [['ca', 'revoke', 'backend-1'], 4, 'neither a serial'],
    [['ca', 'publish'], 4, 'nobody was revoked'],
  ] as const)('ends "%s" with exit code %i', async (args, expected, said) => {
    await made();

    const { code, stderr } = await firsthand(...args);

    assert.equal(code, expected);
    assert.include(stderr, said);
  });
});

describe('cli/invite', () => {
  async function inviting(body: object, ...flags: readonly string[]) {
    const agent = await cliAgent({ 'GET /admin/membership': { json: body } });
    return firsthand('invite', '--agent', agent.url, ...flags);
  }

  it('prints one line that names the issuing agent, and says what it gives', async () => {
    const authority = await made();
    const body = { issues: true, authorities: [authority], multiaddrs: [seedOf(issuer)] };

    const { code, stdout } = await inviting(body, '--role', 'backend', '--id', 'b-*', '--ttl', '10m');

    assert.equal(code, 0);
    assert.match(stdout, /^firsthand1\S+\n$/);
    const read = readInvite(stdout);
    assert.isTrue(read.ok && isGenuine(read.grant));
    if (read.ok) {
      const { cluster, seeds, pattern, roles, expiresMs, lifetimeMs } = read.grant;
      assert.deepEqual(
        { cluster, seeds, pattern, roles, expiresMs, lifetimeMs },
        {
          cluster: 'prod',
          seeds: [seedOf(issuer)],
          pattern: 'b-*',
          roles: ['backend'],
          expiresMs: nowMs + 600_000,
          lifetimeMs: 86_400_000,
        },
      );
    }
  });

  it.each([
    ['issues nothing', { issues: false }],
    ['issues for another authority', { authorities: [member] }],
  ])('is not made for an agent that %s', async (_, changes) => {
    const authority = await made();
    const body = { issues: true, authorities: [authority], multiaddrs: [seedOf(issuer)], ...changes };

    const { code, stdout, stderr } = await inviting(body);

    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.include(stderr, '--ca-dir');
  });

  it('wants seeds with the key of the agent, so that nobody can take its place', async () => {
    await made();

    const { code, stderr } = await firsthand('invite', '--seed', '/ip4/127.0.0.1/tcp/7946');

    assert.equal(code, 2);
    assert.include(stderr, '/p2p/');
  });
});
