import { assert, describe, it } from 'vitest';
import type { DoctorCheck } from '../../../src/runtime/agent-port.ts';
import { nodeFields, Speaker, startWallMs } from '../../record-builder.ts';
import { DriverBench } from './driver-bench.ts';
import { settled } from './fake-ports.ts';

/** Runs the examination while time goes by. */
async function examine(bench: DriverBench): Promise<readonly DoctorCheck[]> {
  let checks: readonly DoctorCheck[] | undefined;
  const examination = bench.agent.doctor().then(found => {
    checks = found;
  });
  for (let i = 0; checks === undefined && i < 200; i++) {
    await settled();
    bench.pass(50);
  }
  await examination;
  return checks ?? [];
}

function named(checks: readonly DoctorCheck[], name: DoctorCheck['name']): readonly DoctorCheck[] {
  return checks.filter(check => check.name === name);
}

/** Knows some agents and is linked to them. */
async function acquainted(...peers: readonly Speaker[]): Promise<DriverBench> {
  const bench = await DriverBench.begun();
  bench.answering(...peers);
  for (const [i, peer] of peers.entries()) {
    bench.link(peer);
    bench.hear(peer, peer.introduce(`agent-${i + 2}`));
  }
  return bench;
}

/** The peer sends us a probe when it is asked to. */
function answersLooks(bench: DriverBench, peer: Speaker): void {
  const { send } = bench.network;
  bench.network.send = (to, frame) => {
    send.call(bench.network, to, frame);
    if (to !== peer.peer || bench.me.codec.decodeFrame(frame)?.type !== 'look') return;
    bench.clock.soon(() => bench.probed(peer, peer.datagram(bench.me.peer, { type: 'ping', nonce: 5 })));
  };
}

