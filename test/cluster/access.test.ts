/** Real agents with the access they are told to ask for, and what their audit logs hold over a crash. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { auditFiles } from '../../src/audit/files.ts';
import { verifyAudit } from '../../src/audit/verification.ts';
import { AgentProcess, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { run } from '../unit/cli/fake-io.ts';
import { audience, Issuer, issuerName, keySet } from '../unit/http/token/issuer.ts';

let playground: Playground;

beforeEach(async () => {
  playground = await Playground.open();
});

afterEach(() => playground.close());

function file(name: string, text: string): string {
  const path = join(playground.directory, name);
  writeFileSync(path, text);
  return path;
}

async function verified(id: string) {
  return verifyAudit(await auditFiles(join(playground.directory, id, 'audit')));
}

describe('an agent that asks for tokens', () => {
  it('answers the command line with the right one, and says what it wants to one without', async () => {
    const issuer = await Issuer.make();
    const keys = file('keys.json', keySet(issuer));
    const flags = [
      '--http-auth',
      'jwt',
      '--jwt-issuer',
      issuerName,
      '--jwt-audience',
      audience,
      '--jwt-keys',
      keys,
    ];
    const { ready } = await playground.start('a', flags);
    const token = file('token', `${await issuer.token({ sub: 'web', roles: ['register'] })}\n`);
    const service = '--address 127.0.0.1:9000 --metrics-port 9100';

    const without = await run(`peers --agent ${ready.http}`);
    const peers = await run(`peers --agent ${ready.http} --token-file ${token} --json`);
    const own = await run(`register --agent ${ready.http} --token-file ${token} --id web ${service}`);
    const other = await run(`register --agent ${ready.http} --token-file ${token} --id other ${service}`);

    assert.equal(without.code, 6);
    assert.include(without.stderr, 'the agent wants a token; give it with --token-file');
    assert.equal(peers.code, 0);
    assert.deepEqual(
      JSON.parse(peers.stdout).map(({ id }: { id: string }) => id),
      ['a'],
    );
    assert.deepEqual([own.code, other.code], [0, 6]);
    assert.include(other.stderr, 'only other itself may change its entry');
    await eventually(
      'audited',
      () => verified('a'),
      report => report.lines >= 5,
    );
    const shown = await run(`audit show ${join(playground.directory, 'a')} --json`);
    assert.deepEqual(
      JSON.parse(shown.stdout).map(({ kind, who, what, outcome }: Record<string, string>) =>
        [kind, who, what, outcome].join(' '),
      ),
      [
        'key agent take the keys for tokens allowed',
        'setting agent start a allowed',
        'authentication anonymous peers refused',
        'authorisation jwt:web register web allowed',
        'authorisation jwt:web register other refused',
      ],
    );
  });

  it('does not start without the keys, and says which file it is', async () => {
    const keys = file('keys.json', '{}');
    const flags = ['--http-auth', 'jwt', '--jwt-issuer', issuerName, '--jwt-keys', keys];

    const { code, errors } = await AgentProcess.fail(playground.options('a', flags));

    assert.equal(code, 2);
    assert.include(errors, `firsthand: the key set ${keys} has no list of keys`);
  });
});

describe('the audit log of an agent', () => {
  it('is a chain after kill -9 in the middle of a flood, and goes on after it', async () => {
    const secret = 'a secret of more than 16 bytes';
    const flags = ['--auth', 'shared_secret', '--secret-file', file('secret', secret)];
    // What is allowed is a line each; refusals are counted together.
    let registered = 0;
    const register = ({ ready }: AgentProcess) =>
      fetch(`${ready.http}/registration`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id: `web-${++registered}`, address: '127.0.0.1:9000', metrics_port: 9_100 }),
      }).then(answer => answer.text());
    let lines = 0;
    for (let round = 0; round < 2; round++) {
      const agent = await playground.start('a', flags);
      let isOver = false;
      const flood = Promise.all(
        Array.from({ length: 8 }, async () => {
          // Ends with the agent.
          while (!isOver) await register(agent).catch(() => {});
        }),
      );
      const before = lines;
      await eventually(
        'flooded',
        () => verified('a'),
        report => report.lines >= before + 50,
      );

      await agent.kill();

      isOver = true;
      await flood;
      lines = (await verified('a')).lines;
    }
    const last = await playground.start('a', flags);
    await register(last);
    await eventually(
      'written',
      () => verified('a'),
      report => report.lines > lines + 1,
    );

    const report = await verified('a');

    assert.deepEqual(report.problems, []);
    assert.equal(report.first, 1);
  });

  it('has who was let in as a member, and who was not', async () => {
    const flagsWith = (name: string, secret: string) => [
      '--auth',
      'shared_secret',
      '--secret-file',
      file(name, secret),
    ];
    const right = flagsWith('right', 'a secret of more than 16 bytes');
    const wrong = flagsWith('wrong', 'another secret of as many bytes');
    const a = await playground.start('a', right);
    const joining = ['--seed', a.seed, '--no-mdns'];
    const b = await playground.start('b', [...right, ...joining]);
    const c = await playground.start('c', [...wrong, ...joining], {
      env: { FIRSTHAND_JOIN_TIMEOUT_MS: '1000' },
    });

    const shown = await eventually(
      'both are taken down',
      async () =>
        JSON.parse(
          (await run(`audit show ${join(playground.directory, 'a')} --kind admission --json`)).stdout || '[]',
        ),
      (lines: readonly Record<string, string>[]) =>
        lines.some(({ who, outcome }) => who === b.ready.peer_id && outcome === 'allowed') &&
        lines.some(({ who, outcome }) => who === c.ready.peer_id && outcome === 'refused'),
    );

    const refused = shown.find(({ outcome }) => outcome === 'refused');
    assert.match(String(refused?.why), /secret/);
    assert.notInclude(JSON.stringify(shown), 'of as many bytes');
    assert.deepEqual((await verified('a')).problems, []);
  });

  it('is not there where callers prove nothing and no operator acts', async () => {
    const agent = await playground.start('a');
    await agent.register('web', '127.0.0.1:9000');
    agent.signal('SIGTERM');
    await agent.ended();

    assert.deepEqual(await auditFiles(join(playground.directory, 'a', 'audit')), []);
  });
});
