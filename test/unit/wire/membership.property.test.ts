import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import {
  type CertificateDraft,
  certificateMaxBytes,
  memberRoles,
} from '../../../src/core/authority/certificate.ts';
import type { GrantDraft } from '../../../src/core/authority/grant.ts';
import { isGenuine } from '../../../src/identity/authority-checker.ts';
import { sealByAuthority } from '../../../src/wire/authority-envelope.ts';
import { decodeCertificate, encodeCertificate } from '../../../src/wire/certificate.ts';
import { decodeGrant, encodeGrant, readInvite, writeInvite } from '../../../src/wire/grant.ts';
import { decodeHello, decodeWelcome, encodeHello, encodeWelcome } from '../../../src/wire/membership.ts';
import { authority, certificateFor, checker, draftOf, grantFrom, seedOf } from '../../authority-builder.ts';
import { keyNumber, testCluster } from '../../record-builder.ts';
import { me } from './sample-claims.ts';

const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodeCertificate,
  decodeGrant,
  decodeHello,
  decodeWelcome,
  check: bytes => checker.check(bytes),
  checkGrant: bytes => checker.checkGrant(bytes),
};

const keys = [1, 2, 3].map(number => keyNumber(number).peerId);
const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(bytes => Buffer.from(bytes).toString('hex'));
const roles = fc.subarray([...memberRoles]);
const pattern = fc.constantFrom('*', 'backend-1', 'backend-*', 'a', 'x'.repeat(128), `${'x'.repeat(127)}*`);
const signature = Buffer.alloc(64, 7);

const arbitraryCertificate: fc.Arbitrary<CertificateDraft> = fc
  .record({
    serial: hex(8),
    key: fc.constantFrom(...keys),
    pattern,
    roles,
    times: fc.tuple(fc.nat(2 ** 40), fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 40 })),
    issuer: fc.constantFrom(...keys),
    line: fc.option(
      fc.record({ origin: fc.constantFrom(...keys), generation: fc.integer({ min: 1, max: 0xffff_ffff }) }),
      { nil: undefined },
    ),
  })
  .map(({ times: [notBeforeMs, later, lifetimeMs], line, ...rest }) => ({
    ...rest,
    ...(line === undefined ? {} : { line }),
    cluster: testCluster,
    notBeforeMs,
    issuedMs: notBeforeMs + later,
    expiresMs: notBeforeMs + later + lifetimeMs,
  }));

const arbitraryGrant: fc.Arbitrary<GrantDraft> = fc.record({
  cluster: fc.constant(testCluster),
  id: hex(16),
  seeds: fc.array(fc.constantFrom(...keys.map(seedOf)), { minLength: 1, maxLength: 4 }),
  pattern,
  roles,
  lifetimeMs: fc.integer({ min: 1, max: 2 ** 48 }),
  expiresMs: fc.maxSafeNat(),
  authority: fc.constantFrom(...keys),
});

const member = keyNumber(9).peerId;
const certificate = certificateFor(member).wire;
const grant = grantFrom(member).wire;
const samples = [
  certificate,
  certificateFor(member, { line: { origin: keyNumber(8).peerId, generation: 3 } }).wire,
  grant,
  encodeHello({ type: 'certificate', certificate }),
  encodeHello({ type: 'grant', grant }),
  encodeWelcome({ issued: certificate }),
];

const arbitraryDamaged = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    fc.nat(),
  )
  .map(([bytes, changes, cut]) => {
    const damaged = Buffer.from(bytes);
    for (const [at, value] of changes) damaged[at % damaged.length] = value;
    return cut % 3 === 0 ? damaged.subarray(0, cut % (damaged.length + 1)) : damaged;
  });

