/** Rules of our own: nobody suspects on hearsay, evidence speeds up, and a partition is no mass death. */

import { assert, describe, it } from 'vitest';
import { credibilityMin } from '../../../../src/core/swim/reachability.ts';
import { accusationSpreadMs } from '../../../../src/core/swim/timing.ts';
import type { Speaker } from '../../../record-builder.ts';
import { DetectorBench } from './detector-bench.ts';

function warm(others: number, settings = {}): DetectorBench {
  const bench = new DetectorBench({ others, settings });
  bench.pass(2_000 + others * 2_000);
  bench.clear();
  return bench;
}

function kindsSaidOf(bench: DetectorBench, subject: Speaker): readonly string[] {
  return bench.sent
    .flatMap(({ message }) => message.claims)
    .filter(claim => claim.issuer === bench.me.peer && claim.subject === subject.peer)
    .map(({ kind }) => kind);
}

describe('core/swim/detector, accusations of others', () => {
  it('make us look at once, from a socket of its own, and suspect nobody', () => {
    const bench = warm(5);
    const [accuser, victim] = [bench.speaker(2), bench.speaker(3)];

    bench.accuse(accuser, victim);

    assert.deepInclude(bench.sentTo(victim, 'ping')[0], { asks: true, address: victim.probeAddress });
    assert.equal(bench.stateOf(victim), 'alive');
    bench.pass(10_000);
    assert.deepEqual(bench.changes, []);
    assert.deepEqual(kindsSaidOf(bench, victim), [], 'and we accuse nobody');
  });

  it('are no verdict, however many say that somebody is dead', () => {
    const bench = warm(9);
    const victim = bench.speaker(2);

    for (let round = 0; round < 20; round++) {
      for (const accuser of bench.others.slice(1)) bench.accuse(accuser, victim, { refused: true }, 'dead');
      bench.pass(500);
    }

    assert.equal(bench.stateOf(victim), 'alive');
    assert.deepEqual(bench.changes, []);
  });

  it('are passed on, the first few about each victim', () => {
    const bench = warm(9);
    const victim = bench.speaker(2);
    bench.silence(victim);
    bench.until(() => bench.stateOf(victim) === 'suspect');
    bench.clear();

    for (const number of [3, 4, 5, 6, 7, 8, 9]) bench.accuse(bench.speaker(number), victim);
    bench.pass(5_000);

    const issuers = new Set(
      bench.sent
        .flatMap(({ message }) => message.claims)
        .filter(({ subject }) => subject === victim.peer)
        .map(({ issuer }) => issuer),
    );
    assert.isAtLeast(issuers.size, 3);
    assert.isAtMost(issuers.size, 5);
  });

  it('are not looked into again for ten seconds after their victim has answered', () => {
    const bench = warm(5);
    const [accuser, victim] = [bench.speaker(2), bench.speaker(3)];
    const claim = accuser.claim('dead', victim.peer);
    const wants = () => bench.detector.wants(claim, accuser.peer, bench.now);
    bench.accuse(accuser, victim);
    bench.pass(10);

    const atOnce = wants();
    const ofOthers = bench.detector.wants(
      bench.speaker(4).claim('dead', victim.peer),
      bench.speaker(4).peer,
      bench.now,
    );
    bench.monoMs += 10_000;

    assert.deepEqual([atOnce, ofOthers, wants()], [false, true, true]);
  });

  it('of one that accuses everybody falsely cost it its credit; then nobody passes it on', () => {
    const bench = warm(12);
    const liar = bench.speaker(2);
    const victims = bench.others.slice(1);

    for (let round = 0; round < 4; round++) {
      for (const victim of victims) bench.accuse(liar, victim, {}, 'dead');
      bench.pass(11_000);
    }

    assert.isBelow(bench.member(liar).reach.credibility(bench.monoMs), credibilityMin);
    assert.isBelow(bench.member(liar).reach.score(bench.monoMs), 50);
    assert.deepEqual(bench.changes, []);
    const [victim, messenger] = [bench.speaker(3), bench.speaker(4)];
    const claim = liar.claim('dead', victim.peer);
    assert.isFalse(bench.detector.wants(claim, messenger.peer, bench.now), 'through others');
    assert.isTrue(
      bench.detector.wants(claim, liar.peer, bench.now),
      'in its own datagram: it may be right for once',
    );
  });

  it('in lives that the victims never had cost it its credit as well', () => {
    const bench = warm(12);
    const liar = bench.speaker(2);

    for (let round = 0; round < 4; round++) {
      for (const victim of bench.others.slice(1))
        bench.accuse(liar, victim, { incarnation: 1_000 + round }, 'dead');
      bench.pass(11_000);
    }

    assert.isBelow(bench.member(liar).reach.credibility(bench.monoMs), credibilityMin);
    assert.deepEqual(bench.changes, []);
  });

  it('in lives that the victim never had do not make us ask it all the time', () => {
    const bench = warm(5);
    const [liar, victim] = [bench.speaker(2), bench.speaker(3)];

    for (let i = 0; i < 100; i++) {
      bench.accuse(liar, victim, { incarnation: 1_000 + i }, 'dead');
      bench.pass(20);
    }

    assert.isAtMost(bench.sentTo(victim, 'ping').length, 10);
  });

  it('of strangers, of the dead and of who left are not heard', () => {
    const bench = warm(6);
    const [left, victim] = [bench.speaker(2), bench.speaker(3)];
    bench.send(left, { type: 'news' }, { claims: [left.claim('left')] });
    const stranger = new DetectorBench({ others: 20 }).speaker(20);

    for (const issuer of [left, stranger]) {
      assert.isFalse(bench.detector.wants(issuer.claim('suspect', victim.peer), issuer.peer, bench.now));
    }
  });

  it('name an earlier life in vain', () => {
    const bench = warm(4);
    const victim = bench.speaker(2);
    bench.send(victim, { type: 'news' }, { incarnation: 3 });

    for (const life of [{ incarnation: 2 }, { epoch: 0, incarnation: 9 }]) {
      const claim = bench.speaker(3).claim('suspect', victim.peer, life);
      assert.isFalse(bench.detector.wants(claim, bench.speaker(3).peer, bench.now));
    }
  });

  it('that an operator took somebody out are handed to the owner', () => {
    const bench = warm(3);
    const claim = bench.speaker(2).claim('removed', bench.speaker(3).peer);

    bench.send(bench.speaker(2), { type: 'news' }, { claims: [claim] });

    assert.deepEqual(
      bench.removals.map(({ wire }) => wire),
      [claim.wire],
    );
    assert.equal(bench.stateOf(bench.speaker(3)), 'alive');
  });
});

