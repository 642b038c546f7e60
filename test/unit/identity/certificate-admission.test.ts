import { assert, describe, it } from 'vitest';
import type { VerifiedCertificate } from '../../../src/core/authority/certificate.ts';
import { timeFault } from '../../../src/core/authority/certificate.ts';
import type { Grant } from '../../../src/core/authority/grant.ts';
import type { PeerId } from '../../../src/core/record/record.ts';
import type { Redeemed } from '../../../src/identity/authority-directory.ts';
import {
  CertificateAdmission,
  type CertificateAdmissionComponents,
  GrantAdmission,
} from '../../../src/identity/certificate-admission.ts';
import {
  type AdmissionAuthority,
  type AdmissionStep,
  refusalReasons,
} from '../../../src/runtime/admission.ts';
import { encodeHello } from '../../../src/wire/membership.ts';
import {
  type Asked,
  authorityNumber,
  certificateFor,
  checker,
  grantFrom,
  hourMs,
} from '../../authority-builder.ts';
import { keyNumber, startWallMs } from '../../record-builder.ts';

const dialer = keyNumber(1).peerId;
const listener = keyNumber(2).peerId;

interface Side {
  readonly shows?: VerifiedCertificate;
  readonly nowMs?: number;
  readonly revoked?: readonly string[];
  readonly redeem?: (grant: Grant, key: PeerId) => Promise<Redeemed>;
  readonly onNotRedeemed?: CertificateAdmissionComponents['onNotRedeemed'];
}

function member(peer: PeerId, side: Side = {}): CertificateAdmission {
  const { shows = certificateFor(peer), nowMs = startWallMs, revoked = [], redeem, onNotRedeemed } = side;
  return new CertificateAdmission({
    checker,
    own: () => shows.wire,
    faultOf: certificate =>
      revoked.includes(certificate.serial) ? 'revoked' : timeFault(certificate, nowMs),
    isKeyRevoked: key => revoked.includes(key),
    redeem,
    ...(onNotRedeemed === undefined ? {} : { onNotRedeemed }),
    wallMs: () => nowMs,
  });
}

/** What both sides come to; the dialer hears the last word of the listener only when it is let in. */
async function meet(
  a: AdmissionAuthority,
  b: AdmissionAuthority,
): Promise<{ dialer: AdmissionStep; listener: AdmissionStep }> {
  const asking = a.begin({ role: 'dialer', self: dialer, remote: listener });
  const answering = b.begin({ role: 'listener', self: listener, remote: dialer });
  const heard = await asking.take(answering.opening);
  const judged = await answering.take(asking.opening);
  if (heard.type !== 'go-on' || judged.type !== 'admitted') return { dialer: heard, listener: judged };
  return { dialer: await asking.take(judged.lastWords ?? new Uint8Array()), listener: judged };
}

function reasonOf(step: AdmissionStep): string {
  return step.type === 'refused' ? step.reason : step.type;
}

const issuing: Side = {
  redeem: async (_, key) => ({ ok: true, certificate: certificateFor(key, { pattern: 'backend-*' }) }),
};

