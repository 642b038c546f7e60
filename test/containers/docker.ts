/** Docker as its client shows it, for tests; only where a daemon answers that can build our image. */
import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const baseImage = 'node:24-bookworm-slim';
const outputMaxBytes = 16 * 1024 * 1024;
const script = fileURLToPath(new URL('../../scripts/cluster', import.meta.url));

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** Why containers cannot be had on this machine, if they cannot. */
export function dockerMissing(): string | undefined {
  const says = (...args: readonly string[]) =>
    spawnSync('docker', args, { encoding: 'utf8', timeout: 20_000 });
  const version = says('version', '--format', '{{.Server.Version}}');
  if (version.error !== undefined) return 'docker is not installed';
  if (version.status !== 0) return 'no docker daemon answers';
  if (says('compose', 'version').status !== 0) return 'docker has no compose plugin';
  if (says('image', 'inspect', baseImage).status !== 0)
    return `the image ${baseImage} is not on this machine`;
  return undefined;
}

/** Never rejects: what went wrong is in the code and the output. */
export function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise(resolve => {
    const options = { encoding: 'utf8', maxBuffer: outputMaxBytes, env: { ...process.env, ...env } } as const;
    execFile(command, args, options, (error, out, errors) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, errors: error !== null && code === -1 ? `${errors}${error.message}` : errors });
    });
  });
}

/** @returns Standard output, trimmed. @throws Error with what docker wrote. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { code, out, errors } = await run('docker', args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${errors}`);
  return out.trim();
}

/** A cluster of a test's own: nothing that it starts or names is anybody else's. */
export class ContainerCluster {
  readonly project: string;
  readonly tag: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(number = process.pid) {
    this.project = `firsthand-test-${number}`;
    this.tag = `test-${number}`;
    this.#env = {
      CLUSTER_PROJECT: this.project,
      CLUSTER_TAG: this.tag,
      CLUSTER_INTERNAL: 'true',
      // Above those of compose/cluster.yaml and of drills.
      CLUSTER_SUBNET: `198.19.${128 + (number % 128)}.0/24`,
    };
  }

  /** `scripts/cluster`. */
  script(...args: readonly string[]): Promise<Ended> {
    return run(script, args, this.#env);
  }

  container(service: string): string {
    return `${this.project}-${service}-1`;
  }

  /** A command in the container of a service. */
  in(service: string, ...command: readonly string[]): Promise<Ended> {
    return run('docker', ['exec', this.container(service), ...command]);
  }

  /** How one agent sees the others: by node id, `alive`, `suspect`, `dead` or `left`. */
  async states(asked: string): Promise<Readonly<Record<string, string>>> {
    const { out, errors } = await this.in(asked, 'firsthand', 'status', '--json');
    if (out === '') throw new Error(errors);
    const { agents } = JSON.parse(out) as {
      readonly agents: readonly { readonly id: string; readonly state: string }[];
    };
    return Object.fromEntries(agents.map(({ id, state }) => [id, state]));
  }

  /** Names of the containers, networks and volumes that are there. */
  async things(): Promise<readonly string[]> {
    const label = ['--filter', `label=com.docker.compose.project=${this.project}`];
    const lists = await Promise.all([
      docker('ps', '--all', '--format', '{{.Names}}', ...label),
      docker('network', 'ls', '--format', '{{.Name}}', ...label),
      docker('volume', 'ls', '--format', '{{.Name}}', ...label),
    ]);
    return lists.flatMap(list => list.split('\n')).filter(name => name !== '');
  }

  /** The images too, which `scripts/cluster down` keeps. */
  async close(): Promise<void> {
    await this.script('down');
    const images = ['firsthand', 'firsthand-demo', 'firsthand-prometheus'].map(name => `${name}:${this.tag}`);
    await run('docker', ['image', 'rm', '--force', ...images]);
  }
}
