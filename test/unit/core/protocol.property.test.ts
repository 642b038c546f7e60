/** Whatever comes in, in whatever order, from friend or foe: effects come out, and never a throw. */

import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { checkFailures } from '../../../src/core/backends/outcome.ts';
import type { Effect, Input } from '../../../src/core/effects.ts';
import { Protocol } from '../../../src/core/protocol.ts';
import { bucketOf, healthSubjectOf } from '../../../src/core/record/health.ts';
import { authorities, type ContextEntry, compareText } from '../../../src/core/record/record.ts';
import { claimKinds, type VerifiedClaim } from '../../../src/core/swim/claim.ts';
import { datagramMaxBytes, type ReceivedProbe } from '../../../src/core/swim/message.ts';
import { treeHash } from '../../../src/identity/tree-hash.ts';
import { linkOf } from '../../../src/runtime/outbox-link.ts';
import { seededRandom } from '../../../src/runtime/seeded-random.ts';
import {
  agentEntry,
  departure,
  entryAt,
  nodeFields,
  record,
  Speaker,
  startWallMs,
  subjectHashOf,
  time,
} from '../../record-builder.ts';
import { ofType } from './protocol-bench.ts';

const speakers = [1, 2, 3, 4, 5].map(number => new Speaker(number));
const me = speakers[0] as Speaker;
const peers = speakers.map(({ peer }) => peer);
const peer = fc.constantFrom(...peers);
const stranger = fc.constantFrom(...peers.slice(1));
const id = fc.constantFrom('me', 'svc', 'peer', 'other');

const contextEntry: fc.Arbitrary<ContextEntry> = fc.record({
  author: peer,
  epoch: fc.constantFrom(0, 1, 10, 11, Number.MAX_SAFE_INTEGER),
  sequence: fc.constantFrom(1, 2, 3, Number.MAX_SAFE_INTEGER),
  digest: fc.constantFrom('ab'.repeat(32), 'cd'.repeat(32)),
});

const arbitraryRecord = fc
  .record({
    subject: id,
    author: peer,
    authority: fc.constantFrom(...authorities),
    epoch: fc.constantFrom(0, 1, 10, 11, 12),
    sequence: fc.integer({ min: 1, max: 3 }),
    context: fc
      .uniqueArray(contextEntry, { selector: entry => entry.author, maxLength: 5 })
      .map(entries => entries.sort((a, b) => compareText(a.author, b.author))),
    offsetMs: fc.constantFrom(-90_000, -1_000, 0, 500, 2_500, 1e12),
    claimedMs: fc.constantFrom(-90_000, 0, 1e12),
    kind: fc.constantFrom('entry', 'left', 'deregistered', 'withdrawn'),
    address: fc.constantFrom('x:1', 'y:1'),
  })
  .map(({ offsetMs, claimedMs, kind, address, ...fields }) =>
    record({
      ...fields,
      time: time(offsetMs),
      claimedAt: time(claimedMs),
      body:
        kind === 'entry'
          ? fields.authority === 'self'
            ? agentEntry(address, [`/ip4/10.0.0.1/tcp/1/p2p/${fields.author}`])
            : entryAt(address)
          : departure(kind as 'left'),
    }),
  );

const arbitraryHealth = fc
  .record({
    author: peer,
    epoch: fc.constantFrom(0, 1, 10, 11, 12),
    sequence: fc.integer({ min: 1, max: 3 }),
    offsetMs: fc.constantFrom(-90_000, 0, 2_500),
    about: id,
    reason: fc.constantFrom(undefined, ...checkFailures),
  })
  .map(({ offsetMs, about, reason, ...fields }) => {
    const subjectHash = subjectHashOf(about);
    return record({
      ...fields,
      subject: healthSubjectOf(fields.author, bucketOf(subjectHash)),
      authority: 'self',
      time: time(offsetMs),
      body: { type: 'health', entries: reason === undefined ? [] : [{ subjectHash, reason }] },
    });
  });

