/** Rules of the house that a machine can check. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { assert, describe, it } from 'vitest';
import { errorsDocument } from '../../scripts/errors-document.ts';

const root = resolve(import.meta.dirname, '../..');
const sources = globSync('src/**/*.ts', { cwd: root }).sort();

const everywhere = ['core', 'errors.ts', 'runtime', 'package-root.ts'];
/** Which rooms a room may import from, besides itself. */
const allowed: Readonly<Record<string, readonly string[] | 'all'>> = {
  'agent.ts': 'all',
  'index.ts': 'all',
  cli: 'all',
  'errors.ts': [],
  'package-root.ts': [],
  'version.ts': ['package-root.ts'],
  core: ['errors.ts'],
  runtime: ['core', 'errors.ts'],
  wire: everywhere,
  identity: [...everywhere, 'wire'],
  telemetry: everywhere,
  config: [...everywhere, 'telemetry'],
  store: [...everywhere, 'telemetry'],
  audit: [...everywhere, 'telemetry'],
  archive: [...everywhere, 'telemetry', 'wire', 'identity', 'store'],
  net: [...everywhere, 'telemetry'],
  discovery: [...everywhere, 'telemetry'],
  outbound: everywhere,
  health: [...everywhere, 'telemetry', 'outbound'],
  bridge: [...everywhere, 'telemetry', 'outbound'],
  http: [...everywhere, 'telemetry'],
  sim: [...everywhere, 'wire', 'identity', 'store'],
  // The lying member is put together here from the parts of an honest one.
  chaos: [...everywhere, 'agent.ts', 'wire', 'identity', 'store', 'net', 'telemetry', 'version.ts'],
};

function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function roomOf(file: string): string {
  const [room = ''] = relative('src', file).split('/');
  return room;
}

function importsOf(file: string): readonly string[] {
  const found = textOf(file).matchAll(
    /(?:^|\n)(?:import|export)[^'"]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g,
  );
  return [...found].map(([, from, lazy, bare]) => from ?? lazy ?? bare ?? '');
}

/** Without comments and texts, so that only code is judged. */
function codeOf(file: string): string {
  return textOf(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
    .replace(/`(?:[^`\\]|\\.)*`/g, '``');
}

describe('imports', () => {
  it('lead from every room only to the rooms it may know', () => {
    const wrong = sources.flatMap(file => {
      const room = roomOf(file);
      const may = allowed[room];
      if (may === undefined) return [`${file}: room ${room} has no rule`];
      if (may === 'all') return [];
      return importsOf(file)
        .filter(target => target.startsWith('.'))
        .map(target => roomOf(relative(root, resolve(root, dirname(file), target))))
        .filter(target => target !== room && !may.includes(target))
        .map(target => `${file} imports ${target}`);
    });

    assert.deepEqual(wrong, []);
  });

  it('bring no package and no built-in module into the core', () => {
    const wrong = sources
      .filter(file => roomOf(file) === 'core')
      .flatMap(file =>
        importsOf(file)
          .filter(target => !target.startsWith('.'))
          .map(target => `${file}: ${target}`),
      );

    assert.deepEqual(wrong, []);
  });

  it('bring the fault layer in for a drill only: on demand, and nowhere else', () => {
    const inFaults = (file: string) => file.startsWith('src/net/faults/');
    const users = sources.filter(
      file =>
        !inFaults(file) &&
        importsOf(file).some(
          target => target.startsWith('.') && inFaults(relative(root, resolve(root, dirname(file), target))),
        ),
    );
    const atStart = users.filter(file => /(?:import|export)[^'(]*from\s+'[^']*\/faults\//.test(textOf(file)));

    assert.deepEqual(users, ['src/agent.ts']);
    assert.deepEqual(atStart, []);
  });

  it('bring libp2p only into net and discovery, and the metrics library into one file', () => {
    const wrong = sources.flatMap(file =>
      importsOf(file)
        .filter(target => /^(?:libp2p$|@libp2p\/|@chainsafe\/|@multiformats\/)/.test(target))
        .filter(() => !['net', 'discovery'].includes(roomOf(file)))
        .map(target => `${file}: ${target}`),
    );
    const metrics = sources.filter(file => importsOf(file).includes('prom-client'));

    assert.deepEqual(wrong, []);
    assert.deepEqual(metrics, ['src/telemetry/registry.ts']);
  });
});

describe('code', () => {
  it('in the core has no clock, no chance, no timers, no process and no waiting', () => {
    const banned =
      /\b(?:Date|Math\.random|setTimeout|setInterval|setImmediate|process|console|await|async|Promise|globalThis|performance)\b/;
    const wrong = sources
      .filter(file => roomOf(file) === 'core')
      .flatMap(file => {
        const match = banned.exec(codeOf(file));
        return match === null ? [] : [`${file}: ${match[0]}`];
      });

    assert.deepEqual(wrong, []);
  });

  it('exports nothing by default and says what type it means', () => {
    const wrong = sources.filter(file =>
      /\bexport default\b|\bas any\b|: any\b|@ts-ignore|@ts-expect-error/.test(codeOf(file)),
    );

    assert.deepEqual(wrong, []);
  });

  it('lies in files with names in kebab-case, none of them a junk drawer', () => {
    const wrong = sources.filter(file => {
      const name = basename(file, '.ts');
      return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || /^(?:utils?|helpers?|common|manager)$/.test(name);
    });

    assert.deepEqual(wrong, []);
  });
});

describe('documents', () => {
  it('name tests that are there, where the threat model says what shows a claim', () => {
    const named = [
      ...textOf('docs/THREAT-MODEL.md').matchAll(/`((?:unit|contract|cluster|sim|tidy)\/[\w/.*-]+)`/g),
    ];

    const absent = named
      .map(([, name]) => name)
      .filter(name => globSync(`test/${name}{,*,*/**}`, { cwd: root }).length === 0);

    assert.isAbove(named.length, 30);
    assert.deepEqual(absent, []);
  });

  it('list every error as it is in the catalogue (npm run docs writes them)', () => {
    assert.equal(textOf('docs/ERRORS.md'), errorsDocument());
  });
});
