/** Why credentials are not accepted: for metrics, the audit log and, as far as it helps an honest caller, for the caller. */
export const authFailures = {
  missing: 'there are no credentials',
  wrong_secret: 'it is not the secret',

  too_large: 'the token is too large',
  malformed: 'it is no signed token',
  algorithm: 'the token is signed in a way that is not allowed',
  type: 'the token is of a kind that is not accepted',
  unknown_key: 'no key is known that the token could be signed with',
  signature: 'the signature of the token is wrong',
  expired: 'the token has expired',
  too_old: 'the token was issued too long ago',
  not_yet_valid: 'the token is not valid yet',
  issuer: 'the token is from another issuer',
  audience: 'the token is meant for somebody else',
  claims: 'the token lacks a claim that is needed',
  keys_unavailable: 'the keys for tokens could not be read yet',

  no_certificate: 'no client certificate was shown',
  untrusted: 'the client certificate is not trusted here',
  certificate_expired: 'the client certificate is not valid at this time',
  certificate_name: 'the client certificate names nobody in its alternative names, or more than one URI',
  certificate_pin: 'the key of the client certificate is not one of those that are pinned',
} as const;

export type AuthFailure = keyof typeof authFailures;
