import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it, vi } from 'vitest';
import type { VerifiedCertificate } from '../../../src/core/authority/certificate.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { AuthorityDirectory } from '../../../src/identity/authority-directory.ts';
import {
  Membership,
  type MembershipComponents,
  type MembershipOptions,
} from '../../../src/identity/membership.ts';
import { parseMembership, showMembership } from '../../../src/identity/membership-file.ts';
import type { AdmissionAuthority } from '../../../src/runtime/admission.ts';
import type { AuditEntry } from '../../../src/runtime/ports.ts';
import { writeInvite } from '../../../src/wire/grant.ts';
import { encodeHello, encodeWelcome } from '../../../src/wire/membership.ts';
import {
  authority,
  authorityNumber,
  certificateFor,
  grantFrom,
  hourMs,
  seedOf,
} from '../../authority-builder.ts';
import { keyNumber, startWallMs, testCluster } from '../../record-builder.ts';

const me = keyNumber(1).peerId;
const issuer = keyNumber(2).peerId;

let directory: string;
let nowMs: number;
let redemptionsCount: number;
let failures: unknown[];
let audited: AuditEntry[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firsthand-member-'));
  nowMs = startWallMs;
  redemptionsCount = 0;
  failures = [];
  audited = [];
});

afterEach(() => rm(directory, { recursive: true }));

/** The agent that the invite names, as it answers on a connection. */
async function answer(_: readonly string[], admission: AdmissionAuthority): Promise<void> {
  redemptionsCount += 1;
  const exchange = admission.begin({ role: 'dialer', self: me, remote: issuer });
  await exchange.take(
    encodeHello({ type: 'certificate', certificate: certificateFor(issuer, { nowMs }).wire }),
  );
  const issued = certificateFor(me, { nowMs, pattern: 'backend-*', lifetimeMs: hourMs });
  await exchange.take(encodeWelcome({ issued: issued.wire }));
}

function open(
  options: Partial<MembershipOptions> = {},
  components: Partial<MembershipComponents> = {},
): Promise<Membership | undefined> {
  return Membership.open(
    {
      directory,
      cluster: testCluster,
      peer: me,
      id: 'backend-1',
      nodeType: 'backend',
      authorities: [],
      ...options,
    },
    {
      redeem: answer,
      wallMs: () => nowMs,
      audit: { record: entry => audited.push(entry) },
      onFailed: error => failures.push(error),
      ...components,
    },
  );
}

async function refusal(act: () => Promise<unknown>, code = 'MEMBERSHIP_UNUSABLE'): Promise<string> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, code);
    assert.notInclude(error.message, '\n');
    return error.message;
  }
  assert.fail('it was opened');
}

async function given(certificate: VerifiedCertificate, cluster = testCluster): Promise<string> {
  const path = join(directory, 'given.json');
  const document = { cluster, authorities: [authority.peerId], certificate: certificate.wire, seeds: [] };
  await writeFile(path, showMembership(document), { mode: 0o600 });
  return path;
}

const invite = (expiresMs = startWallMs + hourMs) => writeInvite(grantFrom(issuer, { expiresMs }).wire);

