import { assert, describe, it } from 'vitest';
import { run } from '../unit/cli/fake-io.ts';
import { temporaryFile } from '../unit/config/temporary-file.ts';
import { cliAgent } from './cli-agent.ts';

const path = 'POST /admin/keys/rotate-secret';
const done = { status: 'done', step: 'use', key_id: '0123abcd', confirmed: 10, missing: [] };
const waiting = {
  status: 'waiting',
  step: 'add',
  key_id: '0123abcd',
  confirmed: 9,
  missing: [{ id: 'backend-3', peer_id: '12D3KooWThree', why: 'no answer in time' }],
};

describe('cli keys rotate-secret', () => {
  it('lets the agent make the secret up, and says how to go on', async () => {
    const agent = await cliAgent({ [path]: { json: done } });

    const { code, stdout } = await run(`keys rotate-secret --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.match(stdout, /^10 agents use the secret with id 0123abcd\. The old one is accepted for/);
    assert.deepEqual(agent.asked[0]?.body, { drop_old: false });
  });

  it('sends the secret that is in a file, and never shows it', async () => {
    const agent = await cliAgent({ [path]: { json: done } });
    const file = await temporaryFile('secret', 'the new secret of all of us\n');

    const { stdout, stderr } = await run(
      `keys rotate-secret --drop-old --new-secret-file ${file} --agent ${agent.url}`,
    );

    assert.deepEqual(agent.asked[0]?.body, { drop_old: true, secret: 'the new secret of all of us' });
    assert.match(stdout, /The old one is accepted no longer/);
    assert.notInclude(stdout + stderr, 'the new secret');
  });

  it('ends with 5 and names who is missing when it is not over', async () => {
    const agent = await cliAgent({ [path]: { status: 202, json: waiting } });

    const { code, stdout } = await run(`keys rotate-secret --agent ${agent.url}`);

    assert.equal(code, 5);
    assert.match(stdout, /not every agent accepts the new secret \(id 0123abcd\); 9 of 10 do/);
    assert.match(stdout, /backend-3 +12D3KooWThree +no answer in time/);
    assert.match(stdout, /run this again: it goes on where it is/);
  });

  it('prints the answer alone with --json', async () => {
    const agent = await cliAgent({ [path]: { json: waiting } });

    const { code, stdout, stderr } = await run(`keys rotate-secret --json --agent ${agent.url}`);

    assert.deepEqual({ code, stderr }, { code: 5, stderr: '' });
    assert.deepEqual(JSON.parse(stdout), waiting);
  });

  it('refuses a file without a usable secret before it asks anybody', async () => {
    const agent = await cliAgent({ [path]: { json: done } });
    const file = await temporaryFile('secret', 'short');

    const { code, stderr } = await run(`keys rotate-secret --new-secret-file ${file} --agent ${agent.url}`);

    assert.equal(code, 2);
    assert.match(stderr, /--new-secret-file: the secret has 5 bytes; it must have 16 to 1024/);
    assert.lengthOf(agent.asked, 0);
  });
});