const hash = fc.constantFrom('ab'.repeat(16), '00'.repeat(16));
const refs = fc.array(
  hash.map(digest => `abc0${digest}`),
  { maxLength: 5 },
);
const treeRoot = { since: fc.constantFrom(1, 3_000_000), root: hash, entries: fc.nat(9) };
const tops = fc.array(fc.record({ epoch: fc.constantFrom(0, 7), hash }), { maxLength: 2 });
const place = { epoch: fc.constantFrom(0, 7), prefix: fc.constantFrom('', 'a', 'ab') };
const sixteen = fc.array(fc.oneof(fc.constant(''), hash), { minLength: 16, maxLength: 16 });
const leafPlace = { epoch: fc.constantFrom(0, 7), prefix: fc.constantFrom('abc', '000') };
const digests = fc.array(hash, { maxLength: 3 });

const input: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ type: fc.constant('tick' as const) }),
  fc.record({ type: fc.constant('join-overdue' as const) }),
  fc.record({ type: fc.constant('sync-due' as const), peer: stranger }),
  fc.record({
    type: fc.constant('register' as const),
    ticket: fc.nat(),
    action: fc.constantFrom('register' as const, 'update' as const),
    id: fc.oneof(id, fc.string()),
    node: fc
      .record({
        address: fc.oneof(fc.constantFrom('x:1', 'y:1'), fc.string()),
        lastUpdatedS: fc.constantFrom(0, 1, 5, -1, Number.NaN),
      })
      .map(nodeFields),
  }),
  fc.record({ type: fc.constant('deregister' as const), ticket: fc.nat(), id }),
  fc.record({ type: fc.constant('depart' as const), ticket: fc.nat(), forGood: fc.boolean() }),
  fc.record({ type: fc.constant('store-health' as const), ok: fc.boolean() }),
  fc.record({
    type: fc.constant('records-received' as const),
    from: stranger,
    via: fc.constantFrom('gossip' as const, 'sync' as const),
    records: fc.array(fc.oneof({ weight: 3, arbitrary: arbitraryRecord }, arbitraryHealth), { maxLength: 6 }),
    last: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('proof-received' as const),
    first: arbitraryRecord,
    second: arbitraryRecord,
  }),
  fc.record({
    type: fc.constant('sync-message' as const),
    from: stranger,
    message: fc.oneof(
      fc.record({ type: fc.constant('open' as const), ...treeRoot, tops, hints: sixteen }),
      fc.record({
        type: fc.constant('walk' as const),
        branches: fc.array(fc.record({ ...place, hints: sixteen }), { maxLength: 3 }),
      }),
      fc.record(
        {
          type: fc.constant('branches' as const),
          ...treeRoot,
          tops,
          nodes: fc.array(fc.record({ ...place, children: sixteen }), { maxLength: 3 }),
          leaves: fc.array(fc.record({ ...leafPlace, after: fc.constant(''), digests, last: fc.boolean() }), {
            maxLength: 3,
          }),
        },
        { requiredKeys: ['type', 'since', 'root', 'entries', 'nodes', 'leaves'] },
      ),
      fc.record({ type: fc.constantFrom('offer' as const, 'want' as const), refs }),
      fc.record({
        type: fc.constant('close' as const),
        reason: fc.constantFrom('same' as const, 'busy' as const, 'took' as const, 'end' as const),
      }),
    ),
  }),
  fc.record({ type: fc.constant('link-up' as const), peer: stranger, address: fc.constant('/x') }),
  fc.record({ type: fc.constant('link-down' as const), peer: stranger }),
  fc.record({ type: fc.constant('subscribed' as const), peer: stranger }),
  fc.record({
    type: fc.constant('dial-succeeded' as const),
    key: fc.oneof(stranger, fc.constant('seed:/x')),
    peer: stranger,
  }),
  fc.record({
    type: fc.constant('dial-failed' as const),
    key: fc.oneof(stranger, fc.constant('seed:/x'), fc.string()),
    reason: fc.constantFrom('unreachable' as const, 'foreign' as const, 'self' as const),
    isRefused: fc.boolean(),
    text: fc.string(),
  }),
  fc.record({
    type: fc.constant('checked' as const),
    key: fc.oneof(
      fc.tuple(id, fc.integer({ min: 1, max: 9 })).map(([about, n]) => `backend:${about}:${n}`),
      fc.string(),
    ),
    outcome: fc.oneof(
      fc.constant({ ok: true as const, latencyMs: 1 }),
      fc
        .constantFrom(...checkFailures)
        .map(reason => ({ ok: false as const, reason, detail: '', latencyMs: 1 })),
    ),
  }),
  fc.record({
    type: fc.constant('pinged' as const),
    peer: stranger,
    rttMs: fc.option(fc.nat(), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant('discovered' as const),
    peer,
    multiaddrs: fc.array(fc.constantFrom('/x', '/y'), { maxLength: 2 }),
    source: fc.constantFrom('mdns' as const, 'dht' as const, 'store' as const),
  }),
);

