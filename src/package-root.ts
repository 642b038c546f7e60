/** Where this package lies: files that travel with the code (package.json, proto) are found from here. */
import { existsSync } from 'node:fs';

/** The nearest folder above this file with a package.json, whether it runs from `src` or built. */
function findRoot(): URL {
  let folder = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) {
    const parent = new URL('..', folder);
    if (parent.href === folder.href)
      throw new TypeError('the package is not complete: no package.json above the code');
    folder = parent;
  }
  return folder;
}

export const packageRoot: URL = findRoot();
