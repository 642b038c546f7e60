/** Members of an authority change their keys: an issuing agent certifies the next one, with real processes. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { auditFiles } from '../../src/audit/files.ts';
import { type AuditLine, parseLine } from '../../src/audit/line.ts';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import type { CertificateDraft } from '../../src/core/authority/certificate.ts';
import type { FirsthandError } from '../../src/errors.ts';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { AuthorityChecker } from '../../src/identity/authority-checker.ts';
import { GrantAdmission } from '../../src/identity/certificate-admission.ts';
import { openInvite } from '../../src/identity/invite.ts';
import { readMembership } from '../../src/identity/membership-file.ts';
import { redeemAt } from '../../src/net/redemption.ts';
import { decodeCertificate } from '../../src/wire/certificate.ts';
import { FakeIo, run } from '../unit/cli/fake-io.ts';

interface Keys {
  readonly peer_id: string;
  readonly former?: { readonly peer_id: string };
}

class Terminal extends FakeIo {
  override wallMs(): number {
    return Date.now();
  }
}

const cluster = ['--cluster', 'prod'];
const everybody = ['a', 'b', 'issuer', 'svc'];
const env = { FIRSTHAND_KEY_OVERLAP_MS: '2000' };

describe('keys of members, with real processes', { timeout: 240_000 }, () => {
  let playground: Playground;
  let caDir: string;

  beforeEach(async () => {
    playground = await Playground.open();
    caDir = join(playground.directory, 'ca');
    await firsthand('ca', 'init', ...cluster);
  });
  afterEach(() => playground.close());

  async function firsthand(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await run([...args], new Terminal({ env: { FIRSTHAND_CA_DIR: caDir } }));
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  async function joined(id: string, issuer: AgentProcess): Promise<AgentProcess> {
    const invite = await firsthand('invite', '--agent', issuer.ready.http);
    return playground.start(id, ['--join', invite], { env });
  }

  const startIssuer = (...flags: readonly string[]) =>
    playground.start('issuer', [...cluster, '--ca-dir', caDir, ...flags], { env });

  /** The issuer and two members, of which the second hosts a service. */
  async function members(): Promise<readonly [AgentProcess, AgentProcess, AgentProcess]> {
    const issuer = await startIssuer();
    const a = await joined('a', issuer);
    const b = await joined('b', issuer);
    await b.register('svc', '127.0.0.1:8000');
    await allList([issuer, a, b], everybody);
    return [issuer, a, b];
  }

  async function allList(agents: readonly AgentProcess[], ids: readonly string[]): Promise<void> {
    for (const agent of agents)
      await eventually(
        `${agent.ready.id} lists ${ids.join()}`,
        () => agent.peers(),
        peers => aliveIds(peers).join() === ids.join(),
        30_000,
      );
  }

  /** What the next start would show. */
  async function certificateOf(id: string): Promise<CertificateDraft> {
    const document = await readMembership(join(playground.directory, id, 'membership.json'));
    const certificate = document && decodeCertificate(document.certificate);
    if (certificate === undefined) throw new Error(`${id} has no certificate`);
    return certificate;
  }

  const rotate = (agent: AgentProcess) => fetch(`${agent.ready.http}/admin/keys/rotate`, { method: 'POST' });

  async function auditOf(id: string): Promise<readonly AuditLine[]> {
    const lines: AuditLine[] = [];
    for (const { path } of await auditFiles(join(playground.directory, id, 'audit'))) {
      for (const text of (await readFile(path, 'utf8')).split('\n')) {
        const line = parseLine(Buffer.from(text));
        if (line !== undefined) lines.push(line);
      }
    }
    return lines;
  }

  it('are changed under registrations with nothing missing anywhere, and the former certificate lets nobody in', async () => {
    const agents = await members();
    const [issuer, a, host] = agents;
    const before = await certificateOf('b');
    const copy = join(playground.directory, 'b-copy');
    await mkdir(copy, { mode: 0o700 });
    for (const name of ['identity.key', 'membership.json'])
      await cp(join(playground.directory, 'b', name), join(copy, name));
    const gaps: string[] = [];
    let isOver = false;
    const watching = [issuer, a, host].map(async agent => {
      while (!isOver) {
        const ids = aliveIds(await agent.peers()).join();
        if (ids !== everybody.join()) gaps.push(`${agent.ready.id}: ${ids}`);
      }
    });
    const statuses: number[] = [];
    const registering = (async () => {
      while (!isOver) statuses.push((await host.register('svc', '127.0.0.1:8000')).status);
    })();

    const rotated = await rotate(host);
    const during = (await rotated.json()) as Keys;
    await eventually(
      'the former key has ended',
      () => host.get<Keys>('/admin/keys'),
      keys => keys.former === undefined,
      30_000,
    );
    isOver = true;
    await Promise.all([...watching, registering]);

    assert.equal(rotated.status, 200);
    assert.deepEqual(gaps, []);
    assert.deepEqual([...new Set(statuses)], [200]);
    assert.equal(host.ready.id, 'b');
    for (const agent of agents) {
      const { records } = await agent.get<{ records: { author: string }[] }>('/records/svc');
      assert.deepEqual(
        records.map(({ author }) => author),
        [during.peer_id],
      );
    }
    assert.equal((await certificateOf('b')).key, during.peer_id);
    const issued = (await auditOf('issuer')).filter(({ kind }) => kind === 'certificate');
    assert.deepInclude(
      issued.map(({ who, what, outcome }) => ({ who, what, outcome })),
      {
        who: before.key,
        what: `certificate.rotate to ${during.peer_id}`,
        outcome: 'allowed',
      },
    );

    const old = await playground.start('b-copy', [...cluster, '--id', 'b', '--seed', a.seed], { env });
    assert.equal(old.ready.peer_id, before.key);
    await eventually(
      'whoever shows the former certificate is told that it counts no more',
      () => old.log,
      log => log.includes('"reason":"certificate-replaced"'),
      60_000,
    );
    await allList([issuer, a, host], everybody);
    const { peers } = await old.get<{ peers: { state: string }[] }>('/mesh');
    assert.deepEqual(
      peers.filter(({ state }) => state === 'connected'),
      [],
    );
  });

  it.each([
    ['the next key is on the disk', 'identity.key.next'],
    ['its certificate is beside it', 'membership.json.next'],
    ['the former key is set aside', 'identity.key.former'],
    ['the change was answered', undefined],
  ])('go on with one of the two, and its certificate, after kill -9 when %s', async (_moment, name) => {
    const [issuer, a, host] = await members();
    const path = name === undefined ? undefined : join(playground.directory, 'b', name);
    let isAnswered = false;
    const rotated = rotate(host)
      .catch(() => undefined)
      .finally(() => {
        isAnswered = true;
      });
    // A file may come and go between two looks: then it is as if the change had been answered.
    while (!isAnswered && (path === undefined || !existsSync(path)))
      await new Promise(resolve => setImmediate(resolve));

    await host.kill();
    await rotated;
    const again = await playground.start('b', [...cluster, '--seed', a.seed], { env });

    await allList([issuer, a, again], everybody);
    const { peer_id: key } = await eventually(
      'it speaks with one key',
      () => again.get<Keys>('/admin/keys'),
      keys => keys.former === undefined,
      30_000,
    );
    assert.equal((await certificateOf('b')).key, key);
    assert.isFalse(existsSync(join(playground.directory, 'b', 'membership.json.next')));
    assert.equal((await rotate(again)).status, 200);
    await allList([issuer, a, again], everybody);
  });

  it('are not changed while nobody issues, which says what to do, and are once somebody does', async () => {
    const [issuer, a, host] = await members();
    const port = issuer.seed.split('/')[4] ?? '';
    await issuer.kill();

    const refused = await rotate(host);
    const body = (await refused.json()) as { readonly code: string; readonly error: string };
    const keys = await host.get<Keys>('/admin/keys');

    assert.equal(refused.status, 503);
    assert.equal(body.code, 'NO_ISSUER');
    assert.include(JSON.stringify(body), '--ca-dir');
    assert.deepEqual(keys.peer_id, host.ready.peer_id);
    assert.isUndefined(keys.former);
    assert.isFalse(existsSync(join(playground.directory, 'b', 'identity.key.next')));
    const back = await startIssuer('--listen', `/ip4/127.0.0.1/tcp/${port}`, '--seed', a.seed);
    await allList([back, a, host], everybody);
    assert.equal((await rotate(host)).status, 200);
    await allList([back, a, host], everybody);
  });

  it('are changed by an issuing agent with its own directory', async () => {
    const [issuer, a, b] = await members();

    const rotated = await rotate(issuer);

    assert.equal(rotated.status, 200);
    const { peer_id: key } = (await rotated.json()) as Keys;
    await allList([issuer, a, b], everybody);
    await eventually(
      'its certificate is written where the next start looks first',
      () => certificateOf('issuer'),
      certificate => certificate.key === key,
    );
  });

  it('keeps what outsiders are refused to a few lines of the audit log, with whence they came and how often', async () => {
    const issuer = await startIssuer();
    const invite = await firsthand('invite', '--agent', issuer.ready.http);
    const grant = openInvite(invite, 'prod');
    const checker = new AuthorityChecker({ cluster: 'prod', authorities: [grant.authority] });
    const attempt = async () => {
      const privateKeyRaw = AgentKey.fromSeed(randomBytes(32)).rawPrivateKey();
      const admission = new GrantAdmission({ grant }, { checker, onIssued: () => {} });
      return redeemAt({ privateKeyRaw, seeds: grant.seeds, timeoutMs: 10_000 }, admission).then(
        () => 'redeemed',
        (error: FirsthandError) => error.code,
      );
    };

    const outcomes: string[] = [];
    for (let n = 0; n < 20; n += 1) outcomes.push(await attempt());
    await issuer.stop();

    assert.deepEqual(outcomes, ['redeemed', ...Array(19).fill('INVITE_REFUSED')]);
    const lines = await auditOf('issuer');
    for (const kind of ['admission', 'certificate']) {
      const refused = lines.filter(line => line.kind === kind && line.outcome === 'refused');
      assert.deepEqual(
        refused.map(({ count }) => count),
        [...Array(5).fill(undefined), 14],
        kind,
      );
      for (const { why = '' } of refused) assert.include(why, 'redeemed before');
    }
    assert.deepInclude(
      lines.find(({ kind, count }) => kind === 'admission' && count !== undefined),
      { from: '127.0.0.1', addresses: 1, who: 'several' },
    );
  });
});
