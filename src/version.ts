/** The version of this package, read from its package.json, which lies one level above `src` and `dist`. */
import { readFileSync } from 'node:fs';

const { version: declared } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as {
  readonly version: string;
};

export const version = declared;
