import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, assert, beforeEach, describe, it } from 'vitest';
import type { VerifiedCertificate } from '../../../src/core/authority/certificate.ts';
import { FirsthandError } from '../../../src/errors.ts';
import { AuthorityChecker } from '../../../src/identity/authority-checker.ts';
import { AuthorityDirectory } from '../../../src/identity/authority-directory.ts';
import { laterKeys } from '../../../src/identity/issued-line.ts';
import { hourMs, seedOf } from '../../authority-builder.ts';
import { keyNumber, startWallMs } from '../../record-builder.ts';

const member = keyNumber(1).peerId;
const other = keyNumber(2).peerId;
const request = { key: member, pattern: '*', roles: [], lifetimeMs: hourMs, nowMs: startWallMs } as const;

let parent: string;
let path: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'firsthand-ca-'));
  path = join(parent, 'ca');
});

afterEach(() => rm(parent, { recursive: true }));

async function refusal(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    assert.instanceOf(error, FirsthandError);
    assert.equal(error.code, 'AUTHORITY_UNUSABLE');
    assert.notInclude(error.message, '\n');
    return error.message;
  }
  assert.fail('it was done');
}

function grantOf({ authority }: AuthorityDirectory, expiresMs = startWallMs + hourMs) {
  return authority.invite({
    seeds: [seedOf(other)],
    pattern: 'x-*',
    roles: ['proxy'],
    lifetimeMs: hourMs,
    expiresMs,
  });
}

function listsOf(record: Awaited<ReturnType<AuthorityDirectory['revocations']>>) {
  assert.equal(record?.body.type, 'revocations');
  return record?.body.type === 'revocations' ? record.body : { serials: [], keys: [] };
}

