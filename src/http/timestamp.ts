/** Times as callers write them: RFC 3339, or whole Unix seconds. */

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Whole Unix seconds, fractions cut off; `undefined` when the text is no RFC 3339 time.
 *
 * `Date.parse` alone was rejected: it also takes "2026", "1 May" and the 30th of February.
 */
export function parseRfc3339(text: string): number | undefined {
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const part = (index: number) => Number(match[index] ?? 0);
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)];
  if (hour > 23 || minute > 59 || second > 60 || part(8) > 23 || part(9) > 59) return undefined;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined;
  const offsetS = (part(8) * 60 + part(9)) * 60 * (match[7] === '-' ? -1 : 1);
  // A leap second counts as the one before it, as Unix time does.
  return midnight.getTime() / 1_000 + (hour * 60 + minute) * 60 + Math.min(second, 59) - offsetS;
}
