/** Names and services that go from one key to another, and keys that nobody knows any more. */
import { assert, describe, it } from 'vitest';
import type { Restored } from '../../../src/core/protocol.ts';
import type { VerifiedRecord } from '../../../src/core/record/record.ts';
import { at, departure, entryAt, Speaker, seen, startWallMs, time } from '../../record-builder.ts';
import { logs, ProtocolBench, published } from './protocol-bench.ts';

const nothingStored: Restored = {
  records: [],
  floors: new Map(),
  clocks: new Map(),
  contacts: [],
  proofs: [],
  reachability: new Map(),
  removals: [],
  aliveAtMs: startWallMs,
};

/** What an agent finds on its disk that has stopped and starts again. */
function ownDeparture(agent: ProtocolBench): VerifiedRecord {
  const claimedAt = time(-60_000);
  return agent.me.say({
    subject: 'me',
    authority: 'self',
    claimedAt,
    time: time(-10),
    body: departure('left'),
  });
}

/** Its host refuses, until it is given up. */
function die(agent: ProtocolBench, other: Speaker): void {
  for (let i = 0; i < 40 && agent.protocol.livenessOf(other.peer) !== 'dead'; i++) {
    agent.refuse(other);
    agent.pass(250);
  }
}

describe('core/protocol, a name', () => {
  it('leave a member the name that it holds when it claims another one, also after a restart', () => {
    const first = new ProtocolBench();
    const [holder, rival] = [new Speaker(2), new Speaker(3)];
    first.start();
    first.hear(holder, holder.introduce('web'));
    first.hear(rival, rival.introduce('rival'), rival.introduce('web', { time: time(10) }));
    const { ledger } = first.protocol.table;
    const records = [...ledger.records()].filter(({ author }) => author !== first.me.peer);
    const others = [new ProtocolBench({ epoch: 11 }), new ProtocolBench({ epoch: 11 })] as const;

    others[0].protocol.restore({ ...nothingStored, records }, at(1_000));
    others[1].protocol.restore({ ...nothingStored, records: records.toReversed() }, at(1_000));

    for (const { protocol } of [first, ...others])
      assert.deepEqual(
        [holder, rival].map(({ peer }) => protocol.detector.member(peer)?.id),
        ['web', 'rival'],
      );
  });

  it('stays with who stops and starts again, whoever laid claim to it meanwhile', () => {
    const agent = new ProtocolBench({ epoch: 10 });
    const claim = new Speaker(2).introduce('me', { time: time(-30_000) });
    agent.protocol.restore({ ...nothingStored, records: [ownDeparture(agent), claim] }, at(0));

    agent.start();

    assert.equal(agent.protocol.table.ledger.resolution('me').winner, agent.own);
  });

  it('goes to who took it after its holder had left', () => {
    const agent = new ProtocolBench({ epoch: 10 });
    const gone = ownDeparture(agent);
    const successor = new Speaker(2).introduce('me', { time: time(-5), context: seen(gone) });
    agent.protocol.restore({ ...nothingStored, records: [gone, successor] }, at(0));

    agent.start();

    assert.equal(agent.protocol.table.ledger.resolution('me').winner, successor);
  });

  it('is taken back also when two holders die shortly one after the other', () => {
    const agent = new ProtocolBench();
    const rivals = [new Speaker(2), new Speaker(3)] as const;
    agent.start();
    for (const rival of rivals) agent.hear(rival, rival.introduce('me', { time: time(-5_000) }));
    agent.pass(250);

    for (const rival of rivals) die(agent, rival);
    agent.pass(6_000);

    assert.isFalse(agent.protocol.isNameLost);
  });
});

describe('core/protocol, a key', () => {
  it('that claims a name which another one holds is met all the same', () => {
    const agent = new ProtocolBench();
    const [holder, rival] = [new Speaker(2), new Speaker(3)];
    agent.start();

    agent.hear(holder, holder.introduce('other', { time: time(-5_000) }));
    agent.hear(rival, rival.introduce('other', { time: time(-1_000) }));

    assert.isDefined(agent.protocol.detector.member(rival.peer));
  });

  it('that nobody introduces is taken for gone with its services after a minute', () => {
    const agent = new ProtocolBench();
    const [witness, unknown] = [new Speaker(2), new Speaker(3)];
    agent.start();
    agent.answering.add(witness);
    agent.hear(witness, witness.introduce('witness'), unknown.say());
    const before = agent.protocol.table.listing.get('svc')?.status;

    agent.pass(62_000);

    assert.equal(before, 'suspect');
    assert.isUndefined(agent.protocol.table.listing.get('svc'));
  });

  it('that is introduced late was never gone', () => {
    const agent = new ProtocolBench();
    const late = new Speaker(3);
    agent.start();
    agent.hear(late, late.say());
    agent.pass(62_000);
    agent.answering.add(late);

    agent.hear(late, late.introduce('late', { time: time(62_000) }));
    agent.pass(1_500);

    assert.equal(agent.protocol.table.listing.get('svc')?.status, 'alive');
  });
});

describe('core/protocol, a service that is hosted here', () => {
  it('is said again once a host that said otherwise at the same time is gone', () => {
    const agent = new ProtocolBench();
    const other = new Speaker(2);
    agent.start();
    agent.register('svc');
    agent.hear(other, other.introduce('other'), other.say({ body: entryAt('10.0.0.2:1'), time: time(5) }));
    const lost = agent.protocol.table.listing.get('svc')?.address;
    agent.pass(250);

    die(agent, other);

    assert.equal(lost, '10.0.0.2:1');
    assert.deepEqual(agent.protocol.table.listing.get('svc')?.authors, [agent.me.peer]);
  });
});

describe('core/protocol, a clock that was an hour ahead', () => {
  const hourMs = 3_600_000;

  function afterAnHourAhead() {
    const agent = new ProtocolBench();
    const other = new Speaker(2);
    agent.answering.add(other);
    agent.wallOffsetMs = hourMs;
    agent.start();
    agent.hear(other, other.introduce('other', { time: time(hourMs) }));
    agent.register('svc');
    return agent;
  }

  it('makes the agent say again what nobody took in, once other clocks agree with the new one', () => {
    const agent = afterAnHourAhead();

    agent.wallOffsetMs = 0;
    const effects = agent.pass(4_000);

    assert.include(logs(effects), 'clock_set_back');
    const again = published(effects);
    assert.sameMembers(
      again.map(({ subject }) => subject),
      ['me', 'svc'],
    );
    for (const record of again) assert.isBelow(record.time.wallMs, startWallMs + 10_000);
  });

  it('is believed while nobody else says what time it is', () => {
    const agent = afterAnHourAhead();
    agent.answering.clear();

    agent.wallOffsetMs = 0;
    const effects = agent.pass(4_000);

    assert.notInclude(logs(effects), 'clock_set_back');
  });

  it('is not followed when it is the new time that is wrong', () => {
    const agent = afterAnHourAhead();

    agent.wallOffsetMs = -hourMs;
    const effects = agent.pass(4_000);

    assert.notInclude(logs(effects), 'clock_set_back');
  });
});
