/** A member with a valid key does whatever it can do to the others. */
import { randomBytes } from 'node:crypto';
import type { Drill, Scene } from '../drill.ts';
import { expectSpread, writes } from '../expectations.ts';
import { forge } from '../forgery.ts';
import { HostileMember } from '../hostile-member.ts';

const forgedAddress = '10.66.66.66:666';
const accusationsCount = 5;
const floodMs = 4_000;

export const byzantine: Drill = {
  name: 'byzantine',
  summary:
    'Members with valid keys accuse everybody, forge and omit signatures, replay what is over, send floods of rubbish, and sign two truths under one number; nobody honest is declared dead, nothing false is believed, and who is proved to lie is heard no more.',
  faults: ['member'],
  agentsMinCount: 3,
  run: async scene => {
    await withHostile(scene, 'accuser', accuse);
    await withHostile(scene, 'forger', forgeSignatures);
    await withHostile(scene, 'repeater', replay);
    await withHostile(scene, 'flooder', flood);
    await withHostile(scene, 'equivocator', equivocate);
  },
};

async function withHostile(
  scene: Scene,
  id: string,
  misdeed: (scene: Scene, member: HostileMember) => Promise<void>,
): Promise<void> {
  const { stage } = scene;
  const member = new HostileMember({
    id,
    cluster: stage.cluster,
    seed: stage.agents[0]?.multiaddr ?? '',
    host: stage.ownAddress,
  });
  try {
    await member.start();
    const end = scene.inject.lasting('member', `${id} has joined and means harm`, []);
    await scene.expect({
      name: `${id} is a member like any other, at first`,
      withinMs: 20_000,
      ask: async () => {
        const lists = await Promise.all(
          scene.ids.map(async each => (await scene.get<readonly Peer[]>(each, '/peers')).body),
        );
        return lists.filter(list => !list.some(peer => peer.id === id)).length;
      },
      holds: missing => missing === 0,
      tell: missing => `${missing} agents do not list it`,
    });
    await misdeed(scene, member);
    end();
  } finally {
    await member.stop();
  }
}

interface Peer {
  readonly id: string;
  readonly address: string;
}

/** That nobody dies of it is looked at after every drill. */
async function accuse(scene: Scene, member: HostileMember): Promise<void> {
  let lies = 0;
  for (let i = 0; i < accusationsCount; i++) {
    lies += member.shout();
    await scene.hold(1_000);
  }
  scene.conclude({
    name: 'everybody was accused, again and again',
    kind: 'liveness',
    holds: lies >= accusationsCount * scene.ids.length,
    seen: `${lies} signed accusations, besides those in each of its datagrams`,
  });
}

async function forgeSignatures(scene: Scene, member: HostileMember): Promise<void> {
  const host = scene.ids[0] as string;
  const { id } = await scene.registrations.register(host, scene.signal);
  const genuine = await recordOf(scene, host, id);
  const { forged, unsigned, bare } = forge(genuine, forgedAddress, member.key);
  const before = await refusedCount(scene, /bad-signature/);
  const malformedBefore = await refusedCount(scene, /malformed/);
  for (const envelope of [forged, unsigned, bare]) member.gossip([envelope]);
  await scene.expect({
    name: 'records with a forged signature or none are refused, and counted',
    withinMs: 20_000,
    ask: async () => ({
      badSignature: (await refusedCount(scene, /bad-signature/)) - before,
      malformed: (await refusedCount(scene, /malformed/)) - malformedBefore,
    }),
    holds: ({ badSignature, malformed }) => badSignature >= 2 && malformed >= 1,
  });
  const lists = await Promise.all(
    scene.ids.map(async each => (await scene.get<readonly Peer[]>(each, '/peers')).body),
  );
  const believed = scene.ids.filter((_, index) =>
    lists[index]?.some(({ address }) => address === forgedAddress),
  );
  scene.conclude({
    name: 'nobody believes a forged record',
    kind: 'safety',
    holds: believed.length === 0,
    seen: believed.length === 0 ? 'nobody does' : believed.join(', '),
  });
}

