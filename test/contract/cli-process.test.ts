import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { assert, describe, it, onTestFinished } from 'vitest';
import { cliAgent } from './cli-agent.ts';
import { peers } from './cli-documents.ts';

const script = resolve('scripts/firsthand');
const main = resolve('src/cli/main.ts');
/** Nothing of the developer's own settings. */
const env = { PATH: process.env.PATH, HOME: process.env.HOME };

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'firsthand-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], variables: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(script, args, { env: { ...env, ...variables } });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

/** A Node older than the floor, when this machine has one. */
function oldNode(): string | undefined {
  const candidates = ['/usr/bin/node', '/usr/local/bin/node', '/opt/node20/bin/node'];
  return candidates.find(path => {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' });
    const [major = 0, minor = 0] = (stdout ?? '').replace(/^v/, '').split('.').map(Number);
    return major > 0 && (major < 22 || (major === 22 && minor < 18));
  });
}

describe('cli as a process', { timeout: 60_000 }, () => {
  it('reads YAML, as it was built too', async () => {
    const file = join(temporaryDirectory(), 'firsthand.yaml');
    writeFileSync(file, 'cluster: x\n');

    const { code, stdout, stderr } = await ended(start(['config', 'check', file]));

    assert.deepEqual([code, stdout, stderr], [0, `${file}: well\n`, '']);
  });

  it.each([
    [['--version'], 0],
    [['no-such-command'], 2],
    [['peers', '--agent', 'http://127.0.0.1:1'], 3],
    [['start', '--type', 'frontend'], 2],
  ])('%j ends with %d', async (args, expected) => {
    const { code, stderr } = await ended(start(args));

    assert.equal(code, expected, stderr);
    assert.equal(stderr === '', expected === 0);
    assert.notInclude(stderr, '    at ');
  });

  it('prints what an agent answers, and nothing on standard error', async () => {
    const agent = await cliAgent({ 'GET /peers': { json: peers } });

    const { code, stdout, stderr } = await ended(start(['peers', '--json'], { FIRSTHAND_AGENT: agent.url }));

    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    assert.equal(JSON.parse(stdout).length, 2);
  });

  it('has no colour when its output is no terminal', async () => {
    const agent = await cliAgent({ 'GET /peers': { json: peers } });

    const { stdout } = await ended(start(['peers'], { FIRSTHAND_AGENT: agent.url }));

    assert.include(stdout, 'alive');
    assert.notInclude(stdout, '\u001b');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'watch ends well on %s, which reaches it through the script',
    async signal => {
      const agent = await cliAgent({
        'GET /events': (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write('id: 1-1\nevent: reset\ndata: {}\n\n');
        },
      });
      const child = start(['watch'], { FIRSTHAND_AGENT: agent.url });
      const end = ended(child);
      if (child.stdout !== null) await once(child.stdout, 'data');

      child.kill(signal);
      const { code, signal: endedBy, stderr } = await end;

      assert.deepEqual({ code, endedBy, stderr }, { code: 0, endedBy: null, stderr: '' });
    },
  );

  it('watch ends well when its reader goes away', async () => {
    const agent = await cliAgent({
      'GET /events': (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const timer = setInterval(() => response.write('id: 1-1\nevent: reset\ndata: {}\n\n'), 5);
        response.on('close', () => clearInterval(timer));
      },
    });
    const child = start(['watch'], { FIRSTHAND_AGENT: agent.url });
    const end = once(child, 'exit');
    if (child.stdout !== null) await once(child.stdout, 'data');

    child.stdout?.destroy();

    assert.deepEqual(await end, [0, null]);
  });

  it('runs through links and from any directory', async () => {
    const directory = temporaryDirectory();
    symlinkSync(script, join(directory, 'first'));
    symlinkSync('first', join(directory, 'second'));
    const child = spawn('./second', ['--version'], { cwd: directory, env });

    const { code, stdout } = await ended(child);

    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('says in one line that it needs a newer Node, before it loads anything', async context => {
    const node = oldNode();
    if (node === undefined) {
      console.log('skipped: no Node below 22.18 on this machine');
      context.skip();
      return;
    }
    const directory = temporaryDirectory();
    const built = spawnSync(process.execPath, [
      resolve('node_modules/typescript/bin/tsc'),
      ...['--ignoreConfig', '--noCheck', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'],
      ...[
        '--rewriteRelativeImportExtensions',
        '--rootDir',
        'src',
        '--noResolve',
        '--outDir',
        directory,
        main,
      ],
    ]);
    assert.equal(built.status, 0, String(built.stdout) + String(built.stderr));
    // A package of ES modules, as the published one is.
    symlinkSync(resolve('package.json'), join(directory, 'package.json'));

    const { code, stdout, stderr } = await ended(
      spawn(node, [join(directory, 'cli/main.js'), 'peers'], { env }),
    );

    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().replace(/^v/, '');
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
    assert.equal(stderr, `firsthand: Node.js 22.18 or later is needed; this is ${version}\n`);
  });
});
