/** What is taken in, what is not, and that no answer is larger than its question. */
import { assert, describe, it } from 'vitest';
import { datagramMaxBytes, type ProbeMessage } from '../../../../src/core/swim/message.ts';
import { pingMinBytes, pingRequestMinBytes } from '../../../../src/wire/probe.ts';
import { Speaker } from '../../../record-builder.ts';
import { DetectorBench, type Sent } from './detector-bench.ts';

const lateLife: Partial<ProbeMessage> = {
  epoch: Number.MAX_SAFE_INTEGER,
  incarnation: 2 ** 32 - 1,
  counter: Number.MAX_SAFE_INTEGER,
  wallMs: Number.MAX_SAFE_INTEGER,
};

/** Has more to tell than fits into any datagram, and suspects number 2. */
function talkative(): DetectorBench {
  const bench = new DetectorBench({ others: 12, epoch: Number.MAX_SAFE_INTEGER });
  bench.pass(10_000);
  const target = bench.speaker(2);
  bench.silence(target);
  bench.until(() => bench.stateOf(target) === 'suspect');
  for (const accuser of [3, 4, 5, 6, 7]) {
    for (const victim of [8, 9, 10]) bench.accuse(bench.speaker(accuser), bench.speaker(victim));
  }
  bench.clear();
  return bench;
}

