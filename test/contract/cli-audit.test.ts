import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { assert, describe, it } from 'vitest';
import { auditLog, ban, refusal, temporaryDirectory, writtenLog } from '../unit/audit/temporary-log.ts';
import { run } from '../unit/cli/fake-io.ts';

describe('cli audit', () => {
  it('verify: prints what there is and the head of the chain, also of a data directory', async () => {
    const directory = temporaryDirectory();
    await writtenLog(directory, 3);

    const { code, stdout, stderr } = await run(['audit', 'verify', dirname(directory)]);

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.match(stdout, /^\/.*\/audit: 3 lines in 1 file\nhead 3:[0-9a-f]{64}\nall well\n$/);
  });

  it('verify: names file and line of what was changed, and ends with 7', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 3);
    writeFileSync(path, readFileSync(path, 'utf8').replace('ban 0', 'ban 9'));

    const { code, stdout } = await run(['audit', 'verify', directory]);
    const json = await run(['audit', 'verify', path, '--json']);

    assert.equal(code, 7);
    assert.match(stdout, /^WRONG {2}audit-00000001\.jsonl:2: does not fit the line before it/);
    assert.match(stdout, /1 thing is wrong\n$/);
    assert.equal(json.code, 7);
    const { ok, lines, problems, problems_count: count } = JSON.parse(json.stdout);
    assert.deepEqual([ok, lines, count, problems[0].line], [false, 3, 1, 2]);
  });

  it('verify: with a head that was noted, sees that the end was cut off', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 3);
    const head = /head (\S+)/.exec((await run(['audit', 'verify', directory])).stdout)?.[1] ?? '';
    const [first] = readFileSync(path, 'utf8').split('\n');
    assert.equal((await run(['audit', 'verify', directory, '--head', head])).code, 0);

    writeFileSync(path, `${first}\n`);

    assert.equal((await run(['audit', 'verify', directory])).code, 0);
    const { code, stdout } = await run(['audit', 'verify', directory, '--head', head]);
    assert.equal(code, 7);
    assert.include(stdout, 'there is no line 3, whose hash was noted; the last one is 1');
  });

  it('verify: says that the last line was cut off', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 1);
    appendFileSync(path, '{"n":2,');

    const { code, stdout } = await run(['audit', 'verify', directory]);

    assert.equal(code, 7);
    assert.include(stdout, 'audit-00000001.jsonl:2: is cut off: the agent was killed while it wrote');
  });

  it('show: says how many refusals a line stands for, from how many addresses, and when', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);
    for (let i = 0; i < 30; i++) log.record({ ...refusal, from: `10.0.0.${i % 2}` });
    await log.stop();

    const { stdout } = await run(['audit', 'show', directory, '--last', '1']);
    const json = await run(['audit', 'show', directory, '--last', '1', '--json']);

    const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    assert.match(
      stdout,
      new RegExp(`10.0.0.1, 10.0.0.0 .* no credentials; 25 times from 2 addresses, ${time} to ${time}\n$`),
    );
    assert.deepInclude(JSON.parse(json.stdout)[0], { count: 25, addresses: 2 });
  });

  it('show: prints the latest lines that are asked for', async () => {
    const directory = temporaryDirectory();
    const { log } = auditLog(directory);
    for (let i = 0; i < 5; i++) log.record({ ...ban, what: `ban ${i}` });
    log.record({ ...refusal, what: 'register \u001b[31m' });
    await log.stop();

    const latest = await run(['audit', 'show', directory, '--last', '2', '--kind', 'ban']);
    const refused = await run(['audit', 'show', directory, '--outcome', 'refused']);
    const json = await run(['audit', 'show', directory, '--who', 'ada', '--last', '1', '--json']);

    assert.deepEqual(
      latest.stdout.split('\n').map(line => /ban \d/.exec(line)?.[0]),
      [undefined, 'ban 3', 'ban 4', undefined],
    );
    assert.match(
      refused.stdout,
      /6 .* authentication {2}refused {2}anonymous {2}10\.0\.0\.7 .* no credentials\n$/,
    );
    assert.notInclude(refused.stdout, '\u001b');
    assert.deepEqual(
      JSON.parse(json.stdout).map(({ n, what }: { n: number; what: string }) => [n, what]),
      [[5, 'ban 4']],
    );
  });

  it.each([
    [
      ['verify', '/no/such'],
      4,
      /there is no audit log at \/no\/such; an agent begins one with its first decision/,
    ],
    [
      ['verify', '/tmp', '--head', 'x'],
      2,
      /--head: "x" is not a number, a colon and a hash, as verify prints it/,
    ],
    [['show', '/tmp', '--last', '0'], 2, /--last: "0" is not a whole number from 1 to 100000/],
    [['show', '/tmp', '--kind', 'bann'], 2, /--kind: "bann" is not one of .*; did you mean ban\?/],
  ] as const)('answers %j with exit code %i and one sentence', async (args, expected, sentence) => {
    const { code, stdout, stderr } = await run(['audit', ...args]);

    assert.deepEqual([code, stdout], [expected, '']);
    assert.match(stderr, sentence);
    assert.lengthOf(stderr.trimEnd().split('\n'), 1);
  });
});