describe('core/swim/detector, evidence', () => {
  it('a broken connection makes us look at once, and nothing more', () => {
    const bench = warm(4);
    const peer = bench.speaker(2);

    bench.do(bench.detector.linkDown(peer.peer, true, bench.now));

    assert.isTrue(bench.sentTo(peer, 'ping')[0]?.asks);
    bench.pass(5_000);
    assert.deepEqual(bench.changes, []);
  });

  it('a connection that was given up by choice is none', () => {
    const bench = warm(4);

    bench.do(bench.detector.linkDown(bench.speaker(2).peer, false, bench.now));

    assert.deepEqual(bench.sent, []);
  });

  it('a refused datagram makes suspect at once, and is told when others had time to', () => {
    const bench = warm(4);
    const peer = bench.speaker(2);
    bench.silence(peer);
    bench.do(bench.detector.linkDown(peer.peer, true, bench.now));

    bench.do(bench.detector.refused(peer.peer, bench.now));

    assert.equal(bench.stateOf(peer), 'suspect');
    assert.isFalse(bench.member(peer).isSilent);
    bench.pass(accusationSpreadMs(bench.detector.settings.gossipIntervalMs, 5));
    assert.isTrue(
      bench.sent
        .flatMap(({ message }) => message.claims)
        .some(claim => claim.kind === 'suspect' && claim.refused),
    );
  });

  describe('when everybody finds out that nobody listens there', () => {
    /** Who was told that by this agent, after these had said so: themselves, or by way of another one. */
    function told(witnesses: readonly number[], isFirstHand: boolean) {
      const bench = warm(8);
      const [peer, teller] = [bench.speaker(2), bench.speaker(9)];
      bench.silence(peer);
      bench.do(bench.detector.linkDown(peer.peer, true, bench.now));
      bench.do(bench.detector.refused(peer.peer, bench.now));
      for (const number of witnesses) {
        const witness = bench.speaker(number);
        const claims = [witness.claim('suspect', peer.peer, { refused: true })];
        bench.send(isFirstHand ? witness : teller, { type: 'news' }, { claims });
      }

      bench.pass(900);

      const accusations = bench.sent
        .filter(({ to }) => to !== peer)
        .flatMap(({ to, message }) => message.claims.map(claim => ({ to, claim })))
        .filter(({ claim }) => claim.subject === peer.peer);
      return { bench, accusations };
    }

    it('one witness goes round, whoever else says so', () => {
      const { bench, accusations } = told([3, 4], false);

      const issuers = new Set(accusations.map(({ claim }) => claim.issuer));
      assert.deepEqual(issuers, new Set([bench.speaker(3).peer]));
    });

    it('whoever has said so to us is told that we found the same, for a witness needs a second', () => {
      const { bench, accusations } = told([3], true);

      const own = accusations.filter(({ claim }) => claim.issuer === bench.me.peer);
      assert.deepEqual(
        own.map(({ to }) => to?.peer),
        [bench.speaker(3).peer],
      );
    });
  });

  it('a refusal that answers no question of today is none', () => {
    const bench = warm(4);
    const peer = bench.speaker(2);

    bench.do(bench.detector.refused(peer.peer, bench.now));

    assert.equal(bench.stateOf(peer), 'alive');
  });

  it('a refusal while the connection stands asks over it at once', () => {
    const bench = warm(4);
    const peer = bench.speaker(2);
    bench.linked.add(peer);
    bench.onLink.add(peer);
    bench.silence(peer);
    bench.do(bench.detector.check(peer.peer, bench.now));

    bench.do(bench.detector.refused(peer.peer, bench.now));
    const asked = bench.effects.filter(({ type }) => type === 'ping').length;
    bench.pass(5_000);

    assert.equal(asked, 1);
    assert.deepEqual(bench.changes, []);
  });

  it.each([
    ['one witness', [], 18_000],
    ['two that agree, one of them a witness', [[3, false]], 8_500],
    ['two witnesses', [[3, true]], 1_000],
  ] as const)('of %s gives a suspect %j and %i ms', (_, accusers, expectedMs) => {
    const bench = warm(9);
    const peer = bench.speaker(2);
    bench.silence(peer);
    bench.do(bench.detector.linkDown(peer.peer, true, bench.now));
    bench.do(bench.detector.refused(peer.peer, bench.now));

    for (const [number, refused] of accusers) bench.accuse(bench.speaker(number), peer, { refused });

    assert.approximately(bench.detector.verdictLeftMs(bench.member(peer), bench.monoMs) ?? 0, expectedMs, 60);
  });

  it('one witness is enough where there is nobody else to be told', () => {
    const bench = warm(1);
    const peer = bench.speaker(2);
    bench.silence(peer);
    bench.do(bench.detector.check(peer.peer, bench.now));
    bench.do(bench.detector.refused(peer.peer, bench.now));

    const tookMs = bench.until(() => bench.stateOf(peer) === 'dead');

    assert.isAtMost(tookMs, 1_300);
  });

  it('a dial that nobody answers makes us look; one that is refused adds to a suspicion', () => {
    const bench = warm(4);
    const peer = bench.speaker(2);
    bench.silence(peer);

    bench.do(bench.detector.dialFailed(peer.peer, true, 'refused', bench.now));
    const looked = bench.sentTo(peer, 'ping').length;
    const before = bench.stateOf(peer);
    bench.until(() => bench.stateOf(peer) === 'suspect');
    bench.do(bench.detector.dialFailed(peer.peer, true, 'refused', bench.now));

    assert.deepEqual([looked, before], [1, 'alive']);
    assert.isTrue(bench.member(peer).accusers.get(bench.me.peer)?.refused);
  });

  it('a suspect that answers over no layer for five intervals loses its connection', () => {
    const bench = warm(6);
    const peer = bench.speaker(2);
    bench.linked.add(peer);
    bench.silence(peer);
    bench.until(() => bench.stateOf(peer) === 'suspect');
    const hangUps = () => bench.effects.filter(({ type }) => type === 'hang-up').length;

    bench.pass(4_500);
    const early = hangUps();
    bench.pass(1_000);

    assert.equal(early, 0);
    assert.isAbove(hangUps(), 0);
  });
});