function sizes(sent: readonly Sent[]): number {
  return sent.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

describe('core/swim/detector, datagrams', () => {
  describe('screened before a signature is checked', () => {
    const bench = new DetectorBench({ others: 2 });
    const peer = bench.speaker(2);
    bench.meet(peer, 5);
    bench.send(peer, { type: 'news' }, { epoch: 5, counter: 2_000 });
    const from = (fields: object) =>
      bench.detector.screen(
        { from: peer.peer, to: bench.me.peer, epoch: 5, counter: 2_001, ...fields },
        peer.probeAddress,
        bench.now,
      );

    it.each<readonly [string, object, string | undefined]>([
      ['news of a member', {}, undefined],
      ['of a later epoch', { epoch: 6, counter: 1 }, undefined],
      ['one of a stranger', { from: new Speaker(99).peer }, undefined],
      ['one of ours that came back', { from: bench.me.peer }, 'own'],
      ['one for somebody else', { to: peer.peer }, 'not-for-us'],
      ['one of an earlier epoch', { epoch: 4, counter: 3_000 }, 'old-epoch'],
      ['a replay', { counter: 2_000 }, 'replayed'],
      ['a replay of long ago', { counter: 976 }, 'replayed'],
    ])('%s: %j is %s', (_, fields, expected) => {
      assert.equal(from(fields), expected);
    });

    it('a member may send 200 at once and 50 a second, from each address', () => {
      const flooded = new DetectorBench({ others: 2 });
      const screen = (counter: number, address = peer.probeAddress) =>
        flooded.detector.screen(
          { from: peer.peer, to: flooded.me.peer, epoch: 1, counter },
          address,
          flooded.now,
        );

      const results = Array.from({ length: 300 }, (_, i) => screen(i));
      flooded.monoMs += 1_000;
      const later = Array.from({ length: 300 }, (_, i) => screen(i));

      const taken = (all: readonly unknown[]) => all.filter(each => each === undefined).length;
      assert.equal(taken(results), 200);
      assert.include(results, 'sender-rate');
      assert.equal(taken(later), 50);
      assert.isUndefined(screen(1, 'elsewhere:1'), 'whoever forges the name does not use up its share');
    });

    it('all strangers together may send 100 at once', () => {
      const flooded = new DetectorBench({ others: 1 });

      const results = Array.from({ length: 200 }, (_, i) =>
        flooded.detector.screen(
          { from: `stranger ${i}`, to: flooded.me.peer, epoch: 1, counter: 1 },
          'x:1',
          flooded.now,
        ),
      );

      assert.equal(results.filter(each => each === undefined).length, 100);
      assert.include(results, 'stranger-rate');
    });
  });

  it('is taken once, however often it comes', () => {
    const bench = new DetectorBench({ others: 2 });
    const probe = bench.speaker(2).probe(bench.me.peer, { type: 'ping', nonce: 1 });

    bench.do(bench.detector.received(probe, bench.now));
    bench.do(bench.detector.received(probe, bench.now));

    assert.lengthOf(bench.sentTo(bench.speaker(2), 'ack'), 1);
  });

  it('is answered where it came from', () => {
    const bench = new DetectorBench({ others: 2 });
    const probe = {
      ...bench.speaker(2).probe(bench.me.peer, { type: 'ping', nonce: 1 }),
      address: '192.0.2.7:1',
    };

    bench.do(bench.detector.received(probe, bench.now));

    assert.deepInclude(bench.sent[0], { address: '192.0.2.7:1' });
    assert.deepInclude(bench.sent[0]?.message, {
      to: bench.speaker(2).peer,
      body: { type: 'ack', nonce: 1 },
    });
  });

  it('of a newcomer whose record is on its way is answered, and nothing is kept of it', () => {
    const bench = new DetectorBench({ others: 1 });
    const stranger = new Speaker(50);

    bench.send(stranger, { type: 'ping', nonce: 9 });
    bench.send(stranger, { type: 'ping-request', nonce: 9, target: bench.speaker(2).peer });
    bench.send(stranger, { type: 'nack', nonce: 9 });

    assert.deepEqual(
      bench.sent.map(({ message }) => [message.to, message.body]),
      [[stranger.peer, { type: 'ack', nonce: 9 }]],
    );
    assert.isUndefined(bench.detector.member(stranger.peer));
  });

  it('of a later epoch is a new life at once, also of the dead and of who left', () => {
    const bench = new DetectorBench({ others: 3 });
    const [left, silent] = [bench.speaker(2), bench.speaker(3)];
    bench.send(left, { type: 'news' }, { claims: [left.claim('left')] });
    bench.silence(silent);
    bench.until(() => bench.stateOf(silent) === 'suspect');

    for (const speaker of [left, silent]) bench.send(speaker, { type: 'news' }, { epoch: 2, counter: 1 });

    assert.deepEqual([bench.stateOf(left), bench.stateOf(silent)], ['alive', 'alive']);
    assert.deepEqual(bench.member(left).life, { epoch: 2, incarnation: 0 });
  });

  describe('nobody answers for others', () => {
    function asking() {
      const bench = new DetectorBench({ others: 5 });
      bench.pass(10_000);
      const target = bench.speaker(2);
      bench.silence(target);
      bench.clear();
      bench.do(bench.detector.check(target.peer, bench.now));
      const body = bench.sentTo(target, 'ping')[0]?.message.body;
      return { bench, target, nonce: body?.type === 'ping' ? body.nonce : 0 };
    }

    it('with an ack of its own', () => {
      const { bench, target, nonce } = asking();

      bench.send(bench.speaker(3), { type: 'ack', nonce });
      bench.pass(1_000);

      assert.equal(bench.stateOf(target), 'suspect');
    });

    it('with an ack that the target gave to somebody else', () => {
      const { bench, target, nonce } = asking();

      bench.send(target, { type: 'ack', nonce, origin: { peer: bench.speaker(3).peer, nonce } });
      bench.pass(1_000);

      assert.equal(bench.stateOf(target), 'suspect');
    });

    it('with the relayed ack of another one', () => {
      const { bench, target, nonce } = asking();
      const origin = { peer: bench.me.peer, nonce };
      const ack = bench.speaker(4).datagram(bench.speaker(3).peer, { type: 'ack', nonce: 1, origin });

      bench.send(bench.speaker(3), { type: 'relay', ack });
      bench.pass(1_000);

      assert.equal(bench.stateOf(target), 'suspect');
    });

    it('with the relayed ack of an older question', () => {
      const { bench, target, nonce } = asking();
      const origin = { peer: bench.me.peer, nonce: nonce + 1 };
      const ack = target.datagram(bench.speaker(3).peer, { type: 'ack', nonce: 1, origin });

      bench.send(bench.speaker(3), { type: 'relay', ack });
      bench.pass(1_000);

      assert.equal(bench.stateOf(target), 'suspect');
    });

    it('with more nacks than helpers were asked', () => {
      const { bench, target, nonce } = asking();
      bench.helpful.clear();
      bench.until(() => bench.sentTo(undefined, 'ping-request').length > 0);
      for (let i = 0; i < 3; i++) bench.accuse(bench.speaker(4), bench.me, { epoch: 10, incarnation: i });
      const before = bench.detector.localHealth;

      for (let i = 0; i < 10; i++) bench.send(bench.speaker(3), { type: 'nack', nonce });
      bench.until(() => bench.stateOf(target) === 'suspect', 900);

      assert.equal(before, 3);
      assert.isAtLeast(bench.detector.localHealth, 2, 'one answer at most came in meanwhile');
    });
  });

  describe('an answer is never larger than its question', () => {
    it.each<readonly [string, Partial<ProbeMessage>, number]>([
      ['the smallest ping', { epoch: 1, incarnation: 0, counter: 1, wallMs: 0 }, 2],
      ['a ping with the largest numbers', lateLife, 2],
      ['a ping of one that we do not suspect', lateLife, 3],
    ])('%s', (_, life, number) => {
      const bench = talkative();
      const from = bench.speaker(number);
      const question = from.probe(bench.me.peer, { type: 'ping', nonce: 2 ** 48 - 1 }, life);

      bench.do(bench.detector.received(question, bench.now));

      const answers = bench.sentTo(from, 'ack');
      assert.lengthOf(answers, 1);
      assert.isAtMost(sizes(answers), question.wire.length);
      assert.isAtLeast(question.wire.length, pingMinBytes);
    });

    it('a ping of somebody whom we suspect, answered with what it should refute', () => {
      const bench = talkative();
      const from = bench.speaker(2);
      const claims = Array(5).fill(bench.speaker(4).claim('suspect', bench.speaker(5).peer));
      const question = from.probe(bench.me.peer, { type: 'ping', nonce: 1 }, { claims });

      bench.do(bench.detector.received(question, bench.now));

      const [answer] = bench.sentTo(from, 'ack');
      assert.deepEqual(
        answer?.message.claims.map(({ subject }) => subject),
        [from.peer],
      );
      assert.isAtMost(answer?.bytes.length ?? 0, question.wire.length);
    });

    it('a ping of a stranger', () => {
      const bench = talkative();
      const question = new Speaker(50).probe(bench.me.peer, { type: 'ping', nonce: 1 });

      bench.do(bench.detector.received(question, bench.now));

      assert.isAtMost(sizes(bench.sent), question.wire.length);
    });

    it.each([
      ['', {}],
      [' with the largest numbers', lateLife],
    ])('a ping on behalf of somebody else%s, by an ack that the helper can pass on', (_, life) => {
      const bench = talkative();
      const helper = bench.speaker(2);
      const origin = { peer: bench.speaker(3).peer, nonce: 2 ** 48 - 1 };
      const claims = Array(5).fill(bench.speaker(4).claim('suspect', bench.speaker(2).peer));
      const question = helper.probe(
        bench.me.peer,
        { type: 'ping', nonce: 2 ** 48 - 1, origin },
        { ...life, claims },
      );

      bench.do(bench.detector.received(question, bench.now));

      const [ack] = bench.sentTo(helper, 'ack');
      assert.isDefined(ack);
      const relay = helper.datagram(origin.peer, { type: 'relay', ack: ack.bytes }, lateLife);
      assert.isAtMost(ack.bytes.length, pingMinBytes);
      assert.isAtMost(relay.length, pingRequestMinBytes);
    });

    it('a ping-request, whatever the target answers', () => {
      const bench = talkative();
      const [target, helped] = [bench.speaker(5), bench.speaker(3)];
      bench.silence(target);
      const question = helped.probe(bench.me.peer, { type: 'ping-request', nonce: 7, target: target.peer });
      bench.do(bench.detector.received(question, bench.now));
      const body = bench.sentTo(target, 'ping').at(-1)?.message.body;
      const nonce = body?.type === 'ping' ? body.nonce : 0;
      const claims = Array(6).fill(target.claim('suspect', bench.speaker(2).peer));
      bench.clear();

      bench.send(target, { type: 'ack', nonce, origin: { peer: helped.peer, nonce: 7 } }, { claims });
      bench.pass(400);

      const answers = bench.sent.filter(
        ({ to, message }) => to === helped && ['relay', 'nack'].includes(message.body.type),
      );
      assert.isAtMost(sizes(answers), question.wire.length);
    });
  });

  it('never exceeds what a datagram may hold, however much there is to tell', () => {
    const bench = talkative();

    bench.pass(20_000);

    assert.isAbove(Math.max(...bench.sent.map(({ bytes }) => bytes.length)), 1_000);
    assert.isTrue(bench.sent.every(({ bytes }) => bytes.length <= datagramMaxBytes));
  });
});
