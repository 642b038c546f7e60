/**
 * What a client certificate calls its holder: the URI (SPIFFE id) and DNS names among its subject alternative names.
 *
 * The common name does not count: nothing says what kind of name it is, and certificate authorities let it be
 * anything. A certificate with several URIs is nobody's (the SPIFFE rule).
 */

const namesMaxCount = 16;
const nameMaxLength = 256;

/**
 * @param text - As `X509Certificate.subjectAltName` has it: `URI:spiffe://a/b, DNS:example.org`. Values with a comma, a quote
 *   or a control character in them come quoted; none of ours has one, so they are left out.
 * @returns The URI first; empty when it names nobody.
 */
export function certificateNames(text: string | undefined): readonly string[] {
  const parts = splitOutsideQuotes(text ?? '');
  const valuesOf = (kind: string) =>
    parts
      .filter(part => part.startsWith(`${kind}:`))
      .map(part => part.slice(kind.length + 1))
      .filter(value => value !== '' && value.length <= nameMaxLength && !value.startsWith('"'));
  if (parts.filter(part => part.startsWith('URI:')).length > 1) return [];
  return [...valuesOf('URI'), ...valuesOf('DNS').map(name => name.toLowerCase())].slice(0, namesMaxCount);
}

function splitOutsideQuotes(text: string): readonly string[] {
  return [...text.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g)].map(([part]) => part.trim());
}