describe('identity/certificate-admission', () => {
  it('lets two members in, and tells each what the other has shown', async () => {
    const ours = certificateFor(dialer, { roles: ['proxy', 'admin'] });

    const outcome = await meet(member(dialer, { shows: ours }), member(listener));

    assert.equal(reasonOf(outcome.dialer), 'admitted');
    assert.deepEqual(outcome.listener.type === 'admitted' && outcome.listener.facts, {
      certificate: ours.wire,
      roles: ['proxy', 'admin'],
    });
  });

  const bad: readonly (readonly [string, Asked, string])[] = [
    ['an expired one', { nowMs: startWallMs - 48 * hourMs }, 'certificate-expired'],
    ['one of tomorrow', { nowMs: startWallMs + 24 * hourMs }, 'certificate-not-yet-valid'],
    ['one of another cluster', { by: authorityNumber(100, 'other') }, 'other-cluster'],
    ['one of another authority', { by: authorityNumber(101) }, 'other-authority'],
  ];

  it.each(bad)('keeps a dialer out that shows %s', async (_, asked, reason) => {
    const { listener: step } = await meet(
      member(dialer, { shows: certificateFor(dialer, asked) }),
      member(listener),
    );

    assert.equal(reasonOf(step), reason);
  });

  it.each(bad)('does not go on with a listener that shows %s', async (_, asked, reason) => {
    const { dialer: step } = await meet(
      member(dialer),
      member(listener, { shows: certificateFor(listener, asked) }),
    );

    assert.equal(reasonOf(step), reason);
  });

  it('keeps out who shows the certificate of another key: the connection has shown whose key it is', async () => {
    const { listener: step } = await meet(
      member(dialer, { shows: certificateFor(keyNumber(3).peerId) }),
      member(listener),
    );

    assert.equal(reasonOf(step), 'certificate-of-another-key');
  });

  it('keeps out who was revoked', async () => {
    const shows = certificateFor(dialer);

    const { listener: step } = await meet(
      member(dialer, { shows }),
      member(listener, { revoked: [shows.serial] }),
    );

    assert.equal(reasonOf(step), 'certificate-revoked');
  });

  it('keeps out a certificate with a forged signature', async () => {
    const shows = certificateFor(dialer);
    const wire = Uint8Array.from(shows.wire);
    wire[wire.length - 1] = (wire.at(-1) ?? 0) ^ 1;

    const { listener: step } = await meet(
      member(dialer, { shows: { ...shows, wire } as VerifiedCertificate }),
      member(listener),
    );

    assert.equal(reasonOf(step), 'certificate-forged');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['anything', Buffer.from('hello, let me in')],
    ['too much', Buffer.alloc(4_096, 1)],
    ['an empty certificate', encodeHello({ type: 'certificate', certificate: new Uint8Array() })],
  ])('keeps out who says %s', async (_, message) => {
    const side = member(listener).begin({ role: 'listener', self: listener, remote: dialer });

    assert.equal(reasonOf(await side.take(message)), 'malformed');
  });

  describe('an invite', () => {
    function bearer(grant: Grant) {
      const issued: VerifiedCertificate[] = [];
      return {
        issued,
        admission: new GrantAdmission({ grant }, { checker, onIssued: each => issued.push(each) }),
      };
    }

    it('is exchanged for a certificate of the key that shows it', async () => {
      const { admission, issued } = bearer(grantFrom(listener));

      const outcome = await meet(admission, member(listener, issuing));

      assert.equal(reasonOf(outcome.dialer), 'admitted');
      assert.deepInclude(issued[0], { key: dialer, pattern: 'backend-*' });
    });

    it.each([
      ['expired', grantFrom(listener, { expiresMs: startWallMs - 1 }), issuing, 'invite-expired'],
      ['forged', grantFrom(listener, { by: authorityNumber(101) }), issuing, 'invite-forged'],
      [
        'of another cluster',
        grantFrom(listener, { by: authorityNumber(100, 'other') }),
        issuing,
        'other-cluster',
      ],
      ['for other agents', grantFrom(keyNumber(3).peerId), issuing, 'invite-not-taken-here'],
      ['shown to who holds no issuing key', grantFrom(listener), {}, 'invite-not-taken-here'],
      [
        'redeemed before',
        grantFrom(listener),
        { redeem: async () => ({ ok: false, why: 'used' }) as const },
        'invite-used',
      ],
      [
        'shown by a revoked key',
        grantFrom(listener),
        { ...issuing, revoked: [dialer] },
        'certificate-revoked',
      ],
      [
        'shown while the disk refuses',
        grantFrom(listener),
        { redeem: () => Promise.reject(new Error('full')) },
        'failed',
      ],
    ] as const)('is not taken when it is %s', async (_, grant, side, reason) => {
      const { admission, issued } = bearer(grant);
      const told: unknown[] = [];
      const onNotRedeemed: Side['onNotRedeemed'] = (key, asked, outcome) =>
        told.push([key, asked?.id, outcome]);

      const outcome = await meet(admission, member(listener, { ...side, onNotRedeemed }));

      assert.equal(reasonOf(outcome.listener), reason);
      assert.deepEqual(issued, []);
      const isRead = reason !== 'invite-forged' && reason !== 'other-cluster';
      assert.deepEqual(told, [
        [dialer, isRead ? grant.id : undefined, reason === 'failed' ? 'failed' : 'refused'],
      ]);
    });

    it('with one changed byte is not taken', async () => {
      const grant = grantFrom(listener);
      const wire = Uint8Array.from(grant.wire);
      wire[wire.length - 70] = (wire.at(-70) ?? 0) ^ 1;

      const { listener: step } = await meet(bearer({ ...grant, wire }).admission, member(listener, issuing));

      assert.equal(reasonOf(step), 'invite-forged');
    });

    it('is shown on, but no certificate is taken from somebody whom the authority has not certified', async () => {
      const { admission, issued } = bearer(grantFrom(listener));
      const stranger = certificateFor(listener, { by: authorityNumber(101) });

      const { dialer: step } = await meet(admission, member(listener, { ...issuing, shows: stranger }));

      assert.equal(reasonOf(step), 'other-authority');
      assert.deepEqual(issued, []);
    });

    it('yields no certificate for another key than ours', async () => {
      const { admission, issued } = bearer(grantFrom(listener));
      const wrong: Side = { redeem: async () => ({ ok: true, certificate: certificateFor(listener) }) };

      const { dialer: step } = await meet(admission, member(listener, wrong));

      assert.equal(reasonOf(step), 'certificate-of-another-key');
      assert.deepEqual(issued, []);
    });
  });

  it('has a sentence for each refusal, from either side', () => {
    for (const reason of refusalReasons) {
      for (const by of ['self', 'peer'] as const) {
        assert.match(member(dialer).explain({ reason, by }), /\w+ \w+/, reason);
      }
    }
  });
});
