/**
 * Whether an audit log is whole: every line one that can be read, numbered without a gap, with the hash of the line
 * before it. Needs no agent and no key; reads files of any size in little memory.
 */
import { basename } from 'node:path';
import { type AuditFile, linesIn } from './files.ts';
import {
  type AuditLine,
  type ChainHead,
  chainStart,
  hashOf,
  lineMaxBytes,
  noHash,
  parseLine,
} from './line.ts';

export interface AuditProblem {
  readonly file: string;
  /** In the file, from 1; absent when it is about the file. */
  readonly line?: number;
  /** A sentence without its subject and full stop. */
  readonly text: string;
}

export interface AuditReport {
  readonly files: number;
  readonly lines: number;
  /** Number of the first line that is there; above 1 where older files have been removed. */
  readonly first: number;
  readonly head: ChainHead;
  /** Decisions that were not taken down, because there were too many at once. */
  readonly leftOut: number;
  /** At most `problemsMaxCount` of them. */
  readonly problems: readonly AuditProblem[];
  readonly problemsCount: number;
}

/** Who has more has the same thing over and over. */
export const problemsMaxCount = 100;

/**
 * @param files - In order.
 * @param expected - A line whose hash was noted elsewhere: shows what was cut off or written anew as a whole.
 */
export async function verifyAudit(files: readonly AuditFile[], expected?: ChainHead): Promise<AuditReport> {
  const verification = new Verification(expected);
  for (const file of files) await verification.take(file);
  return verification.report(files.length);
}

class Verification {
  readonly #expected: ChainHead | undefined;
  readonly #problems: AuditProblem[] = [];
  #problemsCount = 0;
  #file = '';
  #fileNumber: number | undefined;
  #linesCount = 0;
  #first = 0;
  #leftOut = 0;
  #head: ChainHead | undefined;
  #sawExpected = false;

  constructor(expected: ChainHead | undefined) {
    this.#expected = expected;
  }

  async take({ path, number }: AuditFile): Promise<void> {
    this.#file = basename(path);
    const before = this.#fileNumber;
    if (before !== undefined && number !== before + 1)
      this.#wrong(undefined, `file ${before + 1} is missing`);
    this.#fileNumber = number;
    let position = 0;
    for await (const { bytes, isWhole } of linesIn(path, lineMaxBytes)) {
      position += 1;
      if (isWhole) this.#line(bytes, position);
      else
        this.#wrong(
          position,
          'is cut off: the agent was killed while it wrote, and keeps it apart at its next start',
        );
    }
  }

  report(files: number): AuditReport {
    const head = this.#head ?? chainStart;
    const expected = this.#expected;
    if (expected !== undefined && !this.#sawExpected) {
      this.#wrong(
        undefined,
        `there is no line ${expected.n}, whose hash was noted; the last one is ${head.n}`,
      );
    }
    return {
      files,
      lines: this.#linesCount,
      first: this.#first,
      head,
      leftOut: this.#leftOut,
      problems: this.#problems,
      problemsCount: this.#problemsCount,
    };
  }

  #line(bytes: Buffer, position: number): void {
    this.#linesCount += 1;
    const line = parseLine(bytes);
    const hash = hashOf(bytes);
    if (line === undefined) this.#wrong(position, 'is no line of an audit log');
    else this.#compare(line, position);
    const n = line?.n ?? (this.#head?.n ?? 0) + 1;
    if (this.#first === 0) this.#first = n;
    this.#leftOut += line?.left_out ?? 0;
    if (n === this.#expected?.n) {
      this.#sawExpected = true;
      if (hash !== this.#expected.hash)
        this.#wrong(position, `line ${n} is not the one whose hash was noted`);
    }
    // Each break is told once: the next line is compared with what is there.
    this.#head = { n, hash };
  }

  #compare(line: AuditLine, position: number): void {
    const head = this.#head;
    if (head === undefined) {
      const isStart = line.n === 1;
      if (isStart !== (line.prev === noHash))
        this.#wrong(position, 'does not begin a log, and says that it does');
      return;
    }
    if (line.n !== head.n + 1) {
      this.#wrong(
        position,
        `has number ${line.n} after ${head.n}: lines are missing, repeated or out of order`,
      );
    } else if (line.prev !== head.hash) {
      this.#wrong(
        position,
        `does not fit the line before it: one of line ${head.n} and this link was changed`,
      );
    }
  }

  #wrong(line: number | undefined, text: string): void {
    this.#problemsCount += 1;
    if (this.#problems.length >= problemsMaxCount) return;
    this.#problems.push({ file: this.#file, ...(line === undefined ? {} : { line }), text });
  }
}
