/** Programs of the system, with lines for their standard input. */
import { execFileSync, spawn } from 'node:child_process';

/** What went wrong, in the command's own words; `undefined` when nothing did. */
export function trouble(
  command: string,
  args: readonly string[],
  input: readonly string[] = [],
): string | undefined {
  try {
    execFileSync(command, args, { input: text(input), stdio: ['pipe', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: Buffer; readonly message: string };
    return `${command} ${args.join(' ')}: ${stderr?.toString().trim() || message}`;
  }
}

/** @throws Error with what the command wrote to standard error. */
export function run(command: string, args: readonly string[], input: readonly string[] = []): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', chunk => {
      errors += String(chunk);
    });
    child.once('error', reject);
    child.once('close', code => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')}: ${errors.trim() || `exit code ${code}`}`));
    });
    // It may end without having read all; its exit code tells more than a broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(text(input));
  });
}

function text(lines: readonly string[]): string {
  return lines.map(line => `${line}\n`).join('');
}
