import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { mayChange, readSource } from '../../../src/config/secret-source.ts';

const secret = 'correct horse battery staple';

let directory: string;
let server: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-source-'));
});

afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

async function written(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

/** Something that answers as Vault does. @returns Its address. */
async function vault(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  server = createServer(answer);
  await new Promise<void>(resolve => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function problemOf(source: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const read = await readSource(source, env);
  assert.isFalse(read.ok);
  return read.ok ? '' : read.problem;
}

describe('config/secret-source', () => {
  it('reads a file, a variable and a credential of systemd', async () => {
    const path = await written('cluster', `${secret}\n`);

    const texts = [
      await readSource(path, {}),
      await readSource('env:MINE', { MINE: secret }),
      await readSource('systemd:cluster', { CREDENTIALS_DIRECTORY: directory }),
    ];

    assert.deepEqual(texts, [
      { ok: true, text: `${secret}\n` },
      { ok: true, text: secret },
      { ok: true, text: `${secret}\n` },
    ]);
  });

  it('asks Vault for one field, with its token and namespace', async () => {
    const asked: unknown[] = [];
    const address = await vault((request, response) => {
      asked.push([request.url, request.headers['x-vault-token'], request.headers['x-vault-namespace']]);
      response.end(JSON.stringify({ data: { data: { cluster: secret, other: 'x' }, metadata: {} } }));
    });
    const env = {
      VAULT_ADDR: `${address}/`,
      VAULT_TOKEN_FILE: await written('token', 'hvs.t\n'),
      VAULT_NAMESPACE: 'team',
    };

    const read = await readSource('vault:secret/apps/firsthand#cluster', env);

    assert.deepEqual(read, { ok: true, text: secret });
    assert.deepEqual(asked, [['/v1/secret/data/apps/firsthand', 'hvs.t', 'team']]);
  });

  it.each([
    ['an absent file', '/nowhere/at/all', {}, 'there is no such file'],
    ['an unset variable', 'env:MINE', {}, 'MINE is not set'],
    ['no systemd', 'systemd:x', {}, 'CREDENTIALS_DIRECTORY is not set'],
    [
      'a way out of the credentials',
      'systemd:../shadow',
      { CREDENTIALS_DIRECTORY: '/run' },
      "no credential's name",
    ],
    ['no field', 'vault:secret/a', {}, 'not of the form'],
    ['a query', 'vault:secret/a?version=1#b', {}, 'not of the form'],
    ['no address', 'vault:secret/a#b', {}, 'VAULT_ADDR'],
    ['no token', 'vault:secret/a#b', { VAULT_ADDR: 'http://127.0.0.1:9' }, 'VAULT_TOKEN'],
    [
      'nobody there',
      'vault:secret/a#b',
      { VAULT_ADDR: 'http://127.0.0.1:9', VAULT_TOKEN: 't' },
      'cannot be asked',
    ],
  ])('says what is wrong with %s', async (_, source, env, expected) => {
    assert.include(await problemOf(source, env), expected);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    [
      'it may not be read',
      response => response.writeHead(403).end(`{"secret":"${secret}"}`),
      'may not read that',
    ],
    ['it is not there', response => response.writeHead(404).end(), 'no such secret'],
    [
      'it sends elsewhere',
      response => response.writeHead(302, { location: 'http://127.0.0.1:9' }).end(),
      'cannot be asked',
    ],
    ['it is no JSON', response => response.end(`not ${secret}`), 'did not answer with JSON'],
    ['the field is absent', response => response.end('{"data":{"data":{}}}'), 'has no text in the field b'],
    [
      'the field is inherited',
      response => response.end('{"data":{"data":{"a":"x"}}}'),
      'has no text in the field b',
    ],
    [
      'the field is no text',
      response => response.end('{"data":{"data":{"b":7}}}'),
      'has no text in the field b',
    ],
    ['it was deleted', response => response.end('{"data":{"data":null}}'), 'has no text in the field b'],
    ['it never ends', response => response.end('x'.repeat(70_000)), 'larger than'],
  ])('tells of Vault that %s, without showing what came', async (_, answer, expected) => {
    const address = await vault((_request, response) => answer(response));

    const problem = await problemOf('vault:secret/a#b', { VAULT_ADDR: address, VAULT_TOKEN: 'the-token' });

    assert.include(problem, expected);
    assert.notInclude(problem, secret);
    assert.notInclude(problem, 'the-token');
  });

  it('knows that only what is in the environment stays as it is', () => {
    assert.deepEqual(['/a', 'env:A', 'systemd:a', 'vault:a/b#c'].map(mayChange), [true, false, true, true]);
  });
});
