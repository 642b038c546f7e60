/** Small pieces of text for people: names that cannot harm a terminal, ages, times. */

/**
 * Peers choose parts of what is shown here. Control characters could move the cursor, retitle the
 * window or answer as if typed; direction marks could make a line read as another one.
 */
export function safe(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
}

/** `12D3KooW…Xyz123`: the last characters are the ones in an agent's default name. */
export function shortPeer(peer: string): string {
  return peer.length > 16 ? `${peer.slice(0, 4)}…${peer.slice(-6)}` : peer;
}

/** Two units at most: `3 h 20 min`. Negative spans come from clocks that differ, and show as `0 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return join(Math.floor(whole / 3_600), 'h', Math.floor((whole % 3_600) / 60), 'min');
  return join(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3_600), 'h');
}

/** For narrow columns and what takes less than a second: tenths below ten seconds, above one unit only. */
export function shortSpan(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100);
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const minutes = Math.floor(tenths / 600);
  if (minutes < 60) return duration(tenths / 10);
  return minutes < 1_440 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`;
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** Local date and time to the millisecond. */
export function localTime(wallMs: number): string {
  const date = new Date(wallMs);
  if (Number.isNaN(date.getTime())) return 'an impossible time';
  const pad = (value: number, length = 2) => String(value).padStart(length, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${clockTime(date)}`;
}

/** Local time of day to the millisecond. */
export function clockTime(date: Date): string {
  const pad = (value: number, length = 2) => String(value).padStart(length, '0');
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(part => pad(part)).join(':');
  return `${time}.${pad(date.getMilliseconds(), 3)}`;
}

/** `1 peer`, `2 peers`. */
export function count(amount: number, singular: string, plural = `${singular}s`): string {
  return `${amount} ${amount === 1 ? singular : plural}`;
}
