/** Finds what looks like somebody's secret in a text: private keys, tokens of well-known services, long passwords. */

const kinds: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20,}/g],
  ['access key of a cloud', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g],
  ['token of a code host', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|glpat-[A-Za-z0-9_-]{20})\b/g],
  ['token of a package registry', /\bnpm_[A-Za-z0-9]{36}\b/g],
  ['token of Vault', /\bhv[sb]\.[A-Za-z0-9_-]{24,}\b/g],
  ['signed token', /\beyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\b/g],
  ['password in an address', /\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/"'`$<>{}]+:[^\s:@/"'`$<>{}]{8,}@/g],
];

export interface FoundSecret {
  /** From 1. */
  readonly line: number;
  readonly kind: string;
}

/** Without the secret itself: whoever reads the report need not have it. */
export function secretsIn(text: string): readonly FoundSecret[] {
  return kinds
    .flatMap(([kind, pattern]) =>
      [...text.matchAll(pattern)].map(({ index }) => ({
        line: text.slice(0, index).split('\n').length,
        kind,
      })),
    )
    .sort((a, b) => a.line - b.line);
}
