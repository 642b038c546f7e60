/**
 * Builds `dist`: the command line and the library, each bundled with what it needs, and their types.
 *
 * Bundled, because an agent that reads its 1,500 modules one by one takes twice as long to start.
 * What a command does not use stays in chunks of its own and is not read.
 */
import { spawnSync } from 'node:child_process';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = `${root}/dist`;

await rm(dist, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { 'cli/main': 'src/cli/main.ts', index: 'src/index.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.18',
  minifySyntax: true,
  legalComments: 'linked',
  // Finds its native part beside itself.
  external: ['level'],
  // CommonJS dependencies call `require`, which a module does not have.
  banner: {
    js: "import { createRequire as bundledRequire } from 'node:module'; const require = bundledRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
await chmod(`${dist}/cli/main.js`, 0o755);

const tsc = spawnSync(`${root}/node_modules/.bin/tsc`, ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(1);

const files = await readdir(dist, { recursive: true });
await writeFile(`${dist}/built`, `${files.length} files\n`);
