/** What we follow of SWIM and Lifeguard, sentence by sentence. */

import { assert, describe, it } from 'vitest';
import { tickMaxMs } from '../../../../src/core/swim/detector.ts';
import { Speaker } from '../../../record-builder.ts';
import { DetectorBench, type Sent } from './detector-bench.ts';

/** Everybody has answered once, so waits follow the round trips. */
function warm(others: number, settings = {}): DetectorBench {
  const bench = new DetectorBench({ others, settings });
  bench.pass(2_000 + others * 2_000);
  bench.clear();
  return bench;
}

function nonceOf(sent: Sent | undefined): number {
  const body = sent?.message.body;
  return body?.type === 'ping' ? body.nonce : 0;
}

/** Lets the member be probed and found silent. */
function suspect(bench: DetectorBench, ...members: readonly Speaker[]): void {
  bench.silence(...members);
  bench.until(() => members.every(member => bench.stateOf(member) === 'suspect'));
}

describe('core/swim/detector', () => {
  describe('probing', () => {
    it('probes one member per interval', () => {
      const bench = new DetectorBench({ others: 5 });

      bench.pass(20_000);

      assert.approximately(bench.sentTo(undefined, 'ping').length, 20, 1);
    });

    it('probes everybody once a round', () => {
      const bench = new DetectorBench({ others: 8 });

      bench.until(() => bench.sentTo(undefined, 'ping').length === 8);

      assert.equal(new Set(bench.sent.map(({ to }) => to)).size, 8);
    });

    it('does not begin in step with others that start at the same time', () => {
      const begins = Array.from({ length: 10 }, (_, seed) => {
        const bench = new DetectorBench({ others: 1, seed });
        bench.until(() => bench.sent.length > 0);
        return bench.monoMs;
      });

      assert.isAtLeast(new Set(begins).size, 3);
    });

    it('asks three helpers, and over the link at the same time, when there is no direct answer', () => {
      const bench = warm(6);
      const target = bench.speaker(2);
      bench.linked.add(target);
      bench.silence(target);

      bench.until(() => bench.sentTo(target, 'ping').length > 0);
      const nonce = nonceOf(bench.sentTo(target, 'ping')[0]);
      bench.pass(bench.detector.ackTimeoutMs - 20);
      const early = bench.sentTo(undefined, 'ping-request').length;
      bench.pass(20);

      const requests = bench.sentTo(undefined, 'ping-request');
      assert.equal(early, 0);
      assert.lengthOf(requests, 3);
      assert.equal(new Set(requests.map(({ to }) => to)).size, 3);
      assert.isTrue(requests.every(({ to }) => to !== target));
      for (const { message } of requests) {
        assert.deepEqual(message.body, { type: 'ping-request', nonce, target: target.peer });
      }
      assert.deepEqual(
        bench.effects.filter(({ type }) => type === 'ping'),
        [{ type: 'ping', peer: target.peer }],
      );
    });

    it('takes the answer that a helper relays', () => {
      const bench = warm(5);
      const target = bench.speaker(2);
      bench.silence(target);
      bench.reachedByOthers.add(target);

      bench.pass(20_000);

      assert.equal(bench.stateOf(target), 'alive');
      assert.match(bench.member(target).reach.history, /I+$/);
      assert.deepEqual(bench.changes, []);
    });

    it('takes an answer over the link, where no datagram gets through', () => {
      const bench = warm(3);
      const target = bench.speaker(2);
      bench.linked.add(target);
      bench.onLink.add(target);
      bench.silence(target);

      bench.pass(20_000);

      assert.deepEqual(bench.changes, []);
      assert.equal(bench.member(target).rttMs, 3);
      assert.match(bench.member(target).reach.history, /L+$/);
    });

    it('suspects who answers neither directly, nor through helpers, nor over the link', () => {
      const bench = warm(5);
      const target = bench.speaker(2);
      bench.silence(target);

      bench.until(() => bench.sentTo(target, 'ping').length > 0);
      const tookMs = bench.until(() => bench.stateOf(target) === 'suspect');

      assert.approximately(tookMs, 2 * bench.detector.ackTimeoutMs, 20);
      assert.match(bench.member(target).reach.history, /x$/);
      assert.deepEqual(bench.changes, ['agent-2 alive>suspect']);
    });

    it('shortens the wait where the network is fast', () => {
      const bench = new DetectorBench({ others: 3 });
      const before = bench.detector.ackTimeoutMs;

      bench.pass(10_000);

      assert.deepEqual([before, bench.detector.ackTimeoutMs], [500, 200]);
    });

    it('measures round trip and clock of who answers', () => {
      const bench = new DetectorBench({ others: 1 });
      const peer = bench.speaker(2);
      bench.silence(peer);
      bench.until(() => bench.sentTo(peer, 'ping').length > 0);
      const [ping] = bench.sentTo(peer, 'ping');
      bench.monoMs = (ping?.atMs ?? 0) + 40;

      bench.send(peer, { type: 'ack', nonce: nonceOf(ping) }, { wallMs: bench.now.wallMs - 20 + 5_000 });

      assert.equal(bench.member(peer).rttMs, 40);
      assert.equal(bench.member(peer).skewMs, 5_000);
    });
  });

  describe('helping', () => {
    function asked() {
      const bench = warm(3);
      const [target, helped] = [bench.speaker(2), bench.speaker(3)];
      bench.silence(target);
      bench.send(helped, { type: 'ping-request', nonce: 77, target: target.peer });
      const ping = bench.sentTo(target, 'ping').at(-1);
      const body = ping?.message.body.type === 'ping' ? ping.message.body : undefined;
      return { bench, target, helped, body };
    }

    it('asks the target where it knows it to be, in the name of who asked', () => {
      const { bench, target, helped, body } = asked();

      assert.deepEqual(body?.origin, { peer: helped.peer, nonce: 77 });
      assert.notEqual(body?.nonce, 77);
      assert.equal(bench.sentTo(target, 'ping').at(-1)?.address, target.probeAddress);
    });

    it('passes on the answer as the target signed it', () => {
      const { bench, target, helped, body } = asked();
      const answer = {
        type: 'ack',
        nonce: body?.nonce ?? 0,
        origin: { peer: helped.peer, nonce: 77 },
      } as const;
      const probe = target.probe(bench.me.peer, answer);

      bench.do(bench.detector.received(probe, bench.now));

      const [relay] = bench.sentTo(helped, 'relay');
      assert.deepEqual(relay?.message.body.type === 'relay' && relay.message.body.ack, probe.wire);
      bench.pass(1_000);
      assert.lengthOf(bench.sentTo(helped, 'nack'), 0);
    });

    it('says so when there is no answer, at 80 % of the wait', () => {
      const { bench, helped } = asked();
      const waitMs = bench.detector.ackTimeoutMs;

      bench.pass(0.8 * waitMs - 1);
      const before = bench.sentTo(helped, 'nack').length;
      bench.pass(1);

      assert.equal(before, 0);
      assert.deepEqual(
        bench.sentTo(helped, 'nack').map(({ message }) => message.body),
        [{ type: 'nack', nonce: 77 }],
      );
    });

    it('passes nothing on that comes too late, or from another one', () => {
      const { bench, target, helped, body } = asked();
      const nonce = body?.nonce ?? 0;

      bench.send(bench.speaker(4), { type: 'ack', nonce, origin: { peer: helped.peer, nonce: 77 } });
      bench.send(target, { type: 'ack', nonce, origin: { peer: target.peer, nonce: 77 } });
      bench.pass(1_000);
      bench.send(target, { type: 'ack', nonce, origin: { peer: helped.peer, nonce: 77 } });

      assert.lengthOf(bench.sentTo(undefined, 'relay'), 0);
      assert.lengthOf(bench.sentTo(helped, 'nack'), 1);
    });

    it('asks nobody whom it does not know, and not for more than 64 at a time', () => {
      const { bench, helped, target } = asked();
      bench.clear();

      bench.send(helped, { type: 'ping-request', nonce: 1, target: new Speaker(99).peer });
      bench.send(helped, { type: 'ping-request', nonce: 1, target: bench.me.peer });
      const forUnknown = bench.sentTo(undefined, 'ping').length;
      for (let i = 0; i < 100; i++)
        bench.send(helped, { type: 'ping-request', nonce: i, target: target.peer });

      assert.equal(forUnknown, 0);
      assert.lengthOf(bench.sentTo(target, 'ping'), 63, 'one was under way');
    });
  });

  describe('local health', () => {
    it.each([
      [3, 0],
      [2, 1],
      [1, 1],
      [0, 1],
    ])('with %i of three helpers saying that they got no answer either is %i', (nacks, expected) => {
      const bench = warm(4);
      const [target, ...helpers] = bench.others as [Speaker, ...Speaker[]];
      for (const helper of helpers.slice(nacks)) bench.helpful.delete(helper);
      bench.silence(target);
      bench.until(() => bench.sent.length > 0); // No round falls due before this probe has ended.

      bench.do(bench.detector.linkDown(target.peer, true, bench.now));
      bench.until(() => bench.stateOf(target) === 'suspect', 900);

      assert.equal(bench.detector.localHealth, expected);
    });

    it.each([
      [0, 200],
      [1, 400],
      [2, 600],
    ])('of %i stretches the wait for an answer to %i ms', (health, expectedMs) => {
      const bench = warm(4);
      const target = bench.speaker(2);
      bench.silence(target);
      const isQuiet = () => bench.sent.length > 0 && bench.member(target).probe === undefined;
      bench.until(() => isQuiet() && bench.sent.at(-1)?.to !== target);
      bench.pass(10); // Answered; the next round is an interval away.
      for (let i = 0; i < health; i++)
        bench.accuse(bench.speaker(3), bench.me, { epoch: 10, incarnation: i });
      bench.until(() => bench.detector.localHealth === health);
      bench.clear();

      bench.do(bench.detector.linkDown(target.peer, true, bench.now));
      const tookMs = bench.until(() => bench.sentTo(undefined, 'ping-request').length > 0, 900);

      assert.approximately(tookMs, expectedMs, 10);
    });

    it('gets better with each answer', () => {
      const bench = warm(4);
      for (let i = 0; i < 2; i++) bench.accuse(bench.speaker(3), bench.me, { epoch: 10, incarnation: i });
      const before = bench.detector.localHealth;

      bench.until(() => bench.detector.localHealth === 0, 10_000);

      assert.equal(before, 2);
    });

    it('suffers when it has to refute, and when the loop was late', () => {
      const bench = warm(3);

      bench.accuse(bench.speaker(2), bench.me, { epoch: 10 });
      const refuted = bench.detector.localHealth;
      bench.stall(620);

      assert.deepEqual([refuted, bench.detector.localHealth], [1, 2]);
    });

    it('does not slow down who is cut off from everybody', () => {
      const bench = warm(3);
      suspect(bench, ...bench.others);
      const [first] = bench.others as [Speaker];
      bench.until(() => bench.member(first).probe === undefined);
      bench.clear();

      bench.do(bench.detector.check(first.peer, bench.now));
      bench.until(() => bench.sentTo(first, 'ping').length > 0);
      const failures = () => bench.member(first).reach.history.length;
      const before = failures();
      const tookMs = bench.until(() => failures() > before);

      assert.isAbove(bench.detector.localHealth, 0);
      assert.isAtMost(tookMs, 2 * bench.detector.ackTimeoutMs + 20);
    });
  });

  describe('suspicion', () => {
    it.each([
      [[], 18_000],
      [[3], 8_500],
      [[3, 3, 3], 8_500],
      [[3, 4], 3_000],
      [[3, 4, 5, 6], 3_000],
    ] as const)('that is confirmed by %j ends after %i ms', (confirmers, expectedMs) => {
      const bench = warm(9);
      const target = bench.speaker(2);
      suspect(bench, target);
      const { monoMs } = bench;

      for (const number of confirmers) {
        bench.accuse(bench.speaker(number), target);
        bench.accuse(bench.speaker(number), target, {}, 'dead');
      }

      // 10 members take part: at least 3 s, at most 18, and two confirmations bring it down.
      assert.approximately(bench.detector.verdictLeftMs(bench.member(target), monoMs) ?? 0, expectedMs, 50);
    });

    it('ends with the verdict when nobody refutes, and is told', () => {
      const bench = warm(9);
      const target = bench.speaker(2);
      suspect(bench, target);
      for (const number of [3, 4]) bench.accuse(bench.speaker(number), target);

      const tookMs = bench.until(() => bench.stateOf(target) === 'dead');

      assert.approximately(tookMs, 3_000, 400);
      assert.deepEqual(bench.changes, ['agent-2 alive>suspect', 'agent-2 suspect>dead']);
      bench.pass(500);
      const said = bench.sent.flatMap(({ message }) => message.claims).map(({ kind }) => kind);
      assert.include(said, 'suspect');
      assert.include(said, 'dead');
    });

    it('is looked into once more before the verdict, when the last look was long ago', () => {
      // One strike, and the next look comes after half a minute; the suspicion lasts eighteen seconds.
      const bench = warm(9, { strikesMaxCount: 0, strikeBackoffMinMs: 60_000, strikeBackoffMaxMs: 60_000 });
      const target = bench.speaker(2);
      suspect(bench, target);
      bench.pass(10_000);
      bench.well.add(target);
      bench.clear();

      bench.pass(10_000);

      assert.deepEqual(bench.changes, ['agent-2 suspect>alive']);
    });

    it('is not told round once more when enough others have said it', () => {
      const bench = warm(9);
      const target = bench.speaker(2);
      bench.silence(target);
      for (const number of [3, 4, 5, 6]) bench.accuse(bench.speaker(number), target);

      bench.until(() => bench.stateOf(target) === 'suspect');
      bench.pass(2_000);

      const told = bench.sent.filter(
        ({ to, message }) => to !== target && message.claims.some(({ issuer }) => issuer === bench.me.peer),
      );
      assert.deepEqual(told, []);
    });

    it('is told to the suspect first of all, in its own ping, whatever else is new', () => {
      const bench = warm(9);
      const target = bench.speaker(2);
      suspect(bench, target);
      bench.pass(4_000); // Our own word has gone round by then.
      for (const number of [3, 4, 5, 6]) {
        for (const victim of [7, 8, 9]) bench.accuse(bench.speaker(number), bench.speaker(victim));
      }
      bench.clear();

      bench.until(() => bench.sentTo(target, 'ping').length > 0);

      assert.deepInclude(bench.sentTo(target, 'ping')[0]?.message.claims[0], {
        kind: 'suspect',
        issuer: bench.me.peer,
        subject: target.peer,
      });
    });

    it('is told to the suspect in the ack of its ping', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);
      bench.pass(2_500);
      bench.clear();

      bench.send(target, { type: 'ping', nonce: 5 });

      assert.deepInclude(bench.sentTo(target, 'ack')[0]?.message.claims[0], {
        kind: 'suspect',
        subject: target.peer,
      });
    });

    it('ends at once when the member answers', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);

      bench.well.add(target);
      bench.until(() => bench.stateOf(target) === 'alive', 3_000);

      assert.deepEqual([...bench.member(target).accusers], []);
      bench.pass(30_000);
      assert.equal(bench.stateOf(target), 'alive');
    });

    it('ends when the member refutes it, heard from whomever', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);
      const refutation = target.claim('alive', target.peer, { incarnation: 1 });

      bench.send(bench.speaker(3), { type: 'news' }, { claims: [refutation] });

      assert.equal(bench.stateOf(target), 'alive');
      assert.deepEqual(bench.member(target).life, { epoch: 1, incarnation: 1 });
      const old = bench.speaker(4).claim('suspect', target.peer);
      assert.isFalse(bench.detector.wants(old, bench.speaker(4).peer, bench.now), 'of the life before');
    });

    it('does not end with what the member had said before', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);

      const same = target.claim('alive', target.peer, { incarnation: 0 });

      assert.isFalse(bench.detector.wants(same, target.peer, bench.now));
      bench.do(bench.detector.heard({ claims: [same] }, target.peer, bench.now));
      assert.equal(bench.stateOf(target), 'suspect');
    });

    it('ends when a connection stands again', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);

      bench.do(bench.detector.linkUp(target.peer, bench.now));

      assert.equal(bench.stateOf(target), 'alive');
    });

    it('of ourselves is refuted by a higher incarnation, which goes round', () => {
      const bench = warm(4);

      bench.accuse(bench.speaker(2), bench.me, { epoch: 10 });

      assert.deepEqual(bench.detector.life, { epoch: 10, incarnation: 1 });
      const said = bench.sent.flatMap(({ message }) => message.claims);
      assert.isNotEmpty(said);
      assert.isTrue(
        said.every(each => each.kind === 'alive' && each.subject === bench.me.peer && each.incarnation === 1),
      );
      bench.clear();
      bench.accuse(bench.speaker(3), bench.me, { epoch: 10 });
      assert.equal(bench.detector.life.incarnation, 1, 'refuted already');
    });

    it.each([
      ['a later incarnation', { epoch: 10, incarnation: 1 }],
      ['the highest incarnation there is', { epoch: 10, incarnation: 2 ** 32 - 1 }],
      ['a later epoch', { epoch: 11 }],
      ['an earlier epoch', { epoch: 9, incarnation: 99 }],
    ])('of ourselves in %s than we ever had is a lie, and changes nothing', (_, life) => {
      const bench = warm(4);

      bench.accuse(bench.speaker(2), bench.me, life);
      bench.do(
        bench.detector.heard(
          { claims: [bench.speaker(2).claim('dead', bench.me.peer, life)] },
          bench.speaker(2).peer,
          bench.now,
        ),
      );

      assert.deepEqual(bench.detector.life, { epoch: 10, incarnation: 0 });
    });
  });

  describe('timers', () => {
    it('of an older probe are ignored', () => {
      const bench = warm(4);
      const before = bench.detector.localHealth;
      bench.clear();

      bench.wake({ type: 'probe-overdue', nonce: 12_345 });
      bench.wake({ type: 'errand-overdue', nonce: 12_345 });

      assert.deepEqual([bench.effects, bench.changes, bench.detector.localHealth], [[], [], before]);
    });

    it('that come late are set anew before they are believed', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      bench.silence(target);
      bench.do(bench.detector.check(target.peer, bench.now));
      const nonce = nonceOf(bench.sentTo(target, 'ping').at(-1));

      bench.monoMs += 3 * bench.detector.ackTimeoutMs;
      bench.wake({ type: 'probe-overdue', nonce });
      const requests = bench.sentTo(undefined, 'ping-request').length;
      bench.monoMs += bench.detector.ackTimeoutMs;
      bench.wake({ type: 'probe-overdue', nonce });

      assert.equal(requests, 0);
      assert.lengthOf(bench.sentTo(undefined, 'ping-request'), 3);
    });

    it('of the stage before do not end the present one', () => {
      const bench = warm(5);
      const target = bench.speaker(2);
      bench.linked.add(target);
      bench.silence(target);
      bench.do(bench.detector.check(target.peer, bench.now));
      const nonce = nonceOf(bench.sentTo(target, 'ping').at(-1));
      bench.monoMs += 100;
      bench.do(bench.detector.refused(target.peer, bench.now)); // Linked: the others are asked at once.

      bench.monoMs += 100;
      bench.wake({ type: 'probe-overdue', nonce });

      assert.equal(bench.stateOf(target), 'alive');
    });

    it.each([1_200, 10_000])(
      'after a stall of %i ms no verdict is passed before the others had time to answer',
      stallMs => {
        const bench = warm(9);
        const target = bench.speaker(2);
        suspect(bench, target);
        for (const number of [3, 4]) bench.accuse(bench.speaker(number), target);
        bench.until(() => (bench.detector.verdictLeftMs(bench.member(target), bench.monoMs) ?? 0) < 600);
        bench.well.add(target);

        bench.stall(stallMs);
        const atOnce = bench.stateOf(target);
        bench.pass(3_000);

        assert.equal(atOnce, 'suspect');
        assert.equal(bench.stateOf(target), 'alive');
        assert.notInclude(bench.changes, 'agent-2 suspect>dead');
      },
    );

    it('after a stall of an interval it says that it lives, for it may have been given up', () => {
      const bench = warm(3);

      bench.stall(1_100);
      const short = bench.detector.life.incarnation;
      bench.stall(2_000);

      assert.deepEqual([short, bench.detector.life.incarnation], [0, 1]);
      assert.include(
        bench.sent.flatMap(({ message }) => message.claims).map(({ kind }) => kind),
        'alive',
      );
    });
  });

  describe('leaving', () => {
    it('beats suspicion, and is never a failure', () => {
      const bench = warm(4);
      const target = bench.speaker(2);
      suspect(bench, target);

      bench.send(bench.speaker(3), { type: 'news' }, { claims: [target.claim('left')] });
      bench.clear();
      const accusation = bench.speaker(3).claim('dead', target.peer);
      assert.isFalse(bench.detector.wants(accusation, bench.speaker(3).peer, bench.now));
      bench.accuse(bench.speaker(4), target);
      bench.do(bench.detector.linkDown(target.peer, true, bench.now));
      bench.do(bench.detector.refused(target.peer, bench.now));
      bench.do(bench.detector.dialFailed(target.peer, true, 'refused', bench.now));
      bench.pass(60_000);

      assert.equal(bench.stateOf(target), 'left');
      assert.deepEqual(bench.changes, []);
      assert.lengthOf(bench.sentTo(target, 'ping'), 0);
    });

    it('is told by its record as well, also of somebody never met', () => {
      const bench = new DetectorBench({ others: 1 });
      const fields = { ...bench.fieldsOf(bench.speaker(2)), peer: 'somebody', id: 'x' };

      bench.do(bench.detector.left(fields, 3, bench.now));

      assert.equal(bench.detector.member('somebody')?.state, 'left');
    });

    it('is not undone by a refutation of the same epoch, but by a new start', () => {
      const bench = warm(3);
      const target = bench.speaker(2);
      bench.send(bench.speaker(3), { type: 'news' }, { claims: [target.claim('left')] });

      bench.send(
        bench.speaker(3),
        { type: 'news' },
        { claims: [target.claim('alive', target.peer, { incarnation: 5 })] },
      );
      const still = bench.stateOf(target);
      bench.meet(target, 2);

      assert.deepEqual([still, bench.stateOf(target)], ['left', 'alive']);
    });

    it('is said to everybody directly', () => {
      const bench = warm(6);

      bench.do(bench.detector.leave(bench.now));

      const told = bench.sent.filter(({ message }) => message.claims[0]?.kind === 'left').map(({ to }) => to);
      assert.sameMembers(told, [...bench.others]);
    });
  });

  describe('the dead', () => {
    function withDead(others = 9, settings: Parameters<typeof warm>[1] = {}) {
      const bench = warm(others, settings);
      const target = bench.speaker(2);
      suspect(bench, target);
      for (const number of [3, 4]) bench.accuse(bench.speaker(number), target);
      bench.until(() => bench.stateOf(target) === 'dead');
      bench.clear();
      return { bench, target };
    }

    it('come back by a later life only: who merely answers is told of its death, and refutes', () => {
      const { bench, target } = withDead();
      bench.well.add(target);

      bench.until(() => bench.sentTo(target, 'news').length > 0);
      const answered = bench.stateOf(target);
      const [told] = bench.sentTo(target, 'news')[0]?.message.claims ?? [];
      bench.send(target, { type: 'news' }, { incarnation: 1 });

      assert.equal(answered, 'dead');
      assert.deepInclude(told, { kind: 'dead', subject: target.peer });
      assert.equal(bench.stateOf(target), 'alive');
    });

    it('do not come back by a fresh record of the same epoch, but at once by one of a new epoch', () => {
      const { bench, target } = withDead();

      bench.meet(target, 1);
      const same = bench.stateOf(target);
      bench.meet(target, 2);

      assert.deepEqual([same, bench.stateOf(target)], ['dead', 'alive']);
    });

    it('are asked by each the more rarely, the more there are who ask', () => {
      const asked = (others: number) => {
        const { bench, target } = withDead(others, { strikesMaxCount: 100 });
        bench.pass(2_400);
        return bench.sentTo(target, 'ping').length;
      };

      assert.isAtLeast(asked(9), 1);
      assert.equal(asked(250), 0);
    });

    it('are told over a new connection what is said of them', () => {
      const { bench, target } = withDead();

      bench.do(bench.detector.linkUp(target.peer, bench.now));

      const sends = bench.effects.flatMap(effect => (effect.type === 'send' ? [effect] : []));
      assert.equal(sends[0]?.to, target.peer);
      const { message } = sends[0] ?? {};
      assert.deepInclude(message?.type === 'claims' && message.claims[0], {
        kind: 'dead',
        subject: target.peer,
      });
      assert.equal(bench.stateOf(target), 'dead');
    });

    it('are probed ever more rarely, but for ever', () => {
      const { bench, target } = withDead();

      bench.pass(600_000);

      const times = bench.sentTo(target, 'ping').map(({ atMs }) => atMs);
      const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
      const late = pauses.slice(-5);
      assert.isAtMost(Math.max(...pauses.slice(0, 2)), 8_000 + tickMaxMs);
      assert.isAtLeast(Math.min(...late), 15_000);
      assert.isAtMost(Math.max(...late), 32_000);
    });

    it.each([
      [1, 1_000, 4_000],
      [5, 500, 60_000],
    ])(
      'wait after %i strikes from %i ms up to %i ms',
      (strikesMaxCount, strikeBackoffMinMs, strikeBackoffMaxMs) => {
        const bench = warm(4, { strikesMaxCount, strikeBackoffMinMs, strikeBackoffMaxMs });
        const target = bench.speaker(2);
        bench.silence(target);
        bench.until(() => bench.member(target).reach.strikes > strikesMaxCount);
        const failedMs = bench.monoMs;
        bench.clear();

        bench.until(() => bench.sentTo(target, 'ping').length > 0);
        const firstPauseMs = bench.monoMs - failedMs;
        bench.pass(600_000);

        const times = bench.sentTo(target, 'ping').map(({ atMs }) => atMs);
        const pauses = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
        assert.isAtLeast(firstPauseMs, strikeBackoffMinMs / 2 - 10);
        assert.isAtMost(firstPauseMs, strikeBackoffMinMs + 510);
        // Between half of the longest pause and all of it, and the probe itself.
        assert.isAtLeast(Math.max(...pauses), strikeBackoffMaxMs / 2);
        assert.isAtMost(Math.max(...pauses), strikeBackoffMaxMs + 2_000);
      },
    );
  });
});
