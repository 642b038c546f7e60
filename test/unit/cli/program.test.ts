import { readFileSync } from 'node:fs';
import { assert, describe, it } from 'vitest';
import { FakeIo, run } from './fake-io.ts';

const commands =
  'start peers watch inspect register update deregister leave remove status diff doctor keys chaos simulate ca invite config'.split(
    ' ',
  );

describe('cli/program', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

    assert.deepEqual(await run('--version'), { code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('lists every command and every exit code in its help', async () => {
    const { code, stdout, stderr } = await run('--help');

    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const command of commands) assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    for (let exitCode = 0; exitCode <= 7; exitCode += 1)
      assert.match(stdout, new RegExp(`^  ${exitCode}  \\S`, 'm'));
  });

  it.each(commands)('prints help about %s, in both ways of asking', async command => {
    const asked = await run(`${command} --help`);

    assert.equal(asked.code, 0);
    assert.include(asked.stdout, `Usage: firsthand ${command}`);
    assert.deepEqual(await run(`help ${command}`), asked);
  });

  it('shows the help on standard error and fails when no command is given', async () => {
    const { code, stdout, stderr } = await run('');

    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.include(stderr, 'Usage: firsthand');
  });

  it.each([
    ['pers', "firsthand: unknown command 'pers'; did you mean peers?"],
    ['--agent http://127.0.0.1:1 pers', "firsthand: unknown command 'pers'; did you mean peers?"],
    ['peers --jsn', "firsthand: unknown option '--jsn'; did you mean --json?"],
    ['peers extra', "firsthand: too many arguments for 'peers'. Expected 0 arguments but got 1: extra."],
    ['peers --type frontend', 'firsthand: --type: "frontend" is not one of proxy, backend, governator'],
    [
      'peers --status alve',
      'firsthand: --status: "alve" is not one of alive, suspect, unhealthy; did you mean alive?',
    ],
    ['peers --agent', "firsthand: option '--agent <url>' argument missing"],
    ['peers --agent localhost', 'firsthand: --agent: "localhost" is not a URL like http://127.0.0.1:7980'],
    [
      'peers --agent ftp://localhost',
      'firsthand: --agent: "ftp://localhost" is not a URL like http://127.0.0.1:7980',
    ],
    [
      'peers --secret-file /no/such',
      'firsthand: --secret-file: cannot read "/no/such": there is no such file',
    ],
    [
      'watch --kind gossip',
      'firsthand: --kind: "gossip" is not one of record, liveness, health, partition, conflict',
    ],
    ['inspect record', "firsthand: missing required argument 'id'"],
    ['remove', "firsthand: missing required argument 'id'"],
    ['inspect recrds', "firsthand: unknown command 'recrds'; did you mean records?"],
    ['register --id a', "firsthand: required option '--address <host:port>' not specified"],
    ['register --id a --address h:1', "firsthand: required option '--metrics-port <port>' not specified"],
    [
      'register --id a --address h:1 --metrics-port 80',
      'firsthand: --metrics-port: "80" is not a whole number from 1024 to 65535',
    ],
    [
      'update --id a',
      'firsthand: nothing to change: give at least one of --address, --metrics-port, --type, --load-balancer, --capability',
    ],
    ['deregister', "firsthand: required option '--id <id>' not specified"],
    ['deregister --id a --key /no/such', 'firsthand: --key: cannot read "/no/such": there is no such file'],
    [
      'start --agent http://a',
      'firsthand: --agent: start runs an agent of its own; --http says where it listens',
    ],
    ['invite', 'firsthand: --ca-dir: must be given (or FIRSTHAND_CA_DIR): the directory of the authority'],
    [
      'invite --ca-dir x --ttl soon',
      'firsthand: --ttl: "soon" is not a time like 90s, 10m, 24h or 30d, at most 7d',
    ],
    [
      'invite --ca-dir x --role king',
      'firsthand: --role: "king" is not one of proxy, backend, governator, read, register, operate, admin',
    ],
    ['ca init --ca-dir x', "firsthand: required option '--cluster <name>' not specified"],
    ['ca issue --ca-dir x --key me', 'firsthand: --key: "me" is not an agent\'s peer id'],
    [
      'ca issue --ca-dir x --key me --id a*b',
      'firsthand: --id: "a*b" is not 1 to 128 of A-Z a-z 0-9 . _ -, or the beginning of that and *',
    ],
    ['start --json', 'firsthand: --json: start does not have it; --log-format json is for its log'],
  ])('answers "%s" with one sentence and exit code 2', async (line, expected) => {
    assert.deepEqual(await run(line), { code: 2, stdout: '', stderr: `${expected}\n` });
  });

  it('does not repeat credentials that were put into the URL', async () => {
    const { code, stderr } = await run('peers --agent http://ada:hunter2@127.0.0.1:1');

    assert.equal(code, 2);
    assert.notInclude(stderr, 'hunter2');
  });

  it('names the variable when that is what is wrong', async () => {
    const io = new FakeIo({ env: { FIRSTHAND_AGENT: 'nonsense' } });

    const { code, stderr } = await run('peers', io);

    assert.equal(code, 2);
    assert.match(stderr, /^firsthand: FIRSTHAND_AGENT: "nonsense"/);
  });

  it('prints each problem of a configuration on a line of its own', async () => {
    const line = 'start --id / --listen x --seed y --metrics-port 80 --auth jwt --register-with ftp://a';

    const { code, stdout, stderr } = await run(line);

    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.deepEqual(
      stderr.match(/^firsthand: --[a-z-]+: /gm)?.sort(),
      ['--auth', '--id', '--listen', '--metrics-port', '--register-with', '--seed'].map(
        flag => `firsthand: ${flag}: `,
      ),
    );
    assert.equal(stderr.trimEnd().split('\n').length, 6);
  });

  it('prints a stack trace only to those who ask for it', async () => {
    const quiet = await run('peers --agent x');
    const loud = await run('peers --agent x', new FakeIo({ env: { FIRSTHAND_DEBUG: '1' } }));

    assert.notInclude(quiet.stderr, '    at ');
    assert.include(loud.stderr, '    at ');
  });
});