describe('identity/membership', () => {
  it('is none where nobody has named an authority, and leaves nothing behind', async () => {
    assert.isUndefined(await open());
    await stat(join(directory, 'membership.json')).then(
      () => assert.fail('a file was written'),
      () => {},
    );
  });

  it('wants a certificate as soon as an authority is named, and says how to get one', async () => {
    const said = await refusal(() => open({ authorities: [authority.peerId] }));

    assert.include(said, '--join');
    assert.include(said, `--key ${me}`);
  });

  it('wants one too where agents are to prove by certificate that they belong here', async () => {
    assert.include(await refusal(() => open({ proof: 'mtls' })), '--join');
    assert.isUndefined(await open({ proof: 'shared_secret' }));
  });

  it('does not go by certificate and by secret at once: a member with one of them would be half a member', async () => {
    const said = await refusal(() => open({ join: invite(), proof: 'shared_secret' }));

    assert.include(said, '--http-auth shared_secret');
    assert.equal(redemptionsCount, 0);
  });

  describe('by invite', () => {
    it('is kept for the owner alone, and needs no invite the next time', async () => {
      const first = await open({ join: invite() });

      const again = await open();

      assert.deepEqual(again?.certificate, first?.certificate);
      assert.deepEqual(again?.seeds, [seedOf(issuer)]);
      assert.equal(redemptionsCount, 1);
      assert.equal((await stat(join(directory, 'membership.json'))).mode & 0o777, 0o600);
    });

    it('is not redeemed again when the same invite is given again, also after it has expired', async () => {
      const line = invite();
      await open({ join: line });
      nowMs += hourMs / 2;
      await open({ join: line });
      nowMs += hourMs / 2;

      assert.isDefined(await open({ join: line }));
      assert.equal(redemptionsCount, 1);
    });

    it('is redeemed for another invite, and the agent goes on with what it has when that is of no use', async () => {
      const first = await open({ join: invite() });
      const broken = { redeem: () => Promise.reject(new FirsthandError('INVITE_REFUSED')) };

      const kept = await open({ join: invite() }, broken);
      nowMs += 1;
      const next = await open({ join: invite() });

      assert.deepEqual(kept?.certificate, first?.certificate);
      assert.lengthOf(failures, 1);
      assert.notDeepEqual(next?.certificate, first?.certificate);
    });

    it('is not spent under a name or as a type that it does not allow', async () => {
      const misnamed = await refusal(() => open({ join: invite(), id: 'web-1' }));
      const mistyped = await refusal(() => open({ join: invite(), nodeType: 'proxy' }));

      assert.include(misnamed, 'backend-*');
      assert.include(mistyped, '--type');
      assert.equal(redemptionsCount, 0);
    });

    it.each([
      ['has expired', () => invite(startWallMs - hourMs)],
      [
        'is forged',
        () => {
          const { wire } = grantFrom(issuer);
          const changed = Uint8Array.from(wire);
          changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
          return writeInvite(changed);
        },
      ],
      ['is truncated', () => invite().slice(0, -7)],
      [
        'is for cluster other',
        () => writeInvite(grantFrom(issuer, { by: authorityNumber(100, 'other') }).wire),
      ],
    ])('is refused when it %s', async (said, line) => {
      assert.include(await refusal(() => open({ join: line() }), 'INVITE_REFUSED'), said);
      assert.equal(redemptionsCount, 0);
    });

    it('fails as the connection does', async () => {
      const redeem = () => Promise.reject(new FirsthandError('JOIN_FAILED', { text: 'no answer' }));

      assert.equal(await refusal(() => open({ join: invite() }, { redeem }), 'JOIN_FAILED'), 'no answer');
    });
  });

  describe('by file', () => {
    it('takes what the authority has issued off line', async () => {
      const certificate = certificateFor(me);

      const membership = await open({ membershipFile: await given(certificate) });

      assert.deepEqual(membership?.certificate, certificate.wire);
    });

    it('takes the later one of the file and what was kept', async () => {
      await open({ membershipFile: await given(certificateFor(me)) });
      const later = certificateFor(me, { nowMs: startWallMs + 1 });
      const earlier = certificateFor(me, { nowMs: startWallMs - 1 });

      const first = await open({ membershipFile: await given(later) });
      const second = await open({ membershipFile: await given(earlier) });

      assert.deepEqual(first?.certificate, later.wire);
      assert.deepEqual(second?.certificate, later.wire);
    });

    it.each([
      ['another key', certificateFor(issuer), testCluster, 'for the key'],
      [
        'last week',
        certificateFor(me, { nowMs: startWallMs - 7 * 24 * hourMs }),
        testCluster,
        'expired at 2025-11-18',
      ],
      [
        'next week',
        certificateFor(me, { nowMs: startWallMs + 7 * 24 * hourMs }),
        testCluster,
        'set the clock right',
      ],
      [
        'another cluster',
        certificateFor(me, { by: authorityNumber(100, 'other') }),
        'other',
        '--cluster other',
      ],
      ['another authority', certificateFor(me, { by: authorityNumber(101) }), testCluster, 'other-authority'],
      ['another name', certificateFor(me, { pattern: 'web-*' }), testCluster, '--id'],
    ] as const)('refuses one of %s', async (_, certificate, cluster, said) => {
      const membershipFile = await given(certificate, cluster);

      assert.include(await refusal(() => open({ membershipFile })), said);
    });

    it.each([
      '',
      '{',
      '[]',
      '{"cluster":"test"}',
      '{"cluster":"test","authorities":["x"],"certificate":"","seeds":[]}',
    ])('refuses a file that holds %j, and leaves it as it is', async text => {
      const path = join(directory, 'membership.json');
      await writeFile(path, text, { mode: 0o600 });

      assert.include(await refusal(() => open()), 'damaged');
      assert.equal(await readFile(path, 'utf8'), text);
    });

    it('says when there is none', async () => {
      assert.include(await refusal(() => open({ membershipFile: '/no/such/file' })), '/no/such/file');
    });
  });

  describe('by an issuing key of its own', () => {
    it('is for its own name and type, and issued again only when it has run out', async () => {
      const ca = await AuthorityDirectory.create(join(directory, 'ca'), { cluster: testCluster });

      const first = await open({}, { issuer: ca });
      const again = await open({}, { issuer: ca });
      nowMs += 25 * hourMs;
      await open({}, { issuer: ca });

      assert.deepEqual(again?.certificate, first?.certificate);
      const issued = await ca.issued();
      assert.lengthOf(issued, 2);
      assert.deepInclude(issued[0], { key: me, pattern: 'backend-1', roles: ['backend'] });
    });

    it('is none in another cluster', async () => {
      const ca = await AuthorityDirectory.create(join(directory, 'ca'), { cluster: 'other' });

      assert.include(await refusal(() => open({}, { issuer: ca })), 'cluster other');
    });
  });

  it('keeps a renewed certificate for the next start', async () => {
    const membership = await open({ join: invite() });
    const next = certificateFor(me, { nowMs: startWallMs + 1 });

    membership?.keep(next.wire);

    assert.deepEqual(membership?.certificate, next.wire);
    const text = Buffer.from(next.wire).toString('base64');
    const isKept = async () => (await readFile(join(directory, 'membership.json'), 'utf8')).includes(text);
    await vi.waitUntil(isKept, { timeout: 10_000 });
    assert.deepEqual((await open())?.certificate, next.wire);
  });

  describe('of a key that is changed', () => {
    const next = keyNumber(3).peerId;
    const line = { origin: me, generation: 1 };
    const certified = certificateFor(next, { pattern: 'backend-*', line });
    const namesIn = () => readdir(directory).then(names => names.sort());

    it('is on the disk for both keys before the change, and shown for the former one until it is over', async () => {
      const membership = await open({ join: invite() });
      const before = membership?.certificate;

      await membership?.keepNext(certified.wire);
      const during = membership?.certificate;
      const startedWithOld = await open();
      await membership?.keepNext(certified.wire);
      const startedWithNew = await open({ peer: next });

      assert.deepEqual(during, before);
      assert.deepEqual(startedWithOld?.certificate, before);
      assert.deepEqual(startedWithNew?.certificate, certified.wire);
      assert.deepEqual(startedWithNew?.seeds, [seedOf(issuer)]);
      assert.deepEqual(await namesIn(), ['membership.json']);
    });

    it('is still whole when the former key was renewed meanwhile', async () => {
      const membership = await open({ join: invite() });
      await membership?.keepNext(certified.wire);

      const renewed = certificateFor(me, { pattern: 'backend-*', nowMs: startWallMs + 1 });
      membership?.keep(renewed.wire);
      await membership?.keepNext(certified.wire);

      assert.deepEqual(await namesIn(), ['membership.json', 'membership.json.next']);
      assert.deepEqual((await open({ peer: next }))?.certificate, certified.wire);
    });

    it('is the one of the new key from the change on, in one file', async () => {
      const membership = await open({ join: invite() });
      await membership?.keepNext(certified.wire);

      membership?.takeNext();

      assert.deepEqual(membership?.certificate, certified.wire);
      await vi.waitUntil(async () => (await namesIn()).join() === 'membership.json', { timeout: 10_000 });
      assert.deepEqual((await open({ peer: next }))?.certificate, certified.wire);
      assert.deepEqual(failures, []);
    });
  });

  describe('with an issuing key takes down', () => {
    let ca: AuthorityDirectory;
    let membership: Membership;
    beforeEach(async () => {
      ca = await AuthorityDirectory.create(join(directory, 'ca'), { cluster: testCluster });
      membership = (await open({}, { issuer: ca })) as Membership;
      audited.length = 0;
    });
    const lines = () => audited.map(({ kind, who, what, outcome }) => `${kind} ${who} ${what} ${outcome}`);
    const member = keyNumber(4).peerId;
    const issued = () => ca.issue({ key: member, pattern: '*', roles: [], lifetimeMs: hourMs, nowMs });

    it('the certificate that the agent gives itself', async () => {
      nowMs += 25 * hourMs;
      await open({}, { issuer: ca });

      assert.deepEqual(lines(), [`certificate ${me} certificate.issue allowed`]);
      assert.match(audited[0]?.why ?? '', /^serial [0-9a-f]{16} for backend-1 \(backend\) until /);
    });

    it('each invite that is redeemed, and by whom', async () => {
      const grant = grantFrom(me, { by: ca.authority });

      await membership.redeem?.(grant, member);

      assert.deepEqual(lines(), [`certificate ${member} certificate.redeem ${grant.id} allowed`]);
    });

    it('who was refused, with the invite where there was one', () => {
      const grant = grantFrom(me, { by: ca.authority });

      membership.refused(member, grant, 'refused', 'expired');
      membership.refused(member, undefined, 'refused', 'forged');

      assert.deepEqual(lines(), [
        `certificate ${member} certificate.redeem ${grant.id} refused`,
        `certificate ${member} certificate.redeem refused`,
      ]);
    });

    it('renewals and certificates of next keys, and those that it refuses', async () => {
      const certificate = await issued();
      const next = keyNumber(5).peerId;
      const done = (count: number) => vi.waitUntil(() => audited.length === count, { timeout: 10_000 });

      membership.renew(certificate, () => {});
      await done(1);
      membership.certifyNext(certificate, next, () => {});
      await done(2);
      await ca.revoke({ serials: [certificate.serial] }, nowMs);
      membership.certifyNext(certificate, next, () => assert.fail('it was handed out'));
      await done(3);

      assert.deepEqual(lines(), [
        `certificate ${member} certificate.renew allowed`,
        `certificate ${member} certificate.rotate to ${next} allowed`,
        `certificate ${member} certificate.rotate to ${next} refused`,
      ]);
    });

    it('what failed for want of a disk, and hands nothing out', async () => {
      const certificate = await issued();
      await rm(join(directory, 'ca', 'issued.jsonl'));
      await mkdir(join(directory, 'ca', 'issued.jsonl'));

      membership.renew(certificate, () => assert.fail('it was handed out'));
      await vi.waitUntil(() => audited.length === 1, { timeout: 10_000 });

      assert.deepEqual(lines(), [`certificate ${member} certificate.renew failed`]);
      assert.lengthOf(failures, 1);
    });
  });

  it('takes nothing down about invites where this agent issues nothing', async () => {
    const membership = await open({ join: invite() });

    membership?.refused(keyNumber(4).peerId, undefined, 'refused', 'forged');

    assert.deepEqual(audited, []);
  });

  it('trusts a new authority beside the old one while both are named, and after a renewal the new one alone', async () => {
    const successor = authorityNumber(101);
    const both = [authority.peerId, successor.peerId];
    await open({ join: invite(), authorities: both });
    const old = await open();

    const during = await open({ authorities: both });
    during?.keep(certificateFor(me, { by: successor, nowMs: startWallMs + 1 }).wire);
    const isKept = async () =>
      (await readFile(join(directory, 'membership.json'), 'utf8')).includes(successor.peerId);
    await vi.waitUntil(isKept, { timeout: 10_000 });
    const after = await open();

    assert.deepEqual(old?.checker.authorities, [authority.peerId]);
    assert.sameMembers([...(during?.checker.authorities ?? [])], both);
    assert.deepEqual(after?.checker.authorities, [successor.peerId]);
  });

  it('reads back what it has written', () => {
    const document = {
      cluster: testCluster,
      authorities: [authority.peerId],
      certificate: Buffer.from(certificateFor(me).wire),
      seeds: [seedOf(issuer)],
      invite: '00',
    };

    assert.deepEqual(parseMembership(showMembership(document)), document);
  });
});
