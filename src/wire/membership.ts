/** What the two ends of a new connection show each other. Decoding answers `undefined` for whatever is malformed. */
import { certificateMaxBytes } from '../core/authority/certificate.ts';
import { grantMaxBytes } from '../core/authority/grant.ts';
import { decodeMessage } from './bounded-reader.ts';
import { membershipHelloType, membershipWelcomeType } from './schema.ts';

/** Of either side. */
export type MembershipHello =
  | { readonly type: 'certificate'; readonly certificate: Uint8Array }
  | { readonly type: 'grant'; readonly grant: Uint8Array };

/** Of the listener, once it has admitted the dialer. */
export interface MembershipWelcome {
  /** For the grant that was shown. */
  readonly issued?: Uint8Array;
}

export const helloMaxBytes = grantMaxBytes + 8;
const welcomeMaxBytes = certificateMaxBytes + 8;
const fieldsMaxCount = 8;

interface HelloFields {
  readonly show?: 'certificate' | 'grant';
  readonly certificate: Uint8Array;
  readonly grant: Uint8Array;
}

export function encodeHello(hello: MembershipHello): Uint8Array {
  const fields = hello.type === 'grant' ? { grant: hello.grant } : { certificate: hello.certificate };
  return membershipHelloType.encode(fields as never).finish();
}

export function decodeHello(bytes: Uint8Array): MembershipHello | undefined {
  if (bytes.length > helloMaxBytes) return undefined;
  const fields = decodeMessage<HelloFields>(membershipHelloType, bytes, fieldsMaxCount);
  if (fields?.show === 'certificate' && fits(fields.certificate, certificateMaxBytes)) {
    return { type: 'certificate', certificate: Uint8Array.from(fields.certificate) };
  }
  if (fields?.show === 'grant' && fits(fields.grant, grantMaxBytes)) {
    return { type: 'grant', grant: Uint8Array.from(fields.grant) };
  }
  return undefined;
}

export function encodeWelcome({ issued }: MembershipWelcome): Uint8Array {
  return membershipWelcomeType.encode((issued === undefined ? {} : { issued }) as never).finish();
}

export function decodeWelcome(bytes: Uint8Array): MembershipWelcome | undefined {
  if (bytes.length > welcomeMaxBytes) return undefined;
  const fields = decodeMessage<{ readonly issued: Uint8Array }>(membershipWelcomeType, bytes, fieldsMaxCount);
  if (fields === undefined) return undefined;
  if (fields.issued.length === 0) return {};
  return fits(fields.issued, certificateMaxBytes) ? { issued: Uint8Array.from(fields.issued) } : undefined;
}

function fits(bytes: Uint8Array, maxBytes: number): boolean {
  return bytes.length > 0 && bytes.length <= maxBytes;
}
