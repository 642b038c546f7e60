#!/usr/bin/env node
/**
 * The executable: looks at the Node version before anything else is loaded, because what comes
 * after would crash an older one while it is being imported.
 *
 * Hence no static import but of built-in modules that every Node has.
 */
import module from 'node:module';
import { join } from 'node:path';

const minimum = { major: 22, minor: 18 };

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < minimum.major || (major === minimum.major && minor < minimum.minor)) {
  process.stderr.write(
    `firsthand: Node.js ${minimum.major}.${minimum.minor} or later is needed; this is ${process.versions.node}\n`,
  );
  process.exitCode = 1;
} else {
  // Not in the shared temporary directory, where others could plant code.
  const { HOME, XDG_CACHE_HOME } = process.env;
  const cacheHome = XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  if (cacheHome) module.enableCompileCache(join(cacheHome, 'firsthand', 'code'));
  const { runProcess } = await import('./process.ts');
  await runProcess(process.argv.slice(2));
}
