/** Membership as the HTTP shim sees it. */
import type { AuthorityPort, AuthorityView, RevocationsView } from '../../../src/runtime/agent-port.ts';
import { certificateFor, draftOf } from '../../authority-builder.ts';
import { keyNumber, startWallMs } from '../../record-builder.ts';

export class FakeAuthority implements AuthorityPort {
  readonly taken: Uint8Array[] = [];
  /** What `revoke` throws. */
  refusal: Error | undefined;

  view(): AuthorityView {
    const certificate = draftOf(
      certificateFor(keyNumber(1).peerId, { pattern: 'agent-*', roles: ['proxy'] }),
    );
    return {
      authorities: [certificate.issuer],
      issues: true,
      multiaddrs: ['/ip4/127.0.0.1/tcp/7946'],
      certificate,
      revocations: [this.#list()],
    };
  }

  revoke(record: Uint8Array): RevocationsView {
    if (this.refusal !== undefined) throw this.refusal;
    this.taken.push(record);
    return this.#list();
  }

  #list(): RevocationsView {
    const authority = keyNumber(100).peerId;
    return { authority, number: 2, issuedMs: startWallMs, serials: ['0123456789abcdef'], keys: [] };
  }
}