/** Genuine words whose time is over. That nothing comes back is looked at after every drill. */
async function replay(scene: Scene, member: HostileMember): Promise<void> {
  const host = scene.ids[0] as string;
  const { id } = await scene.registrations.register(host, scene.signal);
  const old = await recordOf(scene, host, id);
  await scene.registrations.change(id, scene.signal);
  const older = await recordOf(scene, host, id);
  await scene.registrations.deregister(id, scene.signal);
  await expectSpread(scene, 'before it is replayed', 20_000);
  for (let i = 0; i < 20; i++) member.gossip([old, older]);
  const before = await refusedCount(scene, /via="probe"/);
  const sent = member.repeat(50);
  await scene.expect({
    name: 'a datagram that is sent again is refused, and counted',
    withinMs: 10_000,
    ask: async () => (await refusedCount(scene, /via="probe"/)) - before,
    // Each is taken once, if at all.
    holds: refused => refused >= sent / 2,
    tell: refused => `${refused} of ${sent}`,
  });
  await expectSpread(scene, 'after the service that was taken out was replayed', 10_000);
}

async function flood(scene: Scene, member: HostileMember): Promise<void> {
  const junk = randomBytes(60_000);
  const untilMs = scene.recorder.nowMs + floodMs;
  let datagrams = 0;
  let messages = 0;
  const flooding = (async () => {
    while (scene.recorder.nowMs < untilMs) {
      for (let i = 0; i < 20; i++) datagrams += member.datagrams(junk.subarray(i, i + 600));
      for (let i = 0; i < 5; i++) member.publish(randomBytes(2_000));
      member.frames(junk);
      messages += 5;
      await scene.hold(10);
    }
  })();
  await writes(scene, scene.ids);
  await expectSpread(scene, 'during a flood of rubbish', 30_000);
  await flooding;
  scene.conclude({
    name: 'the flood was one',
    kind: 'liveness',
    holds: datagrams > 1_000,
    seen: `${datagrams} datagrams and ${messages} messages in ${floodMs / 1_000} s`,
  });
}

async function equivocate(scene: Scene, member: HostileMember): Promise<void> {
  const wallMs = Date.now();
  const time = { wallMs, counter: 0 };
  const [one, other] = ['10.7.7.7:7001', '10.7.7.7:7002'].map(address =>
    member.seal({
      subject: 'two-truths',
      authority: 'host',
      epoch: wallMs + 1,
      sequence: 1,
      context: [],
      time,
      claimedAt: time,
      leaseMs: 600_000,
      body: {
        type: 'entry',
        node: {
          address,
          metricsPort: 9_100,
          nodeType: 'backend',
          isLoadBalancer: false,
          capabilities: [],
          lastUpdatedS: Math.floor(wallMs / 1_000),
        },
      },
    }),
  );
  if (one !== undefined) member.gossip([one.wire]);
  if (other !== undefined) member.gossip([other.wire]);
  await scene.expect({
    name: 'who signs two truths under one number is quarantined everywhere',
    withinMs: 30_000,
    ask: async () => {
      const all = await Promise.all(
        scene.ids.map(async id => ({
          id,
          quarantined: (await scene.get<{ readonly quarantined: readonly string[] }>(id, '/status')).body
            .quarantined,
        })),
      );
      return all.filter(({ quarantined }) => !quarantined.includes(member.key.peerId)).map(({ id }) => id);
    },
    holds: trusting => trusting.length === 0,
    tell: trusting => `not at ${trusting.join(', ')}`,
  });
}

/** The signed envelope, as the host shows it. */
async function recordOf(scene: Scene, host: string, id: string): Promise<Uint8Array> {
  const { body } = await scene.get<{ readonly records: readonly { readonly wire: string }[] }>(
    host,
    `/records/${id}`,
  );
  return Buffer.from(body.records[0]?.wire ?? '', 'base64');
}

/** What all agents together have refused, by their metrics, where the labels match. */
async function refusedCount(scene: Scene, labels: RegExp): Promise<number> {
  const texts = await Promise.all(
    scene.stage.agents.map(async ({ url }) =>
      (await fetch(`${url}/telemetry`, { signal: scene.signal })).text(),
    ),
  );
  return texts
    .flatMap(text => text.split('\n'))
    .filter(line => line.startsWith('firsthand_records_refused_total{') && labels.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