describe('runtime/doctor', () => {
  it('finds nothing wrong with an agent that is alone', async () => {
    const checks = await examine(await DriverBench.begun());

    assert.deepEqual(
      checks.map(({ name, ok }) => [name, ok]),
      [
        ['clock', true],
        ['event_loop', true],
        ['udp_out', true],
        ['udp_in', true],
        ['mdns', true],
        ['limits', true],
        ['limits', true],
        ['open_files', true],
      ],
    );
    assert.isTrue(checks.every(({ fix }) => fix === undefined));
  });

  it('gives each finding a line that mends it, and nothing else one', async () => {
    const bench = await acquainted(new Speaker(2));
    bench.probes.onSent = () => {};
    bench.loopDelayMs = 400;
    bench.openFilesMax = 100;
    bench.network.mdnsFindings = [
      { name: 'eth0', problem: 'a question that was sent there was not heard there' },
    ];

    const checks = await examine(bench);

    assert.isAtLeast(checks.filter(({ ok }) => !ok).length, 4);
    for (const { ok, fix } of checks) assert.equal(ok, fix === undefined);
  });

  describe('datagrams', () => {
    it('that pass both ways are well', async () => {
      const peer = new Speaker(2);
      const bench = await acquainted(peer);
      answersLooks(bench, peer);

      const checks = await examine(bench);

      assert.match(
        named(checks, 'udp_out')[0]?.detail ?? '',
        /^agent-2 answers at 10\.0\.0\.1:7946 after \d/,
      );
      assert.deepInclude(named(checks, 'udp_in')[0], {
        ok: true,
        subject: 'agent-2',
        detail: 'datagrams of agent-2 arrive at 10.0.0.1:7946',
      });
      assert.isTrue([...named(checks, 'udp_out'), ...named(checks, 'udp_in')].every(({ ok }) => ok));
    });

    it('that are not answered name the rule for both firewalls', async () => {
      const peer = new Speaker(2);
      const bench = await acquainted(peer);
      answersLooks(bench, peer);
      bench.probes.onSent = () => {};

      const [check] = named(await examine(bench), 'udp_out');

      assert.deepInclude(check, { ok: false, subject: 'agent-2' });
      assert.equal(
        check?.fix,
        'iptables -I OUTPUT -p udp -d 10.0.0.1 --dport 7946 -j ACCEPT   # and on agent-2: iptables -I INPUT -p udp --dport 7946 -j ACCEPT',
      );
    });

    it('that do not arrive name the rule for this firewall', async () => {
      const bench = await acquainted(new Speaker(2));

      const [check] = named(await examine(bench), 'udp_in');

      assert.deepInclude(check, { ok: false, subject: 'agent-2' });
      assert.match(check?.detail ?? '', /did not arrive at 10\.0\.0\.1:7946/);
      assert.match(check?.fix ?? '', /^iptables -I INPUT -p udp --dport 7946 -j ACCEPT/);
    });

    it('cannot be asked for without a connection', async () => {
      const peer = new Speaker(2);
      const bench = await DriverBench.begun();
      bench.answering(peer);
      bench.hear(peer, peer.introduce('agent-2'));

      const checks = await examine(bench);

      assert.isTrue(named(checks, 'udp_out')[0]?.ok);
      assert.deepInclude(named(checks, 'udp_in')[0], { ok: false });
      assert.match(named(checks, 'udp_in')[0]?.fix ?? '', /^firsthand inspect mesh/);
    });

    it('are tried with two agents, those that are connected first', async () => {
      const [far, near, other] = [new Speaker(2), new Speaker(3), new Speaker(4)];
      const bench = await acquainted(near, other);
      bench.hear(far, far.introduce('far'));

      const checks = await examine(bench);

      assert.sameMembers(
        named(checks, 'udp_out').map(({ subject }) => subject),
        ['agent-2', 'agent-3'],
      );
    });

    it('are not waited for longer than need be', async () => {
      const peer = new Speaker(2);
      const bench = await acquainted(peer);
      answersLooks(bench, peer);
      const startMs = bench.clock.monoMs;

      await examine(bench);

      assert.isAtMost(bench.clock.monoMs - startMs, 500);
    });
  });

  describe('clocks', () => {
    async function withSkews(...skewsMs: readonly number[]): Promise<DriverBench> {
      const peers = skewsMs.map((_, i) => new Speaker(i + 2));
      const bench = await acquainted(...peers);
      bench.probes.onSent = bytes => {
        const probe = bench.me.probeCodec.decodeProbe(bytes);
        if (probe === undefined || probe === 'foreign' || probe.body.type !== 'ping') return;
        const index = peers.findIndex(({ peer }) => peer === probe.to);
        const { nonce } = probe.body;
        const wallMs = startWallMs + bench.clock.monoMs + (skewsMs[index] ?? 0);
        bench.clock.soon(() => {
          const peer = peers[index];
          if (peer !== undefined)
            bench.probed(peer, peer.datagram(bench.me.peer, { type: 'ack', nonce }, { wallMs }));
        });
      };
      bench.pass(10_000);
      return bench;
    }

    it.each([
      [[0, 10, -10], true, /^0 ms from the median of 3 agents$/],
      [[900, 900, 900], true, /^900 ms from the median of 3 agents$/],
      [[5_000, 5_000, 0], false, /^this clock is 5\.0 s behind the median of 3 agents$/],
      [[-5_000], false, /^this clock is 5\.0 s ahead of the median of 1 agent$/],
    ])('of others that differ by %j ms: well is %s', async (skewsMs, ok, detail) => {
      const [check] = named(await examine(await withSkews(...skewsMs)), 'clock');

      assert.equal(check?.ok, ok);
      assert.match(check?.detail ?? '', detail);
      assert.equal(check?.fix, ok ? undefined : 'timedatectl set-ntp true');
    });

    it('name the one that is wrong among many', async () => {
      const checks = named(await examine(await withSkews(0, 60_000, 0, -60_000)), 'clock');

      assert.deepEqual(
        checks.map(({ subject, ok }) => [subject, ok]),
        [
          [undefined, true],
          ['agent-5', false],
          ['agent-3', false],
        ],
      );
      assert.match(checks[2]?.detail ?? '', /the clock of agent-3 is 60\.0 s ahead of the others/);
      assert.equal(checks[2]?.fix, 'on agent-3: timedatectl set-ntp true');
    });
  });

  it('tells of a slow event loop', async () => {
    const bench = await DriverBench.begun();
    bench.loopDelayMs = 250;

    const [check] = named(await examine(bench), 'event_loop');

    assert.deepInclude(check, { ok: false });
    assert.match(check?.detail ?? '', /below 250 ms; above 100 ms it takes healthy agents for silent/);
    assert.match(check?.fix ?? '', /^systemctl set-property firsthand\.service CPUWeight=/);
  });

  it('tells how mDNS fares on each interface', async () => {
    const bench = await DriverBench.begun();
    bench.network.mdnsFindings = [{ name: 'eth0' }, { name: 'wlan0', problem: 'cannot be used: EPERM' }];

    const checks = named(await examine(bench), 'mdns');

    assert.deepInclude(checks[0], { subject: 'eth0', ok: true });
    assert.deepInclude(checks[1], { subject: 'wlan0', ok: false, detail: 'cannot be used: EPERM' });
    assert.match(checks[1]?.fix ?? '', /^ip link set wlan0 multicast on/);
  });

  it('tells of a limit that is nearly reached, and a higher one', async () => {
    const bench = await DriverBench.begun();
    const registered = Promise.all(
      Array.from({ length: 901 }, (_, i) =>
        bench.driver.register({ action: 'register', id: `svc-${i}`, node: nodeFields() }),
      ),
    );
    bench.clock.turn();
    while (bench.store.pendingCount > 0) await bench.store.succeed();
    await registered;

    const checks = named(await examine(bench), 'limits');

    assert.deepEqual(checks, [
      { name: 'limits', subject: 'full_mesh_max_count', ok: true, detail: '1 of 200 agents' },
      {
        name: 'limits',
        subject: 'hosted_max_count',
        ok: false,
        detail: '901 of 1000 hosted services',
        fix: 'hosted_max_count: 2000',
      },
    ]);
  });

  it.each([
    [undefined, true, undefined],
    [256, true, undefined],
    [255, false, 'LimitNOFILE=512   # or: ulimit -n 512'],
  ])('with at most %s open files is well: %s', async (openFilesMax, ok, fix) => {
    const bench = await DriverBench.begun();
    bench.openFilesMax = openFilesMax;

    const [check] = named(await examine(bench), 'open_files');

    assert.equal(check?.ok, ok);
    assert.equal(check?.fix, fix);
  });
});
