import { assert, describe, it } from 'vitest';
import { Roster } from '../../../src/core/authority/roster.ts';
import { membershipFinding } from '../../../src/runtime/membership-finding.ts';
import { certificateFor, checker, hourMs, revocation } from '../../authority-builder.ts';
import { keyNumber, startWallMs } from '../../record-builder.ts';

const me = keyNumber(1).peerId;

function roster(): Roster {
  const made = new Roster({ self: me }, { reader: checker });
  made.learn(me, certificateFor(me, { lifetimeMs: 4 * hourMs }).wire);
  return made;
}

describe('runtime/membership-finding', () => {
  it.each([
    ['nothing in the first three quarters', 2.9, undefined],
    ['that it was not renewed, in the last one', 3.5, 'ends in 30 min'],
    ['that it is over', 4.1, 'has expired'],
  ])('says %s: after %d of 4 hours', (_, hours, said) => {
    const finding = membershipFinding(roster(), me, startWallMs + hours * hourMs);

    if (said === undefined) assert.isUndefined(finding);
    else assert.include(finding, said);
  });

  it('says that this agent was shut out', () => {
    const made = roster();
    made.revoke(revocation({ keys: [me] }));

    assert.include(membershipFinding(made, me, startWallMs), 'new invite');
  });

  it('says nothing where there is no authority', () => {
    assert.isUndefined(membershipFinding(undefined, me, startWallMs));
  });
});
