/** The version of this package. */
import { readFileSync } from 'node:fs';
import { packageRoot } from './package-root.ts';

const declared = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as {
  readonly version: string;
};

export const version = declared.version;
