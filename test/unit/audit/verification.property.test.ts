import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { auditFiles } from '../../../src/audit/files.ts';
import { hashOf, parseLine } from '../../../src/audit/line.ts';
import { verifyAudit } from '../../../src/audit/verification.ts';
import { linesOf, temporaryDirectory, verified, writtenLog } from './temporary-log.ts';

/** `lines` in the place of the log that is there. */
function rewrite(directory: string, lines: readonly string[]): void {
  writeFileSync(join(directory, 'audit-00000001.jsonl'), lines.map(line => `${line}\n`).join(''));
}

describe('audit/verification', () => {
  it('shows every line that was changed, taken out, repeated or moved, except at the end', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 12);
    const lines = linesOf(path);
    const index = fc.integer({ min: 0, max: 10 });

    await fc.assert(
      fc.asyncProperty(index, fc.constantFrom('change', 'remove', 'repeat', 'swap'), async (at, how) => {
        const forged = [...lines];
        const line = forged[at] as string;
        if (how === 'change') forged[at] = line.replace('"who":"jwt:ada"', '"who":"jwt:eve"');
        if (how === 'remove') forged.splice(at, 1);
        if (how === 'repeat') forged.splice(at, 0, line);
        if (how === 'swap') forged.splice(at, 2, forged[at + 1] as string, line);
        rewrite(directory, forged);

        const report = await verified(directory);

        // Without its first line a log looks like one whose oldest file was removed.
        const isHidden = how === 'remove' && at === 0;
        assert.equal(report.problemsCount > 0, !isHidden, `${how} ${at}`);
        if (isHidden) assert.equal(report.first, 2);
      }),
      { numRuns: 60 },
    );
  });

  it('shows any single byte that was changed before the last line', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 5);
    const whole = readFileSync(path);
    const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1;

    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: lastLine - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const forged = Buffer.from(whole);
          forged[at] = ((forged[at] as number) + by) % 256;
          writeFileSync(path, forged);

          assert.isAbove((await verified(directory)).problemsCount, 0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('shows an end that was cut off or written anew, given a hash that was noted', async () => {
    const directory = temporaryDirectory();
    const [path = ''] = await writtenLog(directory, 6);
    const lines = linesOf(path);
    const noted = { n: 5, hash: hashOf(lines[4] as string) };
    const files = await auditFiles(directory);
    assert.equal((await verifyAudit(files, noted)).problemsCount, 0);

    rewrite(directory, lines.slice(0, 4));
    assert.equal((await verifyAudit(files, noted)).problemsCount, 1);
    rmSync(path);
    await writtenLog(directory, 6);
    assert.equal((await verifyAudit(files, noted)).problemsCount, 1);
  });

  it('names a file that is missing between others', async () => {
    const directory = temporaryDirectory();
    const paths = await writtenLog(directory, 40, { fileMaxBytes: 1_000 });
    rmSync(paths[2] as string);

    const report = await verified(directory);

    assert.include(
      report.problems.map(({ text }) => text),
      'file 3 is missing',
    );
  });

  it('reads whatever bytes it is given, and the writer goes on behind them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
            fc.json().map(text => Buffer.from(text)),
            fc.constant(Buffer.from('\n')),
            fc.constant(Buffer.alloc(20_000, 'x')),
            fc.constant(
              Buffer.from(
                `{"n":1,"at":"x","kind":"ban","who":"x","what":"x","outcome":"allowed","prev":"${'0'.repeat(64)}"}\n`,
              ),
            ),
          ),
          { maxLength: 6 },
        ),
        async pieces => {
          const directory = temporaryDirectory();
          mkdirSync(directory, { recursive: true });
          const path = join(directory, 'audit-00000001.jsonl');
          writeFileSync(path, Buffer.concat(pieces));
          const before = await verified(directory);
          const last = (await writtenLog(directory, 2)).at(-1) as string;

          const after = await verified(directory);

          // Problems are about what was there; what is written now fits what comes before it.
          assert.isAtMost(after.problemsCount, before.problemsCount);
          assert.isDefined(parseLine(Buffer.from(linesOf(last).at(-1) as string)));
        },
      ),
      { numRuns: 60 },
    );
  });
});