describe('identity/authority-directory', () => {
  it('makes a key that only its owner can read, and opens the same one again', async () => {
    const made = await AuthorityDirectory.create(path, { cluster: 'prod' });
    const opened = await AuthorityDirectory.open(path);

    assert.equal(opened.authority.peerId, made.authority.peerId);
    assert.equal(opened.authority.cluster, 'prod');
    assert.equal((await stat(join(path, 'authority.key'))).mode & 0o777, 0o600);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  it('never overwrites an authority', async () => {
    const made = await AuthorityDirectory.create(path, { cluster: 'prod' });

    assert.include(
      await refusal(() => AuthorityDirectory.create(path, { cluster: 'prod' })),
      'never overwritten',
    );
    assert.equal((await AuthorityDirectory.open(path)).authority.peerId, made.authority.peerId);
  });

  it('keeps a key with a passphrase closed to whoever does not know it', async () => {
    await AuthorityDirectory.create(path, { cluster: 'prod', passphrase: 'open sesame' });

    assert.notInclude(await readFile(join(path, 'authority.key'), 'utf8'), 'BEGIN PRIVATE KEY');
    assert.include(await refusal(() => AuthorityDirectory.open(path)), '--ca-passphrase-file');
    const wrong = await refusal(() => AuthorityDirectory.open(path, { passphrase: 'open barley' }));
    assert.include(wrong, 'does not open');
    assert.notInclude(wrong, 'barley');
    assert.isDefined(await AuthorityDirectory.open(path, { passphrase: 'open sesame' }));
  });

  it.each(['authority.key', 'authority.json'])('refuses a directory whose %s others can read', async name => {
    await AuthorityDirectory.create(path, { cluster: 'prod' });
    await chmod(join(path, name), 0o644);

    assert.include(await refusal(() => AuthorityDirectory.open(path)), 'chmod 600');
  });

  it.each([
    ['authority.key', 'garbage', 'no usable key'],
    ['authority.json', '{', 'cannot be read'],
    ['authority.json', '{"cluster":"prod","authority":"12D3KooWx"}', 'does not name'],
  ])('refuses a directory whose %s says %s', async (name, text, said) => {
    await AuthorityDirectory.create(path, { cluster: 'prod' });
    await writeFile(join(path, name), text, { mode: 0o600 });

    assert.include(await refusal(() => AuthorityDirectory.open(path)), said);
  });

  it('says how to make one where there is none', async () => {
    assert.include(await refusal(() => AuthorityDirectory.open(path)), 'firsthand ca init');
  });

  it('writes down what it issues, the latest first, and reads past a line that was cut off', async () => {
    const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
    const first = await ca.issue(request);
    const second = await ca.issue({ ...request, key: other });
    await appendFile(join(path, 'issued.jsonl'), '{"serial":"00');

    assert.deepEqual(
      (await ca.issued()).map(({ serial, key }) => [serial, key]),
      [
        [second.serial, other],
        [first.serial, member],
      ],
    );
  });

  it('renews with the same rights from the same beginning, for as long again', async () => {
    const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
    const first = await ca.issue({ ...request, pattern: 'b-*', roles: ['backend'] });

    const renewed = await ca.next(first, startWallMs + hourMs / 2);

    assert.isTrue(renewed.ok);
    const next = renewed.certificate;
    assert.deepInclude(next, {
      key: member,
      pattern: 'b-*',
      roles: ['backend'],
      notBeforeMs: startWallMs,
      issuedMs: startWallMs + hourMs / 2,
      expiresMs: startWallMs + 1.5 * hourMs,
    });
    assert.notEqual(next.serial, first.serial);
    const checker = new AuthorityChecker({ cluster: 'prod', authorities: [ca.authority.peerId] });
    assert.isDefined(checker.read(next.wire));
  });

  describe('the certificate of a key that follows another one', () => {
    const nextKey = keyNumber(12).peerId;

    async function rotated() {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const first = await ca.issue({ ...request, pattern: 'b-*', roles: ['backend'] });
      const next = async (of: VerifiedCertificate, key: string) => {
        const issued = await ca.next(of, startWallMs + 1_000, key);
        assert.isTrue(issued.ok);
        return (issued as Extract<typeof issued, { ok: true }>).certificate;
      };
      const second = await next(first, other);
      return { ca, first, second, third: await next(second, nextKey) };
    }

    it('has the rights of the one before and its place behind it, which a renewal keeps', async () => {
      const { ca, first, third: last } = await rotated();

      const renewed = await ca.next(last, startWallMs + 2_000);

      const { pattern, roles, notBeforeMs } = first;
      const line = { origin: first.key, generation: 2 };
      assert.deepInclude(last, { key: nextKey, pattern, roles, notBeforeMs, line });
      assert.deepInclude(renewed.ok && renewed.certificate, { key: nextKey, line });
      assert.deepEqual(
        (await ca.issued()).map(({ line: each }) => each?.generation),
        [2, 2, 1, undefined],
      );
    });

    it('is not issued for one that the directory has revoked, whether an agent knows that or not', async () => {
      const { ca, first, second } = await rotated();
      await ca.revoke({ serials: [first.serial], keys: [second.key] }, startWallMs);

      assert.deepEqual(await ca.next(first, startWallMs, keyNumber(13).peerId), {
        ok: false,
        why: 'revoked',
      });
      assert.deepEqual(await ca.next(first, startWallMs), { ok: false, why: 'revoked' });
      assert.deepEqual(await ca.next(second, startWallMs, keyNumber(13).peerId), {
        ok: false,
        why: 'revoked',
      });
    });

    it('is revoked with another one that followed the same key before it did', async () => {
      const { ca, first, second } = await rotated();
      const rival = await ca.next(first, startWallMs + 5_000, keyNumber(14).peerId);
      assert.isTrue(rival.ok);
      const { serial } = (rival as Extract<typeof rival, { ok: true }>).certificate;

      const list = listsOf(await ca.revoke({ serials: [serial] }, startWallMs));

      assert.sameMembers([...list.serials], [first.serial, second.serial, serial]);
      assert.deepEqual(laterKeys(await ca.issued(), { serials: [second.serial] }, startWallMs).length, 2);
    });

    it('is revoked with those before it, which its owner may have kept, and says who has followed', async () => {
      const { ca, first, second, third: last } = await rotated();

      const list = listsOf(await ca.revoke({ keys: [second.key] }, startWallMs));
      const issued = await ca.issued();

      assert.deepEqual(list.serials, [first.serial]);
      assert.deepEqual(list.keys, [second.key]);
      assert.deepEqual(laterKeys(issued, { keys: [second.key] }, startWallMs), [last.key]);
      assert.deepEqual(laterKeys(issued, { serials: [last.serial] }, startWallMs), []);
      assert.deepEqual(
        [...listsOf(await ca.revoke({ serials: [last.serial] }, startWallMs)).serials].sort(),
        [first.serial, second.serial, last.serial].sort(),
      );
    });
  });

  describe('an invite', () => {
    it('is good for one key, which may ask again', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const grant = grantOf(ca);

      const first = await ca.redeem(grant, member, startWallMs);
      const again = await ca.redeem(grant, member, startWallMs);
      const stolen = await ca.redeem(grant, other, startWallMs);

      assert.deepInclude(first.ok && first.certificate, { key: member, pattern: 'x-*', roles: ['proxy'] });
      assert.isTrue(again.ok);
      assert.isFalse(stolen.ok);
    });

    it('fills no disk in the hands of somebody who redeems it again and again', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const grant = grantOf(ca);

      const outcomes = [];
      for (let i = 0; i < 20; i += 1) outcomes.push(await ca.redeem(grant, member, startWallMs));
      const later = await ca.redeem(grant, member, startWallMs + 20_000);

      assert.lengthOf(
        outcomes.filter(({ ok }) => ok),
        3,
      );
      assert.isTrue(later.ok);
      assert.lengthOf(await ca.issued(), 4);
    });

    it('stays redeemed through a restart of the agent', async () => {
      const grant = grantOf(await AuthorityDirectory.create(path, { cluster: 'prod' }));
      await (await AuthorityDirectory.open(path)).redeem(grant, member, startWallMs);

      const restarted = await AuthorityDirectory.open(path);
      await restarted.prune(startWallMs + 2 * hourMs);

      assert.isFalse((await restarted.redeem(grant, other, startWallMs)).ok);
    });

    it('is good for one of many that show it at the same moment', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const twin = await AuthorityDirectory.open(path);
      const grant = grantOf(ca);
      const keys = Array.from({ length: 20 }, (_, i) => keyNumber(i + 1).peerId);

      const outcomes = await Promise.all(
        keys.map((key, i) => (i % 2 === 0 ? ca : twin).redeem(grant, key, startWallMs)),
      );

      assert.lengthOf(
        outcomes.filter(({ ok }) => ok),
        1,
      );
    });

    it('is good for nobody when it is not known who has redeemed it', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const grant = grantOf(ca);
      await ca.redeem(grant, member, startWallMs);
      await writeFile(join(path, 'redeemed', grant.id), '', { mode: 0o600 });

      assert.isFalse((await ca.redeem(grant, member, startWallMs)).ok);
    });

    it('is forgotten a day after it has expired, and not before', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      await ca.redeem(grantOf(ca), member, startWallMs);

      await ca.prune(startWallMs + 24 * hourMs);
      const before = await readdir(join(path, 'redeemed'));
      await ca.prune(startWallMs + 26 * hourMs);

      assert.lengthOf(before, 1);
      assert.deepEqual(await readdir(join(path, 'redeemed')), []);
    });
  });

  describe('the list of who is shut out', () => {
    it('grows, is numbered, and is there after a restart', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const { serial } = await ca.issue(request);

      await ca.revoke({ serials: [serial] }, startWallMs);
      await ca.revoke({ keys: [member] }, startWallMs);

      const list = await (await AuthorityDirectory.open(path)).revocations();
      assert.equal(list?.sequence, 2);
      assert.deepEqual(listsOf(list), { type: 'revocations', serials: [serial], keys: [member] });
    });

    it('is newer than the one before it, also when the clock was set back', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const first = await ca.revoke({ keys: [member] }, startWallMs);

      const second = await ca.revoke({ keys: [other] }, startWallMs - hourMs);

      assert.isAbove(second.epoch, first.epoch);
    });

    it('drops a certificate 30 days after it has run out by itself', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const { serial } = await ca.issue(request);
      await ca.revoke({ serials: [serial] }, startWallMs);

      const early = await ca.revoke({}, startWallMs + 30 * 24 * hourMs);
      const late = await ca.revoke({}, startWallMs + 31 * 24 * hourMs);

      assert.deepEqual(listsOf(early).serials, [serial]);
      assert.deepEqual(listsOf(late).serials, []);
    });

    it('says when it is full, and stays as it was', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      const serials = Array.from({ length: 300 }, (_, i) => i.toString(16).padStart(16, '0'));
      await ca.revoke({ serials }, startWallMs);

      assert.include(
        await refusal(() => ca.revoke({ serials: ['f'.repeat(16)] }, startWallMs)),
        'at most 300',
      );
      assert.lengthOf(listsOf(await ca.revocations()).serials, 300);
    });

    it('that is damaged is not taken for an empty one', async () => {
      const ca = await AuthorityDirectory.create(path, { cluster: 'prod' });
      await ca.revoke({ keys: [member] }, startWallMs);
      await writeFile(join(path, 'revocations.json'), '{"record":"AAAA"}', { mode: 0o600 });

      assert.include(await refusal(() => ca.revoke({ keys: [other] }, startWallMs)), 'backup');
    });
  });
});
