/** Keys, bans, reputation and evidence on the command line. */
import { assert, describe, it } from 'vitest';
import { entryAt, Speaker } from '../record-builder.ts';
import { run } from '../unit/cli/fake-io.ts';
import { temporaryFile } from '../unit/config/temporary-file.ts';
import { cliAgent } from './cli-agent.ts';

const [me, bad] = [new Speaker(1).peer, new Speaker(2).peer];
const keys = { id: 'web-1', peer_id: me, former: { peer_id: bad, ends_in_ms: 42_000 } };

/** What an agent has that caught a key; `tamper` changes it. */
function proof(tamper: (fields: Record<string, string>) => void = () => {}): Record<string, string | number> {
  const liar = new Speaker(2);
  const twin = new Speaker(2);
  const [first, second] = [
    liar.say({ body: entryAt('10.0.0.1:80') }),
    twin.say({ body: entryAt('10.0.0.2:80') }),
  ];
  const base64 = (wire: Uint8Array) => Buffer.from(wire).toString('base64');
  const halves = { first: base64(first.wire), second: base64(second.wire) };
  tamper(halves);
  const id = first.digest.slice(0, 16);
  return { id, author: bad, subject: 'svc', epoch: 1, sequence: 1, cluster: 'test', ...halves };
}

describe('cli keys', () => {
  it('shows the key, and until when the one before counts', async () => {
    const agent = await cliAgent({ 'GET /admin/keys': { json: keys } });

    const { code, stdout } = await run(`keys show --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.equal(stdout, `agent   web-1\nkey     ${me}\nformer  ${bad}, counts for another 42 s\n`);
  });

  it('changes the key', async () => {
    const agent = await cliAgent({ 'POST /admin/keys/rotate': { json: keys } });

    const { code, stdout } = await run(`keys rotate --json --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), keys);
  });

  it('ends no key unless it is told that this is meant', async () => {
    const agent = await cliAgent({});

    const { code, stderr } = await run(`keys revoke --agent ${agent.url}`);

    assert.equal(code, 2);
    assert.match(stderr, /--yes/);
    assert.deepEqual(agent.asked, []);
  });
});

describe('cli ban, pardon and bans', () => {
  it('ban: sends who, for how long and why', async () => {
    const agent = await cliAgent({ 'POST /admin/bans': { json: { status: 'banned', peer: bad } } });

    const { code, stdout } = await run(`ban web-2 --for 12h --reason floods --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.deepEqual(agent.asked[0]?.body, { who: 'web-2', for_ms: 43_200_000, reason: 'floods' });
    assert.include(stdout, bad);
  });

  it.each(['0s', '5', 'h', '-1h', '1.5h'])('ban: refuses --for %s', async time => {
    const { code, stderr } = await run(`ban web-2 --for=${time} --agent http://127.0.0.1:9`);

    assert.equal(code, 2);
    assert.match(stderr, /is not a time like 30m/);
  });

  it('pardon: names whom', async () => {
    const agent = await cliAgent({ 'DELETE /admin/bans/web-2': { json: { status: 'pardoned', peer: bad } } });

    const { code, stdout } = await run(`pardon web-2 --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.equal(stdout, `web-2 is pardoned (key ${bad})\n`);
  });

  it('bans: says which are in force here, and which are only advised', async () => {
    const ban = {
      id: 'web-2',
      peer: bad,
      issuer: me,
      issued_at_ms: 1_764_000_000_000,
      reason: 'floods',
      state: 'advised',
    };
    const agent = await cliAgent({ 'GET /admin/bans': { json: [ban] } });

    const { code, stdout } = await run(`bans --agent ${agent.url}`);

    assert.equal(code, 0);
    assert.match(
      stdout,
      /^AGENT +STATE +SINCE +UNTIL +BY +REASON +PEER ID\nweb-2 +advised .* pardoned .* floods /,
    );
  });
});

describe('cli inspect reputation', () => {
  it('shows standing, points and faults', async () => {
    const faults = [{ fault: 'sync-lie', count: 2, last_ms: 4_000 }];
    const row = { id: 'web-2', peer: bad, standing: 'no-mesh', points: 61.5, faults };
    const agent = await cliAgent({ 'GET /reputation': { json: [row] } });

    const { stdout } = await run(`inspect reputation --agent ${agent.url}`);

    assert.match(stdout, /\nweb-2 +no-mesh +61\.5 +2 × sync-lie \(4\.0 s ago\) +12D3/);
  });
});

describe('cli evidence', () => {
  it('lists proofs, and shows one by its id or by the key that it convicts', async () => {
    const one = proof();
    const agent = await cliAgent({ 'GET /evidence': { json: [one] } });

    const listed = await run(`evidence list --agent ${agent.url}`);
    const shown = await run(`evidence show ${one.id} --agent ${agent.url}`);
    const byKey = await run(`evidence show ${bad} --agent ${agent.url}`);
    const missing = await run(`evidence show 12ab --agent ${agent.url}`);

    assert.include(listed.stdout, bad);
    assert.deepEqual(JSON.parse(shown.stdout), one);
    assert.equal(byKey.stdout, shown.stdout);
    assert.equal(missing.code, 4);
  });

  it('verifies a proof from a file, without an agent', async () => {
    const file = temporaryFile('proof.json', JSON.stringify(proof()));

    const { code, stdout } = await run(`evidence verify ${file}`);

    assert.equal(code, 0);
    assert.equal(stdout, `proved: ${bad} of cluster test signed two different records as 1/1\n`);
  });

  it.each<readonly [string, (fields: Record<string, string>) => void, RegExp]>([
    ['the same record twice', fields => (fields.second = fields.first ?? ''), /same record twice/],
    ['one half only', fields => delete fields.second, /lacks one of its two records/],
    ['garbage', fields => (fields.first = 'AAAA'), /the first record is none/],
    [
      'a half of another key',
      fields => (fields.second = Buffer.from(new Speaker(3).say().wire).toString('base64')),
      /different keys/,
    ],
    [
      'a forged signature',
      fields => {
        const bytes = Buffer.from(fields.second ?? '', 'base64');
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        fields.second = bytes.toString('base64');
      },
      /the second record has a wrong signature/,
    ],
  ])('finds that %s proves nothing, with exit code 7', async (_case, tamper, says) => {
    const file = temporaryFile('proof.json', JSON.stringify(proof(tamper)));

    const { code, stdout } = await run(`evidence verify ${file}`);

    assert.equal(code, 7);
    assert.match(stdout, says);
  });

  it('refuses a file that is none of this kind', async () => {
    const { code, stderr } = await run(`evidence verify ${temporaryFile('proof.json', 'no JSON')}`);

    assert.equal(code, 2);
    assert.match(stderr, /is no JSON object/);
  });
});
