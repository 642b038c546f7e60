/** An authority and real agents: invited, joined, renewed, shut out, and let in again. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { Authority } from '../../src/identity/authority.ts';
import { AuthorityDirectory } from '../../src/identity/authority-directory.ts';
import { SignedProbeCodec } from '../../src/identity/probe-codec.ts';
import { writeInvite } from '../../src/wire/grant.ts';
import { FakeIo, run } from '../unit/cli/fake-io.ts';

const cluster = ['--cluster', 'prod'];

interface MembershipBody {
  readonly authorities: readonly string[];
  readonly certificate: { readonly serial: string; readonly expires_at: string; readonly issuer: string };
  readonly revocations: readonly { readonly number: number }[];
}

class Terminal extends FakeIo {
  override wallMs(): number {
    return Date.now();
  }
}

describe('membership, with real processes', { timeout: 180_000 }, () => {
  let playground: Playground;
  let caDir: string;

  beforeEach(async () => {
    playground = await Playground.open();
    caDir = join(playground.directory, 'ca');
    await firsthand('ca', 'init', ...cluster);
  });
  afterEach(() => playground.close());

  /** Of the command line, in this process. */
  async function firsthand(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await attempt(...args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  }

  function attempt(...args: readonly string[]) {
    return run([...args], new Terminal({ env: { FIRSTHAND_CA_DIR: caDir } }));
  }

  const issuer = () => playground.start('issuer', [...cluster, '--ca-dir', caDir]);

  function invite(agent: AgentProcess, ...flags: readonly string[]): Promise<string> {
    return firsthand('invite', '--agent', agent.ready.http, ...flags);
  }

  async function invited(id: string, by: AgentProcess, ...flags: readonly string[]): Promise<AgentProcess> {
    return playground.start(id, ['--join', await invite(by, ...flags)]);
  }

  async function lists(agent: AgentProcess, ...ids: readonly string[]): Promise<void> {
    await eventually(
      `${agent.ready.id} lists ${ids.join()}`,
      () => agent.peers(),
      peers => aliveIds(peers).join() === [...ids].sort().join(),
    );
  }

  async function linksOf(agent: AgentProcess): Promise<readonly string[]> {
    const { peers } = await agent.get<{ peers: { id?: string; state: string }[] }>('/mesh');
    return peers.filter(({ state }) => state === 'connected').map(({ id = '?' }) => id);
  }

  it('makes members of those who are invited, and shuts one out at all the others, also after they restart', async () => {
    const first = await issuer();
    const a = await invited('backend-a', first, '--id', 'backend-*', '--role', 'backend');
    const b = await invited('backend-b', first, '--id', 'backend-*', '--role', 'backend');
    const bad = await invited('backend-x', first, '--id', 'backend-*', '--role', 'backend');
    await bad.register('stolen', '127.0.0.1:8000');
    for (const agent of [first, a, b, bad]) {
      await lists(agent, 'issuer', 'backend-a', 'backend-b', 'backend-x', 'stolen');
    }

    await firsthand('ca', 'revoke', bad.ready.peer_id, '--agent', a.ready.http);

    for (const agent of [first, a, b]) {
      await lists(agent, 'issuer', 'backend-a', 'backend-b');
      await eventually(
        `${agent.ready.id} has no link to it`,
        () => linksOf(agent),
        links => !links.includes('backend-x'),
      );
    }
    await eventually(
      'it is alone',
      () => linksOf(bad),
      links => links.length === 0,
    );
    await b.kill();
    const again = await playground.start('backend-b', cluster);
    await lists(again, 'issuer', 'backend-a', 'backend-b');
    const { revocations } = await again.get<MembershipBody>('/admin/membership');
    assert.deepInclude(revocations[0], { number: 1 });
    await eventually(
      'it was told why',
      () => bad.log,
      log => log.includes('"reason":"certificate-revoked"'),
    );
    assert.notInclude(await linksOf(again), 'backend-x');
  });

  it('lets a member whose certificate was revoked in again with a new invite', async () => {
    const first = await issuer();
    const a = await invited('a', first);
    await lists(first, 'issuer', 'a');
    const { certificate } = await a.get<MembershipBody>('/admin/membership');
    await firsthand('ca', 'revoke', certificate.serial, '--agent', first.ready.http);
    await lists(first, 'issuer');
    await a.stop();

    const again = await invited('a', first);

    assert.equal(again.ready.peer_id, a.ready.peer_id);
    await lists(first, 'issuer', 'a');
  });

  it('takes an invite once, whoever restarts meanwhile, and is not troubled by the same one at the same agent', async () => {
    const first = await issuer();
    const line = await invite(first);
    const a = await playground.start('a', ['--join', line]);
    await a.stop();
    const port = first.seed.split('/')[4] ?? '';
    await first.kill();
    const restarted = await playground.start('issuer', [
      ...cluster,
      '--ca-dir',
      caDir,
      '--listen',
      `/ip4/127.0.0.1/tcp/${port}`,
    ]);

    const thief = await AgentProcess.fail(playground.options('thief', ['--join', line]));
    const again = await playground.start('a', ['--join', line]);

    assert.equal(thief.code, 6);
    assert.include(thief.errors, 'redeemed before');
    assert.equal(again.ready.peer_id, a.ready.peer_id);
    await lists(restarted, 'issuer', 'a');
  });

  it('refuses invites that are expired, forged, or under another name, with a sentence and before anything starts', async () => {
    const first = await issuer();
    const { authority } = await AuthorityDirectory.open(caDir);
    const terms = { seeds: [first.seed], pattern: 'backend-*', roles: [], lifetimeMs: 60_000 };
    const stranger = new Authority({ cluster: 'prod' }, { key: AgentKey.fromSeed(Buffer.alloc(32, 9)) });
    const good = { ...terms, expiresMs: Date.now() + 600_000 };
    const lines = {
      expired: writeInvite(authority.invite({ ...terms, expiresMs: Date.now() - 60_000 }).wire),
      forged: writeInvite(stranger.invite(good).wire),
      misnamed: writeInvite(authority.invite(good).wire),
    };

    const outcomes = await Promise.all(
      Object.entries(lines).map(async ([what, line]) => {
        const id = what === 'misnamed' ? 'web-1' : 'backend-1';
        const flags = ['--data-dir', join(playground.directory, what), '--join', line];
        const { code, errors } = await AgentProcess.fail(playground.options(id, flags));
        return [what, code, errors] as const;
      }),
    );

    const said: Record<string, string> = {
      expired: 'the invite has expired',
      forged: 'the invite is forged',
      misnamed: 'start it with --id',
    };
    for (const [what, code, errors] of outcomes) {
      assert.equal(code, what === 'misnamed' ? 1 : 6, errors);
      const sentences = errors.split('\n').filter(line => line.startsWith('firsthand: '));
      assert.lengthOf(sentences, 1);
      assert.include(sentences[0], said[what] ?? what);
    }
    assert.deepEqual(aliveIds(await first.peers()), ['issuer']);
  });

  it('renews a short certificate long before it ends', async () => {
    const first = await issuer();
    const a = await invited('a', first, '--certificate-ttl', '20s');
    const before = await a.get<MembershipBody>('/admin/membership');

    const after = await eventually(
      'it has another one',
      () => a.get<MembershipBody>('/admin/membership'),
      ({ certificate }) => certificate.serial !== before.certificate.serial,
    );

    assert.isAbove(Date.parse(after.certificate.expires_at), Date.parse(before.certificate.expires_at));
    await lists(first, 'issuer', 'a');
  });

  it('gives a stranger neither a stream nor an answer', async () => {
    const first = await issuer();
    const stranger = await playground.start('stranger', [...cluster, '--seed', first.seed]);
    const socket = createSocket('udp4');
    const answers: Buffer[] = [];
    socket.on('message', bytes => answers.push(bytes));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');

    for (let counter = 1; counter <= 10; counter += 1) await ping(socket, first, counter);

    await eventually(
      'the datagrams were thrown away',
      async () => (await fetch(`${first.ready.http}/telemetry`)).text(),
      text => Number(/reason="uncertified",?[^}]*} (\d+)/.exec(text)?.[1] ?? 0) >= 10,
    );
    assert.deepEqual(answers, []);
    assert.deepEqual(await linksOf(first), []);
    assert.deepEqual(await linksOf(stranger), []);
    assert.deepEqual(aliveIds(await first.peers()), ['issuer']);
    socket.close();
  });

  it('goes over to another authority while everybody stays', async () => {
    const next = join(playground.directory, 'next');
    const made = await firsthand('ca', 'init', ...cluster, '--ca-dir', next, '--json');
    const { authority } = JSON.parse(made) as { authority: string };
    const first = await issuer();
    const a = await invited('a', first, '--certificate-ttl', '20s');
    await lists(first, 'issuer', 'a');
    await a.stop();
    const both = await playground.start('a', [...cluster, '--seed', first.seed, '--authority', authority]);
    await lists(first, 'issuer', 'a');
    const old = (await first.get<MembershipBody>('/admin/membership')).certificate.issuer;
    await first.stop();
    const port = first.seed.split('/')[4] ?? '';
    const successor = ['--ca-dir', next, '--authority', old, '--listen', `/ip4/127.0.0.1/tcp/${port}`];
    const second = await playground.start('issuer', [...cluster, ...successor]);
    await lists(second, 'issuer', 'a');

    await eventually(
      'a has a certificate of the new authority',
      () => both.get<MembershipBody>('/admin/membership'),
      ({ certificate }) => certificate.issuer === authority,
    );

    await both.stop();
    const alone = await playground.start('a', [
      ...cluster,
      '--seed',
      second.seed,
      '--auth',
      'mtls',
      '--http-auth',
      'open',
    ]);
    await lists(second, 'issuer', 'a');
    const { authorities } = await alone.get<MembershipBody>('/admin/membership');
    assert.deepEqual(authorities, [authority]);
  });

  it('issues off line for a key that is known', async () => {
    const first = await issuer();
    const lone = await playground.start('lone', cluster);
    const file = join(playground.directory, 'lone.json');
    await firsthand(
      'ca',
      'issue',
      '--key',
      lone.ready.peer_id,
      '--id',
      'lone',
      '--seed',
      first.seed,
      '--output',
      file,
    );
    await lone.stop();

    const member = await playground.start('lone', [...cluster, '--membership', file]);

    await lists(first, 'issuer', 'lone');
    assert.equal(member.ready.peer_id, lone.ready.peer_id);
  });
});

/** From a key that nobody knows. */
async function ping(socket: Socket, { ready }: AgentProcess, counter: number): Promise<void> {
  const key = AgentKey.fromSeed(Buffer.alloc(32, 200));
  const codec = new SignedProbeCodec({ cluster: 'prod' }, { key });
  const bytes = codec.encodeProbe({
    from: key.peerId,
    to: ready.peer_id,
    epoch: Date.now(),
    incarnation: 0,
    counter,
    wallMs: Date.now(),
    body: { type: 'ping', nonce: counter },
    claims: [],
  });
  const [host = '', port = ''] = ready.probe.split(':');
  await new Promise<void>((resolve, reject) => {
    socket.send(bytes, Number(port), host, error => (error ? reject(error) : resolve()));
  });
}
