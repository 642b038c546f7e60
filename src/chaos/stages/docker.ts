/** The docker client of this machine, and what a run that was killed has left with its daemon. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';

const outputMaxBytes = 16 * 1024 * 1024;
const answerLimitMs = 20_000;
/** Of whatever a run makes: containers, with their volumes, and the network. The value is the pid of the run. */
const label = 'firsthand.chaos';

/** @returns Standard output. @throws Error with what docker wrote to standard error. */
export function docker(...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('docker', args, { encoding: 'utf8', maxBuffer: outputMaxBytes }, (error, out, errors) => {
      if (error === null) resolve(out.trim());
      else reject(new Error(`docker ${args.join(' ')}: ${errors.trim() || error.message}`));
    });
  });
}

/** Why agents cannot be run in containers here; `undefined` if they can. */
export function dockerProblem(image: string): string | undefined {
  const asked = spawnSync('docker', ['version'], { timeout: answerLimitMs });
  if (asked.error !== undefined) return 'docker is not installed';
  if (asked.status !== 0) return 'no docker daemon answers';
  const found = spawnSync('docker', ['image', 'inspect', image], { timeout: answerLimitMs });
  if (found.status === 0) return undefined;
  return `there is no image ${image} (docker build -f compose/Dockerfile -t ${image} .)`;
}

/** For `docker create` and `docker network create`. */
export function labelOfThisRun(): readonly string[] {
  return ['--label', `${label}=${process.pid}`];
}

/** Takes away what this run has made. Waits for docker, and for nothing else, so that it can be done at exit. */
export function removeThisRun(): void {
  removeRun(process.pid);
}

/** Takes away what runs of this machine made whose process is gone. */
export function removeAbandonedRuns(): void {
  const runs = new Set(
    ['container', 'network'].flatMap(kind =>
      lines(
        kind,
        'ls',
        ...(kind === 'container' ? ['--all'] : []),
        '--filter',
        `label=${label}`,
        '--format',
        `{{.Label "${label}"}}`,
      ),
    ),
  );
  for (const pid of runs) if (!isAlive(Number(pid))) removeRun(Number(pid));
}

function removeRun(pid: number): void {
  const ours = ['--filter', `label=${label}=${pid}`, '--quiet'];
  const paused = lines('container', 'ls', ...ours, '--filter', 'status=paused');
  if (paused.length > 0) lines('unpause', ...paused); // Docker does not end what is paused.
  const containers = lines('container', 'ls', '--all', ...ours);
  if (containers.length > 0) lines('rm', '--force', '--volumes', ...containers);
  const networks = lines('network', 'ls', ...ours);
  if (networks.length > 0) lines('network', 'rm', ...networks);
}

function lines(...args: readonly string[]): readonly string[] {
  const out = execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return out.split('\n').filter(line => line !== '');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