describe('core/swim/detector, partitions', () => {
  it('while most are silent nobody is declared dead, and the wait has no end', () => {
    const bench = warm(9);
    const lost = bench.others.slice(0, 5);
    bench.silence(...lost);
    for (const speaker of bench.others.slice(5)) bench.helpful.delete(speaker);

    bench.pass(120_000);

    assert.isTrue(bench.detector.isFrozen);
    assert.deepEqual(
      lost.map(speaker => bench.stateOf(speaker)),
      Array(5).fill('suspect'),
    );
    assert.isUndefined(bench.detector.verdictLeftMs(bench.member(lost[0] as Speaker), bench.monoMs));
  });

  it('one verdict does not lift the freeze for all others', () => {
    const bench = warm(9);
    const [first, ...rest] = bench.others.slice(0, 5) as [Speaker, ...Speaker[]];
    bench.silence(first);
    bench.until(() => bench.stateOf(first) === 'dead');
    bench.silence(...rest);

    bench.pass(120_000);

    assert.isTrue(bench.detector.isFrozen);
    assert.deepEqual(
      rest.map(speaker => bench.stateOf(speaker)),
      Array(4).fill('suspect'),
    );
  });

  it('who died in silence an hour ago is not waited for any more', () => {
    const bench = warm(9);
    const [first, ...rest] = bench.others.slice(0, 5) as [Speaker, ...Speaker[]];
    bench.silence(first);
    bench.until(() => bench.stateOf(first) === 'dead');
    bench.silence(...rest);

    bench.pass(3_602_000);

    assert.isFalse(bench.detector.isFrozen);
  });

  it('an agent that is slow itself waits for the answers of the others before it passes a verdict', () => {
    const bench = warm(9);
    const [first, ...rest] = bench.others.slice(0, 6) as [Speaker, ...Speaker[]];
    bench.silence(first);
    bench.until(() => bench.stateOf(first) === 'suspect');
    for (const number of [8, 9]) bench.accuse(bench.speaker(number), first);
    for (let i = 0; i < 8; i++) bench.accuse(bench.speaker(8), bench.me, { epoch: 10, incarnation: i });
    bench.until(() => (bench.detector.verdictLeftMs(bench.member(first), bench.monoMs) ?? 0) < 900);
    bench.silence(...rest);
    for (const speaker of rest) bench.do(bench.detector.linkDown(speaker.peer, true, bench.now));

    bench.pass(30_000);

    assert.equal(bench.stateOf(first), 'suspect');
    assert.notInclude(bench.changes, 'agent-2 suspect>dead');
  });

  it('when enough of them are back, the rest has the shortest wait anew before any verdict', () => {
    const bench = warm(9);
    const [first, ...rest] = bench.others.slice(0, 5) as [Speaker, ...Speaker[]];
    bench.silence(first, ...rest);
    bench.pass(120_000);
    bench.well.add(first);

    bench.until(() => bench.stateOf(first) === 'alive');
    const frozen = bench.detector.isFrozen;
    const tookMs = bench.until(() => rest.every(speaker => bench.stateOf(speaker) === 'dead'));

    assert.isFalse(frozen);
    assert.isAtLeast(tookMs, bench.detector.suspicionRange.minMs - 250);
  });

  it('a minority that falls silent is declared dead', () => {
    const bench = warm(9);
    const lost = bench.others.slice(0, 4);
    bench.silence(...lost);

    bench.pass(120_000);

    assert.isFalse(bench.detector.isFrozen);
    assert.deepEqual(
      lost.map(speaker => bench.stateOf(speaker)),
      Array(4).fill('dead'),
    );
  });

  it('whose host refuses is dead also while most are silent', () => {
    const bench = warm(9);
    const [ended, ...lost] = bench.others.slice(0, 7) as [Speaker, ...Speaker[]];
    bench.silence(ended, ...lost);
    bench.until(() => lost.every(speaker => bench.stateOf(speaker) === 'suspect'));

    bench.do(bench.detector.check(ended.peer, bench.now));
    bench.do(bench.detector.refused(ended.peer, bench.now));
    bench.accuse(bench.speaker(9), ended, { refused: true });
    bench.pass(3_000);

    assert.equal(bench.stateOf(ended), 'dead');
    assert.isTrue(bench.detector.isFrozen);
    assert.isTrue(lost.every(speaker => bench.stateOf(speaker) === 'suspect'));
  });

  it('two silent at once make us look at all others, to know how far it goes', () => {
    const bench = warm(20);
    const lost = bench.others.slice(0, 10);
    bench.silence(...lost);

    bench.until(() => lost.filter(speaker => bench.stateOf(speaker) === 'suspect').length >= 2);
    const restMs = bench.until(() => lost.every(speaker => bench.stateOf(speaker) === 'suspect'));

    // Two stages of a probe, with a local health that two failures may have brought to 2.
    assert.isAtMost(restMs, 2 * 3 * bench.detector.ackTimeoutMs + 200);
  });

  it('one return makes us look at all others that are lost', () => {
    const bench = warm(9);
    const lost = bench.others.slice(0, 6);
    bench.silence(...lost);
    bench.pass(300_000);
    for (const speaker of lost) bench.well.add(speaker);

    bench.until(() => lost.some(speaker => bench.stateOf(speaker) === 'alive'));
    const restMs = bench.until(() => lost.every(speaker => bench.stateOf(speaker) === 'alive'));

    assert.isAtMost(restMs, 500);
  });

  it('one return makes us ask again whom we had asked in vain just before', () => {
    const bench = warm(9);
    const [back, other] = bench.others as [Speaker, Speaker];
    bench.silence(back, other);
    bench.pass(300_000);
    bench.helpful.clear();
    bench.until(() => bench.member(other).probe !== undefined, 60_000);
    bench.pass(2 * bench.detector.ackTimeoutMs * (1 + bench.detector.localHealth) - 15); // About to fail.
    bench.well.add(other);
    bench.clear();

    bench.send(back, { type: 'news' }, { incarnation: 1 });
    bench.pass(500);

    assert.isNotEmpty(bench.sentTo(other, 'ping'));
  });

  it('a newcomer known from an old record only is taken for neither alive nor silent, and looked at', () => {
    const bench = new DetectorBench({ others: 2 });
    bench.pass(5_000);
    const old = new DetectorBench({ others: 9 }).speaker(9);

    bench.do(bench.detector.known({ ...bench.fieldsOf(old), id: 'old' }, 1, false, bench.now));
    bench.pass(250);

    assert.equal(bench.detector.member(old.peer)?.state, 'suspect');
    assert.isFalse(bench.detector.isFrozen);
    assert.isTrue(bench.sent.some(({ message, asks }) => message.to === old.peer && asks));
  });
});

