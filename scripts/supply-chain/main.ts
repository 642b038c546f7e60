/**
 * What comes into the product from elsewhere: `npm run supply-chain -- check | audit | sbom [FILE]`.
 *
 * `check` looks at the lockfile and for secrets in what is committed; `audit` asks the registry for advisories;
 * `sbom` lists everything that is installed for production, as CycloneDX.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lockfile, lockfileProblems, type Manifest } from './lockfile.ts';
import { secretsIn } from './secrets.ts';

const root = join(import.meta.dirname, '../..');
const exitCodes = { well: 0, usage: 2, checksFailed: 7 } as const;
const textMaxBytes = 2 * 1_024 * 1_024;

process.exitCode = main(process.argv.slice(2));

function main([command, file]: readonly string[]): number {
  switch (command) {
    case 'check':
      return tell(
        [...lockfile(), ...committedSecrets()],
        'The lockfile is in order, and no secret is committed.',
      );
    case 'audit':
      return audit();
    case 'sbom':
      return sbom(file);
    default:
      console.error('usage: npm run supply-chain -- check | audit | sbom [FILE]');
      return exitCodes.usage;
  }
}

function lockfile(): readonly string[] {
  const read = (name: string) => JSON.parse(readFileSync(join(root, name), 'utf8'));
  return lockfileProblems(read('package-lock.json') as Lockfile, read('package.json') as Manifest);
}

function committedSecrets(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\0')
    .filter(name => name !== '' && name !== 'package-lock.json')
    .flatMap(name => {
      const bytes = readFileSync(join(root, name));
      if (bytes.length > textMaxBytes || bytes.includes(0)) return [];
      return secretsIn(bytes.toString('utf8')).map(
        ({ line, kind }) => `${name}:${line} looks like a ${kind}`,
      );
    });
}

function audit(): number {
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: root, encoding: 'utf8' });
  const report = reportOf(stdout);
  if (report?.vulnerabilities === undefined) {
    console.log('The registry does not answer questions about advisories here: nothing was checked.');
    return exitCodes.well;
  }
  const problems = Object.entries(report.vulnerabilities).map(
    ([name, { severity, range }]) => `${name} ${range}: ${severity}`,
  );
  return tell(problems, 'No advisory concerns what is installed for production.');
}

interface AuditReport {
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
}

function reportOf(text: string): AuditReport | undefined {
  try {
    return JSON.parse(text) as AuditReport;
  } catch {
    return undefined; // npm says in words what went wrong; then it did not ask.
  }
}

function sbom(file: string | undefined): number {
  const args = ['sbom', '--sbom-format=cyclonedx', '--omit=dev'];
  const text = execFileSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024 });
  if (file === undefined) process.stdout.write(text);
  else writeFileSync(file, text);
  return exitCodes.well;
}

function tell(problems: readonly string[], well: string): number {
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log(well);
  return problems.length === 0 ? exitCodes.well : exitCodes.checksFailed;
}
