/**
 * Changes one source file while Node.js loads it; the file itself stays as it is.
 *
 * A changed copy of the whole tree was rejected: it takes longer to write than most bugs take to be caught,
 * and leaves something behind when the process is killed.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const sources = new URL('../../../src/', import.meta.url);

/** @throws RangeError unless `find` is there exactly once. */
export function patched({ file, find, replace }: Patch): string {
  const source = readFileSync(new URL(file, sources), 'utf8');
  const parts = source.split(find);
  if (parts.length !== 2) throw new RangeError(`${file} has this ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** To be called before anything of `src` is imported. */
export function plant(patch: Patch): void {
  const url = new URL(patch.file, sources).href;
  const source = patched(patch);
  registerHooks({
    load: (loaded, context, next) =>
      loaded === url ? { format: 'module-typescript', shortCircuit: true, source } : next(loaded, context),
  });
}
