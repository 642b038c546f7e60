import { assert, describe, it } from 'vitest';
import { certificateMaxBytes } from '../../../src/core/authority/certificate.ts';
import { grantMaxBytes } from '../../../src/core/authority/grant.ts';
import { decodeCertificate } from '../../../src/wire/certificate.ts';
import { decodeGrant, inviteMaxLength, readInvite, writeInvite } from '../../../src/wire/grant.ts';
import { authority, certificateFor, grantFrom, seedOf } from '../../authority-builder.ts';
import { keyNumber, startWallMs } from '../../record-builder.ts';

const issuer = keyNumber(1).peerId;
const line = writeInvite(grantFrom(issuer).wire);

function problemOf(text: string): string {
  const read = readInvite(text);
  return read.ok ? 'none' : read.problem;
}

describe('wire/grant', () => {
  it('writes an invite as one line of letters that no shell touches', () => {
    assert.match(line, /^firsthand1[A-Za-z0-9_-]+$/);
    assert.isBelow(line.length, 400);
  });

  it.each([
    ['nothing', '', 'begins with something else'],
    ['its first letter missing', line.slice(1), 'begins with something else'],
    ['a later version', line.replace('firsthand1', 'firsthand2'), 'is of version 2'],
    ['the end missing', line.slice(0, -20), 'truncated'],
    ['the last letter missing', line.slice(0, -1), 'truncated'],
    ['the prefix alone', 'firsthand1', 'truncated'],
    ['a space inside', `${line.slice(0, 50)} ${line.slice(50)}`, 'a character that no invite has'],
    ['two of them', line + line.repeat(20), 'longer than any'],
    ['other bytes with a good checksum', writeInvite(Buffer.from('hello')), 'no invite of this version'],
  ])('says what is wrong with %s', (_, text, said) => {
    assert.include(problemOf(text), said);
  });

  it('takes the space that copying leaves at its ends', () => {
    assert.isTrue(readInvite(`  ${line}\n`).ok);
  });

  it('fits the largest invite there can be into its limits', () => {
    const seed = `/dns4/${'x'.repeat(256 - 77)}/tcp/7946/p2p/${issuer}`;
    const grant = authority.invite({
      seeds: [1, 2, 3, 4].map(() => seed),
      pattern: `${'x'.repeat(127)}*`,
      roles: ['proxy', 'backend', 'governator', 'read', 'register', 'operate', 'admin'],
      lifetimeMs: Number.MAX_SAFE_INTEGER,
      expiresMs: Number.MAX_SAFE_INTEGER,
    });

    assert.isAtMost(grant.wire.length, grantMaxBytes);
    assert.isAtMost(writeInvite(grant.wire).length, inviteMaxLength);
    assert.isTrue(readInvite(writeInvite(grant.wire)).ok);
  });

  it.each([
    ['none', []],
    ['five', [1, 2, 3, 4, 5].map(() => seedOf(issuer))],
    ['one without a peer id', ['/ip4/127.0.0.1/tcp/1']],
    [
      'one with another kind of key',
      ['/ip4/127.0.0.1/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ],
  ])('makes no invite with seeds like %s', (_, seeds) => {
    const make = () =>
      authority.invite({ seeds, pattern: '*', roles: [], lifetimeMs: 1, expiresMs: startWallMs });

    assert.throws(make, RangeError);
  });

  it('fits the largest certificate there can be into its limit', () => {
    const { wire } = certificateFor(issuer, {
      pattern: `${'x'.repeat(127)}*`,
      roles: ['proxy', 'backend', 'governator', 'read', 'register', 'operate', 'admin'],
      nowMs: 2 ** 52,
    });

    assert.isAtMost(wire.length, certificateMaxBytes);
    assert.isDefined(decodeCertificate(wire));
  });

  it('reads nothing above its limits', () => {
    const padding = Buffer.from([0x1a, 0xff, 0x7f, ...Buffer.alloc(16_383)]);

    assert.isUndefined(decodeGrant(Buffer.concat([grantFrom(issuer).wire, padding])));
    assert.isUndefined(decodeCertificate(Buffer.concat([certificateFor(issuer).wire, padding])));
  });
});