/** Whatever a member, a stranger or a liar may say about who is alive. */
const claim: fc.Arbitrary<VerifiedClaim> = fc
  .record({
    issuer: fc.constantFrom(...speakers.slice(1)),
    kind: fc.constantFrom(...claimKinds),
    subject: peer,
    epoch: fc.constantFrom(0, 1, 10, 11, 12),
    incarnation: fc.constantFrom(0, 1, 5),
    refused: fc.boolean(),
  })
  .map(({ issuer, kind, subject, ...fields }) => {
    const isAboutItself = kind === 'alive' || kind === 'left' || kind === 'revoked';
    const other = subject === issuer.peer ? me.peer : subject;
    return issuer.claim(kind, isAboutItself ? issuer.peer : other, fields);
  });
const claims = fc.array(claim, { maxLength: 4 });

const nonce = fc.constantFrom(0, 1, 2, 2 ** 40);
const origin = fc.record({ peer, nonce });
const body: fc.Arbitrary<ReceivedProbe['body']> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), nonce }),
  fc.record({ type: fc.constant('ping' as const), nonce, origin }),
  fc.record({ type: fc.constant('ack' as const), nonce }),
  fc.record({ type: fc.constant('ack' as const), nonce, origin }),
  fc.record({ type: fc.constant('ping-request' as const), nonce, target: peer }),
  fc.record({ type: fc.constant('nack' as const), nonce }),
  fc.record({ type: fc.constant('news' as const) }),
  fc.record({
    type: fc.constant('relay' as const),
    relayed: fc.record({ from: peer, epoch: fc.nat(12), incarnation: fc.nat(5), origin }),
  }),
);

const probe: fc.Arbitrary<ReceivedProbe> = fc.record({
  from: stranger,
  to: fc.constant(me.peer),
  epoch: fc.constantFrom(0, 1, 10, 11, 12),
  incarnation: fc.constantFrom(0, 1, 5),
  counter: fc.nat(3_000),
  wallMs: fc.maxSafeNat(),
  body,
  claims,
  address: fc.constantFrom('x:1', 'y:1'),
  wire: fc.nat(1_400).map(length => new Uint8Array(length)),
});

const detectorInput: fc.Arbitrary<Input> = fc.oneof(
  fc.record({ type: fc.constant('probe-overdue' as const), nonce }),
  fc.record({ type: fc.constant('errand-overdue' as const), nonce }),
  fc.record({ type: fc.constant('news-due' as const) }),
  fc.record({ type: fc.constant('datagram-received' as const), probe }),
  fc.record({ type: fc.constant('probe-refused' as const), peer: stranger }),
  fc.record({ type: fc.constant('claims-received' as const), from: stranger, claims }),
  fc.record({ type: fc.constant('look' as const), peer: stranger }),
  fc.record({ type: fc.constant('look-asked' as const), from: stranger }),
  fc.record({ type: fc.constant('remove' as const), ticket: fc.nat(), id }),
);

const moments = fc.array(
  fc.record({
    input: fc.oneof(input, detectorInput),
    passesMs: fc.constantFrom(0, 1, 250, 250, 250, 1_000, 31_000, 3_600_000),
    /** The wall clock jumps. */
    wallMs: fc.constantFrom(0, 0, 0, 0, -60_000, 60_000),
  }),
  { maxLength: 60, size: 'max' },
);

function freshProtocol(): Protocol {
  const settings = {
    // Small, so that everything is full, overdue, dead and reaped within one run.
    table: { totalMaxCount: 4, perAuthorMaxCount: 2, tombstoneRetentionMs: 60_000, proofsMaxCount: 3 },
    hosting: { hostedMaxCount: 2, leaseMs: 5_000 },
    checks: { inFlightMaxCount: 2, failureThreshold: 1, recoveryThreshold: 1 },
    swim: { probeIntervalMs: 500, suspicionMult: 1, suspicionMaxMult: 2 },
    peering: { fullMeshMaxCount: 2, partialMeshCount: 1, contactsMaxCount: 3 },
    retentionMs: { proxy: 60_000, backend: 60_000, governator: 60_000 },
  };
  return new Protocol(
    { id: 'me', peer: me.peer, epoch: 10, settings },
    {
      seal: draft => me.codec.seal(draft),
      sealClaim: draft => me.probeCodec.sealClaim(draft),
      random: seededRandom(5),
      hash: treeHash,
      linkOf,
    },
  );
}

