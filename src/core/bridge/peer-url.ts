/**
 * Base URLs of HTTP peers: nodes that speak `POST <base>/registration` and nothing else.
 *
 * One node has one spelling, so that a peer that was configured and the same one learnt from a list are one.
 */

/** Of the whole URL, also where a record names it as the source of a hint. */
export const peerUrlMaxLength = 256;

/**
 * The one spelling of a base URL: lower-case scheme and host, no default port, no slash at the end.
 *
 * @returns `undefined` for what is no base URL: another scheme, credentials, a query, a fragment, or too long.
 */
export function peerUrlOf(text: string): string | undefined {
  if (text.length > peerUrlMaxLength || !/^https?:\/\/[^?#\s\\]+$/i.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hostname === '') return undefined;
  // `http://@host` has credentials that are empty, and an URL parser that forgets them.
  if (/^https?:\/\/[^/]*@/i.test(text)) return undefined;
  const spelt = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  return spelt.length <= peerUrlMaxLength ? spelt : undefined;
}

/** Whether this is a base URL in its one spelling. */
export function isPeerUrl(text: string): boolean {
  return peerUrlOf(text) === text;
}

/** Where a node of the predecessor that serves at `host:port` takes registrations. */
export function peerUrlOfAddress(address: string): string | undefined {
  return peerUrlOf(`http://${address}`);
}

/** Whether this is where the node that serves at `host:port` takes registrations; cheap for whoever asks for thousands. */
export function isUrlOfAddress(url: string, address: string): boolean {
  if (url === `http://${address}`) return true;
  // Spelt otherwise: default port, capitals, or a number written in another way.
  const port = address.slice(address.lastIndexOf(':'));
  const mayBe = port === ':80' ? !/:\d+$/.test(url) : url.endsWith(port);
  return mayBe && peerUrlOfAddress(address) === url;
}