describe('wire laws of membership', () => {
  it('a certificate reads back as it was drafted', () => {
    fc.assert(
      fc.property(arbitraryCertificate, draft => {
        const read = decodeCertificate(sealByAuthority({ content: encodeCertificate(draft), signature }));

        assert.deepEqual(read && draftOf(read), draft);
      }),
      { numRuns: 300 },
    );
  });

  it('an invite reads back as it was drafted', () => {
    fc.assert(
      fc.property(arbitraryGrant, draft => {
        const read = readInvite(writeInvite(sealByAuthority({ content: encodeGrant(draft), signature })));

        assert.isTrue(read.ok);
        if (!read.ok) return;
        const { wire: _, parts: __, ...rest } = read.grant;
        assert.deepEqual(rest, draft);
      }),
      { numRuns: 300 },
    );
  });

  for (const [name, decode] of Object.entries(decoders)) {
    it(`${name} never throws on random bytes and leaves no trace on prototypes`, () => {
      const before = Reflect.ownKeys(Object.prototype);

      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 2_500 }), bytes => {
          decode(bytes);
        }),
        { numRuns: 500 },
      );

      assert.deepEqual(Reflect.ownKeys(Object.prototype), before);
    });

    it(`${name} never throws on damaged or truncated messages`, () => {
      fc.assert(
        fc.property(arbitraryDamaged, bytes => {
          decode(bytes);
        }),
        { numRuns: 500 },
      );
    });
  }

  it('no certificate that was changed in one bit passes', () => {
    fc.assert(
      fc.property(fc.nat(certificate.length - 1), fc.nat(7), (at, bit) => {
        const bytes = Buffer.from(certificate);
        bytes[at] = (bytes[at] as number) ^ (1 << bit);

        assert.isUndefined(checker.read(bytes));
      }),
      { numRuns: 500 },
    );
  });

  it('no invite that was cut, or changed in one character, reads as a genuine one', () => {
    const line = writeInvite(grant);
    fc.assert(
      fc.property(
        fc.nat(line.length - 1),
        fc.constantFrom(...'AZaz09-_.'),
        fc.boolean(),
        (at, character, isCut) => {
          const changed = isCut ? line.slice(0, at) : line.slice(0, at) + character + line.slice(at + 1);
          if (changed === line) return;
          const read = readInvite(changed);

          assert.isFalse(read.ok && isGenuine(read.grant), changed);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('no invite ends in another character that means the same bytes', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    for (let padding = 0; padding < 3; padding++) {
      const line = writeInvite(Buffer.concat([grant, Buffer.alloc(padding)]));
      const others = [...alphabet].map(last => line.slice(0, -1) + last).filter(other => other !== line);

      assert.lengthOf(
        others.filter(other => readInvite(other).ok),
        0,
      );
    }
  });

  it('readInvite never throws on any text, and its problem never repeats it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map(text => `firsthand1${text}`),
        ),
        text => {
          const read = readInvite(text);

          assert.isFalse(read.ok);
          if (!read.ok && text.trim().length > 12) assert.notInclude(read.problem, text.trim());
        },
      ),
      { numRuns: 500 },
    );
  });

  it('what the authority signs is of its own domain: a certificate is no invite, nor the other way round', () => {
    assert.isUndefined(decodeCertificate(grant));
    assert.isUndefined(decodeGrant(certificate));
    assert.notEqual(authority.peerId, member);
  });

  it('a request for a renewal and its answer read back as they were written', () => {
    assert.deepEqual(me.codec.decodeFrame(me.codec.encodeFrame({ type: 'renewal?' })), { type: 'renewal?' });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: certificateMaxBytes }), bytes => {
        const frame = me.codec.encodeFrame({ type: 'renewal', certificate: bytes });

        assert.deepEqual(me.codec.decodeFrame(frame), { type: 'renewal', certificate: bytes });
      }),
    );
    for (const length of [0, certificateMaxBytes + 1]) {
      const frame = me.codec.encodeFrame({ type: 'renewal', certificate: new Uint8Array(length) });
      assert.isUndefined(me.codec.decodeFrame(frame), `${length} bytes`);
    }
  });
});