/** Runs a history; `look` sees each step's input and effects. */
function run(
  history: readonly { readonly input: Input; readonly passesMs: number; readonly wallMs: number }[],
  look: (input: Input, effects: readonly Effect[], protocol: Protocol) => void,
): void {
  const protocol = freshProtocol();
  let now = { monoMs: 0, wallMs: startWallMs };
  const self = { multiaddrs: [me.multiaddr], probe: '10.0.0.1:7946' };
  const start: Input = { type: 'start', node: nodeFields(), self, seeds: ['/x'] };
  look(start, protocol.step(start, now), protocol);
  for (const { input, passesMs, wallMs } of history) {
    now = { monoMs: now.monoMs + passesMs, wallMs: now.wallMs + passesMs + wallMs };
    look(input, protocol.step(input, now), protocol);
  }
}

describe('core/protocol', { timeout: 120_000 }, () => {
  it('answers any inputs in any order without a throw, and each call exactly once', () => {
    fc.assert(
      fc.property(moments, history => {
        run(history, (input, effects) => {
          const answers = ofType(effects, 'reply').length;
          const isCall = ['register', 'deregister', 'depart', 'remove'].includes(input.type);
          assert.equal(answers, isCall ? 1 : 0, input.type);
        });
      }),
      { numRuns: 80 },
    );
  });

  it('gossips only its own words, and none that it has not asked to be written before', () => {
    fc.assert(
      fc.property(moments, history => {
        const written = new Set<string>();
        const follow = (effects: readonly Effect[]) => {
          for (const effect of effects) {
            if (effect.type === 'publish') {
              for (const { author, digest } of effect.records) {
                assert.equal(author, me.peer);
                assert.isTrue(written.has(digest), 'written first');
              }
            }
            if (effect.type !== 'persist') continue;
            for (const operation of effect.operations) {
              if (operation.type === 'put-record') written.add(operation.record.digest);
            }
            follow(effect.then);
          }
        };
        run(history, (_, effects) => follow(effects));
      }),
      { numRuns: 60 },
    );
  });

  it('never says two things for one dot, and never goes back', () => {
    fc.assert(
      fc.property(moments, history => {
        const said = new Map<string, string>();
        let last = { epoch: 0, sequence: 0 };
        run(history, (_, effects, { author }) => {
          for (const { epoch, sequence, digest } of ofType(effects, 'publish').flatMap(
            each => each.records,
          )) {
            const dot = `${epoch}.${sequence}`;
            assert.equal(said.get(dot) ?? digest, digest, dot);
            said.set(dot, digest);
          }
          const { dot } = author;
          assert.isTrue(
            dot.epoch > last.epoch || (dot.epoch === last.epoch && dot.sequence >= last.sequence),
          );
          last = dot;
        });
      }),
      { numRuns: 60 },
    );
  });

  it('sends no datagram larger than one may be, and none to itself', () => {
    fc.assert(
      fc.property(moments, history => {
        run(history, (_, effects) => {
          for (const { message } of ofType(effects, 'datagram')) {
            assert.isAtMost(me.probeCodec.encodeProbe(message).length, datagramMaxBytes);
            assert.notEqual(message.to, me.peer);
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  it('keeps within its bounds', () => {
    fc.assert(
      fc.property(moments, history => {
        run(history, (_, __, { table, hosting, detector }) => {
          assert.isAtMost(table.parking.count, 4);
          assert.isAtMost(table.ledger.proofs.size, 3);
          assert.isAtMost(hosting.hostedCount, 2 + 4, 'two, and what our own key said elsewhere');
          assert.isAtMost(detector.membersCount, 4);
          for (const { accusers, contradicted } of detector.members())
            assert.isAtMost(accusers.size + contradicted.size, 10);
          for (const subject of table.ledger.subjects()) {
            assert.isAtMost(table.ledger.recordsOf(subject).length, 8);
          }
        });
      }),
      { numRuns: 60 },
    );
  });
});
