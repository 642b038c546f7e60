/** What somebody without the secret gets from an agent that has one. */
import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import { eventually } from '../../src/chaos/stages/agent-process.ts';
import type { ProbeBody } from '../../src/core/swim/message.ts';
import { AgentKey } from '../../src/identity/agent-key.ts';
import { ClusterKey } from '../../src/identity/cluster-key.ts';
import { ClusterKeyring } from '../../src/identity/cluster-keyring.ts';
import { DatagramSeal } from '../../src/identity/datagram-seal.ts';
import { SignedProbeCodec } from '../../src/identity/probe-codec.ts';
import { createAgent, type RunningAgent } from '../../src/index.ts';

const cluster = 'blue';
const secret = 'a secret that all members know';

class Stranger {
  readonly key = AgentKey.fromSeed(crypto.getRandomValues(new Uint8Array(32)));
  readonly heard: Buffer[] = [];
  readonly #socket: Socket = createSocket('udp4');
  readonly #codec = new SignedProbeCodec({ cluster }, { key: this.key });
  #counter = 0;

  static async open(): Promise<Stranger> {
    const stranger = new Stranger();
    await new Promise<void>(resolve => stranger.#socket.bind(0, '127.0.0.1', resolve));
    stranger.#socket.on('message', bytes => stranger.heard.push(bytes));
    return stranger;
  }

  datagram(to: string, body: ProbeBody): Uint8Array {
    this.#counter += 1;
    const heading = { from: this.key.peerId, to, epoch: 1, incarnation: 0, wallMs: Date.now() };
    return this.#codec.encodeProbe({ ...heading, counter: this.#counter, body, claims: [] });
  }

  send(agent: RunningAgent, bytes: Uint8Array): Promise<void> {
    const port = Number(agent.ready.probe.split(':')[1]);
    return new Promise((resolve, reject) => {
      this.#socket.send(bytes, port, '127.0.0.1', error => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

function sealOf(text: string): DatagramSeal {
  const key = new ClusterKey({ cluster, secret: text, source: 'a test' });
  return new DatagramSeal({ cluster }, { keyring: new ClusterKeyring([{ key }]) });
}

describe('datagrams to an agent with a secret', { timeout: 60_000 }, () => {
  let directory: string;
  let agent: RunningAgent;
  const strangers: Stranger[] = [];
  const stranger = async () => {
    const opened = await Stranger.open();
    strangers.push(opened);
    return opened;
  };
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firsthand-outsider-'));
    agent = await createAgent({
      id: 'member',
      cluster,
      dataDir: directory,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      http: '127.0.0.1:0',
      mdns: false,
      dht: false,
      joinTimeoutMs: 0,
      auth: 'shared_secret',
      secret,
      logLevel: 'silent',
    });
  });
  afterEach(async () => {
    for (const each of strangers.splice(0)) each.close();
    await agent.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const bodies = (): readonly ProbeBody[] => {
    const target = agent.identity.peerId;
    return [
      { type: 'ping', nonce: 1 },
      { type: 'ping', nonce: 1, origin: { peer: target, nonce: 2 } },
      { type: 'ack', nonce: 1 },
      { type: 'ping-request', nonce: 1, target },
      { type: 'nack', nonce: 1 },
      { type: 'relay', ack: new Uint8Array(200) },
      { type: 'news' },
    ];
  };

  it('are answered to nobody who does not know it, whatever kind they are, and to whoever does', async () => {
    const outsider = await stranger();
    const member = await stranger();
    const wrong = sealOf('another secret altogether');

    for (const body of bodies()) {
      const signed = outsider.datagram(agent.identity.peerId, body);
      await outsider.send(agent, signed);
      await outsider.send(agent, wrong.seal(signed));
      await outsider.send(agent, Buffer.concat([sealOf(secret).seal(signed).subarray(0, 23), signed]));
    }
    for (const size of [0, 1, 22, 39, 40, 500, 1_400, 1_439, 1_440, 9_000]) {
      await outsider.send(agent, crypto.getRandomValues(new Uint8Array(size)));
    }
    // Behind all of these in the same queue: its answer comes when they have been looked at.
    const ping = member.datagram(agent.identity.peerId, { type: 'ping', nonce: 7 });
    await eventually(
      'the member is answered',
      async () => {
        if (member.heard.length === 0) await member.send(agent, sealOf(secret).seal(ping));
        return member.heard.length;
      },
      count => count > 0,
    );

    assert.lengthOf(outsider.heard, 0);
  });

  it('are not answered when somebody sends again what a member has sent', async () => {
    const member = await stranger();
    const sealed = sealOf(secret).seal(member.datagram(agent.identity.peerId, { type: 'ping', nonce: 7 }));
    await member.send(agent, sealed);
    await eventually(
      'the member is answered',
      () => member.heard.length,
      count => count === 1,
    );
    const outsider = await stranger();

    for (let n = 0; n < 20; n += 1) await outsider.send(agent, sealed);
    const next = sealOf(secret).seal(member.datagram(agent.identity.peerId, { type: 'ping', nonce: 8 }));
    await member.send(agent, next);
    await eventually(
      'the member is answered again',
      () => member.heard.length,
      count => count === 2,
    );

    assert.lengthOf(outsider.heard, 0);
  });

  it('are never answered with more than they have', async () => {
    const member = await stranger();
    const sealed = sealOf(secret).seal(member.datagram(agent.identity.peerId, { type: 'ping', nonce: 7 }));

    await member.send(agent, sealed);
    const [answer] = await eventually(
      'the member is answered',
      () => member.heard,
      heard => heard.length > 0,
    );

    assert.isAtMost(answer?.length ?? 0, sealed.length);
  });
});
