/** Entries that belong to a key, with real agents: whoever sends what was signed again, or has another key, changes nothing. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { type AgentProcess, aliveIds, eventually, Playground } from '../../src/chaos/stages/agent-process.ts';
import { run } from '../unit/cli/fake-io.ts';

let playground: Playground;
beforeEach(async () => {
  playground = await Playground.open();
});
afterEach(() => playground.close());

/** A service with a key, that writes its lines without the help of what it tests. */
class Service {
  readonly #privateKey: KeyObject;
  readonly #publicKey: string;
  #time = Math.floor(Date.now() / 1_000) - 600;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.#privateKey = privateKey;
    this.#publicKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64');
  }

  /** Each is signed a second after the one before. */
  registration(address: string, { cluster = 'default', action = 'register' } = {}) {
    const more = [address, 9_100, 'backend', false, 'inference,model_serving,metrics_reporting'];
    return { action, id: 'svc', address, metrics_port: 9_100, ...this.#proof(cluster, action, more) };
  }

  departure() {
    return this.#proof('default', 'deregister', []);
  }

  #proof(cluster: string, action: string, more: readonly unknown[]) {
    this.#time += 1;
    const lines = ['firsthand/registration/1', cluster, action, 'svc', this.#publicKey, this.#time, ...more];
    const text = lines.map(line => `${line}\n`).join('');
    const signature = sign(null, Buffer.from(text), this.#privateKey).toString('base64');
    return { public_key: this.#publicKey, last_updated: this.#time, signature };
  }
}

async function ask(agent: AgentProcess, method: 'POST' | 'DELETE', body?: object): Promise<string> {
  const path = method === 'POST' ? '/registration' : '/registration/svc';
  const answer = await fetch(agent.ready.http + path, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { code, status } = (await answer.json()) as { readonly code?: string; readonly status?: string };
  return `${answer.status} ${code ?? status}`;
}

async function addressAt(agent: AgentProcess): Promise<string | undefined> {
  return (await agent.peers()).find(({ id }) => id === 'svc')?.address;
}

/** Whatever somebody without the key tries. */
async function attempts(agent: AgentProcess): Promise<readonly string[]> {
  const thief = new Service();
  const bare = { id: 'svc', address: 'evil:1', metrics_port: 9_100 };
  return [
    await ask(agent, 'POST', bare),
    await ask(agent, 'POST', { ...bare, action: 'update' }),
    await ask(agent, 'POST', thief.registration('evil:1')),
    await ask(agent, 'POST', thief.registration('evil:1', { action: 'update' })),
    await ask(agent, 'DELETE'),
    await ask(agent, 'DELETE', thief.departure()),
  ];
}
const allRefused = Array(6).fill('403 NOT_OWNER');

describe('a service that signs', { timeout: 180_000 }, () => {
  it('is changed by nobody else, nor by what it had signed before, over a restart of the agent too', async () => {
    const agent = await playground.start('a');
    const service = new Service();
    const first = service.registration('a:1');
    const changed = service.registration('m:1', { action: 'update' });
    const second = service.registration('b:1');
    const elsewhere = service.registration('evil:1', { cluster: 'staging' });
    assert.equal(await ask(agent, 'POST', first), '200 registered');
    assert.equal(await ask(agent, 'POST', changed), '200 updated');
    assert.equal(await ask(agent, 'POST', second), '200 registered');

    for (const restarted of [false, true]) {
      if (restarted) await agent.kill();
      const now = restarted ? await playground.start('a') : agent;
      assert.deepEqual(await attempts(now), allRefused);
      assert.equal(await ask(now, 'POST', first), '409 STALE_UPDATE', 'what was overtaken');
      assert.equal(await ask(now, 'POST', changed), '409 STALE_UPDATE', 'what was overtaken');
      assert.equal(await ask(now, 'POST', { ...second, address: 'evil:1' }), '403 NOT_OWNER', 'altered');
      assert.equal(await ask(now, 'POST', elsewhere), '403 NOT_OWNER', 'signed for another cluster');
      assert.equal(await ask(now, 'POST', second), '200 registered', 'the same again');
      assert.equal(await addressAt(now), 'b:1');
      if (!restarted) continue;
      const out = service.departure();
      assert.equal(await ask(now, 'DELETE', out), '200 deregistered');
      assert.equal(
        await ask(now, 'POST', second),
        '409 STALE_UPDATE',
        'what was signed before the departure',
      );
      assert.isUndefined(await addressAt(now));
      assert.equal(await ask(now, 'POST', service.registration('c:1')), '200 registered');
      assert.equal(await ask(now, 'DELETE', out), '409 STALE_UPDATE', 'a departure sent again');
      assert.equal(await addressAt(now), 'c:1');
    }
  });

  it('is known with its key to other agents, and goes to another one only itself when its host was killed', async () => {
    const [host, other, third] = (await playground.cluster(['a', 'b', 'c'])) as [
      AgentProcess,
      AgentProcess,
      AgentProcess,
    ];
    const service = new Service();
    assert.equal(await ask(host, 'POST', service.registration('a:1')), '200 registered');
    const everywhere = async (address: string, ...agents: AgentProcess[]) => {
      for (const agent of agents) {
        await eventually(
          `${agent.ready.id} lists ${address}`,
          () => addressAt(agent),
          known => known === address,
        );
      }
    };
    await everywhere('a:1', host, other, third);

    assert.deepEqual(await attempts(other), allRefused);
    await host.kill();
    for (const agent of [other, third]) {
      await eventually(
        'the host is gone, and with it the service',
        () => agent.peers(),
        peers => peers.every(({ id }) => id !== 'a' && id !== 'svc') && aliveIds(peers).length === 2,
      );
    }

    assert.deepEqual(await attempts(other), allRefused);
    assert.equal(await ask(other, 'POST', service.registration('b:1')), '200 registered');
    await everywhere('b:1', other, third);
    assert.deepEqual(await attempts(third), allRefused);
  });

  it('signs with the command line, and shows whose it is', async () => {
    const agent = await playground.start('a', ['--cluster', 'x.y']);
    const file = (name: string) => {
      const { privateKey } = generateKeyPairSync('ed25519');
      const path = join(playground.directory, name);
      writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }));
      return path;
    };
    const [own, other] = [file('own.pem'), file('other.pem')];
    const ours = (command: string, key: string) =>
      run(`${command} --agent ${agent.ready.http} --id svc${key}`);
    const register = 'register --address 127.0.0.1:9000 --metrics-port 9100';

    // All within one second or two: the time in what is signed goes up all the same.
    const steps: readonly (readonly [string, string, number])[] = [
      [register, ` --key ${own}`, 0],
      ['update --capability tts', ` --key ${own}`, 0],
      ['update --type governator', ` --key ${own}`, 0],
      ['update --capability evil', '', 6],
      ['update --capability evil', ` --key ${other}`, 6],
      ['deregister', '', 6],
      ['deregister', ` --key ${other}`, 6],
    ];
    for (const [command, key, expected] of steps) {
      const { code, stderr } = await ours(command, key);
      assert.equal(code, expected, `${command}${key}: ${stderr}`);
    }
    const { stdout } = await run(`inspect record svc --agent ${agent.ready.http}`);
    assert.match(stdout, / {2}key {8}[A-Za-z0-9+/]{43}=, without which nobody changes it\n/);
    assert.notInclude(JSON.stringify(await agent.peers()), 'key');
    assert.equal((await ours('deregister', ` --key ${own}`)).code, 0);
    assert.equal((await ours(register, ` --key ${own}`)).code, 0);
    assert.equal((await ours('deregister', ` --key ${own}`)).code, 0);
    assert.equal(
      (await ours(register, ` --key ${other}`)).code,
      0,
      'whoever gave a name up gave it to anybody',
    );
  });
});
