import { assert, describe, it } from 'vitest';
import type { Predecessor } from '../../../src/core/record/record.ts';
import { handOver } from '../../../src/identity/succession.ts';
import { Verifier } from '../../../src/identity/verifier.ts';
import type { UnverifiedRecord } from '../../../src/runtime/ports.ts';
import { decodeEnvelope } from '../../../src/wire/record.ts';
import { type Speaker as Agent, agentEntry, Speaker, testCluster } from '../../record-builder.ts';

const former = new Speaker(1);
const next = new Speaker(2);
const thief = new Speaker(3);

function entryOf(speaker: Agent, predecessor: Predecessor): UnverifiedRecord {
  const body = { ...agentEntry('10.0.0.1:7000', [speaker.multiaddr]), predecessor } as const;
  const { wire } = speaker.say({ subject: 'web', authority: 'self', body });
  return decodeEnvelope(wire) as UnverifiedRecord;
}

describe('identity/succession', () => {
  it.each<readonly [string, UnverifiedRecord, boolean]>([
    [
      'the former key has signed for this successor, name and cluster',
      entryOf(next, handOver({ cluster: testCluster, subject: 'web', successor: next.peer }, former.key)),
      true,
    ],
    [
      'another key uses what was signed for the successor',
      entryOf(thief, handOver({ cluster: testCluster, subject: 'web', successor: next.peer }, former.key)),
      false,
    ],
    [
      'it was signed for another name',
      entryOf(next, handOver({ cluster: testCluster, subject: 'db', successor: next.peer }, former.key)),
      false,
    ],
    [
      'it was signed for another cluster',
      entryOf(next, handOver({ cluster: 'other', subject: 'web', successor: next.peer }, former.key)),
      false,
    ],
    [
      'somebody else signed in the name of the former key',
      entryOf(next, {
        ...handOver({ cluster: testCluster, subject: 'web', successor: next.peer }, thief.key),
        peer: former.peer,
      }),
      false,
    ],
  ])('when %s (a record is verified: %#)', (_case, record, isGenuine) => {
    const verified = former.codec.verify(record);

    assert.equal(verified !== undefined, isGenuine);
    assert.equal(typeof new Verifier({ cluster: testCluster }).record(record.wire) === 'object', isGenuine);
  });
});