describe('core/swim/detector, members', () => {
  it('are reported when they are met, and when they take another name', () => {
    const bench = new DetectorBench({ others: 1 });
    const peer = bench.speaker(2);

    bench.do(bench.detector.known({ ...bench.fieldsOf(peer), id: 'renamed' }, 1, true, bench.now));
    bench.meet(peer);
    bench.meet(peer);

    assert.deepEqual(bench.changes, ['renamed alive>alive', 'agent-2 alive>alive']);
  });

  it('that start anew unseen are looked at before they count as alive', () => {
    const bench = warm(3);
    const peer = bench.speaker(2);
    bench.silence(peer);

    bench.meet(peer, 2, false);
    bench.pass(250);
    const before = [bench.stateOf(peer), bench.sentTo(peer, 'ping').length];
    bench.well.add(peer);
    bench.meet(peer, 3, true);

    assert.deepEqual(before, ['suspect', 1]);
    assert.equal(bench.stateOf(peer), 'alive');
  });

  it('that are suspect and speak again are alive', () => {
    const bench = warm(3);
    const peer = bench.speaker(2);
    bench.silence(peer);
    bench.until(() => bench.stateOf(peer) === 'suspect');

    bench.meet(peer, 1, true);

    assert.equal(bench.stateOf(peer), 'alive');
  });

  it('that are forgotten are not probed any more, and nothing is said of them', () => {
    const bench = warm(3);
    const peer = bench.speaker(2);
    bench.silence(peer);
    bench.until(() => bench.stateOf(peer) === 'suspect');

    bench.detector.forget(peer.peer);
    bench.clear();
    bench.pass(30_000);

    assert.equal(bench.detector.membersCount, 2);
    assert.deepEqual(bench.sentTo(peer, 'ping'), []);
    assert.isFalse(
      bench.sent.some(({ message }) => message.claims.some(({ subject }) => subject === peer.peer)),
    );
  });

  it('go on with the history that the store kept of them', () => {
    const bench = new DetectorBench({ others: 0 });
    const peer = new DetectorBench({ others: 1 }).speaker(2);
    bench.detector.restore(new Map([[peer.peer, { history: 'xxI', credibility: 0.5 }]]));

    bench.meet(peer);

    assert.equal(bench.member(peer).reach.history, 'xxI');
    assert.equal(bench.member(peer).reach.credibility(0), 0.5);
  });

  it('hear from us in a new epoch, and count our datagrams anew', () => {
    const bench = warm(2);
    const peer = bench.speaker(2);
    bench.accuse(peer, bench.me, { epoch: 10 });

    bench.detector.openEpoch(9);
    bench.detector.openEpoch(20);
    bench.clear();
    bench.send(peer, { type: 'ping', nonce: 1 });

    assert.deepInclude(bench.sentTo(peer, 'ack')[0]?.message, { epoch: 20, incarnation: 0, counter: 1 });
  });

  it('hear over a new connection that we had to refute', () => {
    const bench = warm(2);
    const peer = bench.speaker(2);
    bench.accuse(peer, bench.me, { epoch: 10 });
    bench.clear();

    bench.do(bench.detector.linkUp(peer.peer, bench.now));

    const [send] = bench.effects.flatMap(effect => (effect.type === 'send' ? [effect.message] : []));
    assert.deepInclude(send?.type === 'claims' && send.claims[0], {
      kind: 'alive',
      subject: bench.me.peer,
      incarnation: 1,
    });
  });
});
