/** Drafts and messages within bounds, for tests. */
import fc from 'fast-check';
import type { NodeFields } from '../../../src/core/record/node.ts';
import { capabilitiesOf, nodeTypes } from '../../../src/core/record/node.ts';
import type { Body, ContextEntry, PeerId, RecordDraft } from '../../../src/core/record/record.ts';
import { authorities, compareText } from '../../../src/core/record/record.ts';
import { AgentKey } from '../../../src/identity/agent-key.ts';
import { SignedRecordCodec } from '../../../src/identity/record-codec.ts';

export const cluster = 'test';

export function keyNumber(number: number): AgentKey {
  return AgentKey.fromSeed(Buffer.alloc(32, number));
}

export const key = keyNumber(1);
export const codec = new SignedRecordCodec({ cluster }, { key });

export const node: NodeFields = {
  address: '10.0.0.1:8080',
  metricsPort: 9_090,
  nodeType: 'backend',
  isLoadBalancer: false,
  capabilities: capabilitiesOf('backend'),
  lastUpdatedS: 1_764_000_000,
};

export const draft: RecordDraft = {
  subject: 'backend-1',
  author: key.peerId,
  authority: 'host',
  epoch: 1_764_000_000_000,
  sequence: 1,
  context: [],
  time: { wallMs: 1_764_000_000_123, counter: 0 },
  claimedAt: { wallMs: 1_764_000_000_123, counter: 0 },
  leaseMs: 900_000,
  body: { type: 'entry', node },
};

export function contextOf(authors: readonly PeerId[]): ContextEntry[] {
  return [...authors]
    .sort(compareText)
    .map((author, i) => ({ author, epoch: 7, sequence: i + 1, digest: 'ab'.repeat(32) }));
}

/** The parts of a record that its author chose. */
export function draftOf(record: RecordDraft): RecordDraft {
  const { subject, author, authority, epoch, sequence, context, time, claimedAt, leaseMs, body } = record;
  return { subject, author, authority, epoch, sequence, context, time, claimedAt, leaseMs, body };
}

// --- arbitraries ---------------------------------------------------------------------------------

const peers = Array.from({ length: 10 }, (_, i) => keyNumber(i + 1).peerId);
const count = fc.maxSafeNat();
const dot = { epoch: count, sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }) };
const time = fc.record({ wallMs: count, counter: fc.nat(65_535) });
const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(array => Buffer.from(array).toString('hex'));

export const arbitraryNode: fc.Arbitrary<NodeFields> = fc.record({
  address: fc.constantFrom('10.0.0.1:80', '[::1]:65535', 'a.example:1', 'x-1:8080'),
  metricsPort: fc.integer({ min: 1_024, max: 65_535 }),
  nodeType: fc.constantFrom(...nodeTypes),
  isLoadBalancer: fc.boolean(),
  capabilities: fc.oneof(
    fc.constantFrom(...nodeTypes).map(capabilitiesOf),
    fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), { maxLength: 32 }),
  ),
  lastUpdatedS: count,
});

/** To the record it is nothing but bytes. */
const certificate = fc.uint8Array({ minLength: 1, maxLength: 640 });

const agent = fc.record(
  {
    multiaddrs: fc.array(
      fc.nat(65_535).map(port => `/ip4/10.0.0.1/tcp/${port}/p2p/${key.peerId}`),
      { maxLength: 8 },
    ),
    probe: fc.constant('10.0.0.1:7946'),
    certificate,
  },
  { requiredKeys: ['multiaddrs', 'probe'] },
);

const publicKey = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(bytes => Buffer.from(bytes).toString('base64'));

type Claim = Pick<RecordDraft, 'authority' | 'body'>;

const claim: fc.Arbitrary<Claim> = fc.oneof(
  fc.record({
    authority: fc.constantFrom(...authorities.filter(each => each !== 'self')),
    body: fc.record({ type: fc.constant('entry' as const), node: arbitraryNode }),
  }),
  fc.record({
    authority: fc.constant('host' as const),
    body: fc.record({
      type: fc.constant('entry' as const),
      node: fc.tuple(arbitraryNode, publicKey).map(([node, key]) => ({ ...node, publicKey: key })),
    }),
  }),
  fc.record({
    authority: fc.constant('host' as const),
    body: fc.record({
      type: fc.constant('departure' as const),
      reason: fc.constantFrom('deregistered' as const, 'withdrawn' as const),
      owner: fc.record({ publicKey, lastUpdatedS: count }),
    }),
  }),
  fc.record({
    authority: fc.constant('hint' as const),
    body: fc.record({
      type: fc.constant('entry' as const),
      node: arbitraryNode,
      learntFrom: fc.constantFrom('http://10.0.0.1:8080', 'https://old.example/base'),
    }),
  }),
  fc.record({
    authority: fc.constant('self' as const),
    body: fc.record(
      {
        type: fc.constant('entry' as const),
        node: arbitraryNode,
        agent,
        predecessor: fc.record({ peer: fc.constantFrom(...peers.slice(1)), signature: hex(64) }),
      },
      { requiredKeys: ['type', 'node', 'agent'] },
    ) as fc.Arbitrary<Body>,
  }),
  fc.record({
    authority: fc.constant('self' as const),
    body: fc.record({
      type: fc.constant('departure' as const),
      reason: fc.constant('left' as const),
      certificate,
    }),
  }),
  fc.record({
    authority: fc.constantFrom(...authorities),
    body: fc.record({
      type: fc.constant('departure' as const),
      reason: fc.constantFrom('left' as const, 'deregistered' as const, 'withdrawn' as const),
    }),
  }),
);

const context = fc
  .uniqueArray(fc.constantFrom(...peers), { maxLength: 8 })
  .chain(authors =>
    fc.tuple(...authors.map(author => fc.record({ author: fc.constant(author), ...dot, digest: hex(32) }))),
  )
  .map(entries => [...entries].sort((a, b) => compareText(a.author, b.author)));

export const arbitraryDraft: fc.Arbitrary<RecordDraft> = fc
  .record({
    subject: fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/),
    author: fc.constant(key.peerId),
    ...dot,
    context,
    time,
    claimedAt: time,
    leaseMs: count,
    claim,
  })
  .map(({ claim: claimed, ...rest }) => ({ ...rest, ...claimed }));

export const arbitraryShortDigests = fc.array(hex(8), { maxLength: 50 });
export const arbitraryFingerprint = hex(32);
