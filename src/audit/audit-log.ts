/**
 * Writes the audit log: one line a decision, in order, each with the hash of the one before.
 *
 * Whoever records does not wait: lines go out in batches, one write at a time, and a killed process loses at most
 * those that were recorded in its last moments. Waiting for the disk with each decision was rejected: a slow disk
 * would hold up the failure detector. What would grow is bounded: refusals are counted together, a token bucket is
 * for all that callers can cause, and there is a limit to the queue while the disk refuses, and to the size and number
 * of files. What is left out is counted, and the next line says so.
 *
 * The file is made with the first line: an agent that decides nothing has none.
 */
import { mkdir, open, rm } from 'node:fs/promises';
import { RateLimit } from '../core/gossip/rate-limit.ts';
import type { AuditEntry, AuditKind, AuditLog, Clock } from '../runtime/ports.ts';
import type { Log } from '../telemetry/log.ts';
import type { AuditCounts } from '../telemetry/metrics/audit.ts';
import { type AuditFile, auditFile, auditFiles } from './files.ts';
import { type ChainHead, formatLine, hashOf, type TimedEntry } from './line.ts';
import { recover } from './recovery.ts';
import { defaultRefusalDigestOptions, RefusalDigest } from './refusal-digest.ts';

export interface AuditLogOptions {
  readonly directory: string;
  /** A file that has so many bytes is followed by the next. */
  readonly fileMaxBytes: number;
  /** The oldest are removed beyond that. */
  readonly filesMaxCount: number;
}

export interface AuditLogComponents {
  readonly log: Log;
  readonly clock: Clock;
}

/** Lines a second that callers may cause: 200 are 3 MB a minute, which nobody reads any more. */
const linesPerSecond = 200;
const linesBurstCount = 2_000;
/** Lines that wait while the disk refuses: some 5 MB. */
const waitingMaxCount = 10_000;
/** Lines in one write: some 250 KB. */
const batchMaxCount = 500;
const retryMs = 5_000;
/** Refusals that are counted together are told so often, ms. Guess: soon enough for whoever looks at what goes on. */
export const digestEveryMs = 15 * 60_000;

/** Decisions of operators and members: rare, and never left out for what callers cause. */
const alwaysKept: ReadonlySet<AuditKind> = new Set(['ban', 'key', 'setting', 'audit']);

interface OpenFile {
  file: AuditFile;
  sizeBytes: number;
}

export class ChainedAuditLog implements AuditLog {
  readonly #options: AuditLogOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #limit = new RateLimit({
    perSecond: linesPerSecond,
    burstCount: linesBurstCount,
    bucketsMaxCount: 1,
  });
  readonly #digest = new RefusalDigest(defaultRefusalDigestOptions);
  #waiting: TimedEntry[] = [];
  #head: ChainHead | undefined;
  #open: OpenFile | undefined;
  #writing: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;
  #cancelDigest: (() => void) | undefined;
  #isFailing = false;
  #isStopped = false;
  #leftOut = 0;
  readonly #counts = { written: 0, leftOut: 0, counted: 0, failures: 0 };

  constructor(options: AuditLogOptions, { log, clock }: AuditLogComponents) {
    this.#options = options;
    this.#log = log;
    this.#clock = clock;
  }

  get counts(): AuditCounts {
    return { ...this.#counts, waiting: this.#waiting.length };
  }

  record(entry: AuditEntry): void {
    if (this.#isStopped) return;
    const { monoMs, wallMs } = this.#clock.now();
    const isLine = this.#digest.isLine(entry, wallMs);
    if (this.#digest.isOpen)
      this.#cancelDigest ??= this.#clock.after(digestEveryMs, () => this.#tellDigest());
    if (!isLine) {
      this.#counts.counted += 1;
      return;
    }
    const isWelcome =
      alwaysKept.has(entry.kind) || (this.#waiting.length < waitingMaxCount && this.#limit.take('', monoMs));
    if (!isWelcome || this.#waiting.length >= 2 * waitingMaxCount) {
      this.#leftOut += 1;
      this.#counts.leftOut += 1;
      return;
    }
    this.#take(entry, wallMs);
    this.#startWriting();
  }

  #take(entry: AuditEntry, wallMs: number): void {
    this.#waiting.push({ ...entry, wallMs, leftOut: this.#leftOut });
    this.#leftOut = 0;
  }

  #tellDigest(): void {
    this.#cancelDigest = undefined;
    if (this.#isStopped) return;
    this.#closeDigest();
    if (this.#digest.isOpen) this.#cancelDigest = this.#clock.after(digestEveryMs, () => this.#tellDigest());
    if (this.#waiting.length > 0) this.#startWriting();
  }

  /** While the disk refuses they are few beside what waits already. */
  #closeDigest(): void {
    const { wallMs } = this.#clock.now();
    for (const entry of this.#digest.close())
      if (this.#waiting.length < 2 * waitingMaxCount) this.#take(entry, wallMs);
  }

  /** Writes what waits, as far as the disk takes it. Safe to call twice. */
  async stop(): Promise<void> {
    if (!this.#isStopped) this.#closeDigest();
    this.#isStopped = true;
    this.#cancelDigest?.();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    await this.#writing;
    if (this.#waiting.length > 0) await this.#writeAll();
  }

  #startWriting(): void {
    if (this.#writing !== undefined || this.#cancelRetry !== undefined) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && !this.#isStopped) this.#startWriting();
    });
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#writeBatch();
      this.#isFailing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  async #writeBatch(): Promise<void> {
    const current = this.#open ?? (await this.#recover());
    const lines: string[] = [];
    let head = this.#head as ChainHead;
    for (const entry of this.#waiting.slice(0, batchMaxCount)) {
      const line = formatLine(entry, head);
      head = { n: head.n + 1, hash: hashOf(line) };
      lines.push(line);
      current.sizeBytes += Buffer.byteLength(line) + 1;
      if (current.sizeBytes >= this.#options.fileMaxBytes) break;
    }
    await append(current.file, `${lines.join('\n')}\n`);
    this.#waiting = this.#waiting.slice(lines.length);
    this.#head = head;
    this.#counts.written += lines.length;
    if (current.sizeBytes >= this.#options.fileMaxBytes) await this.#nextFile(current, head);
  }

  /** Looks at the disk, not at what was meant to be there: a write may have failed half way. */
  async #recover(): Promise<OpenFile> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { file, sizeBytes, head, finding } = await recover(directory);
    // Of a batch that was refused, as many lines as are on the disk are done.
    const done = this.#head === undefined ? 0 : Math.max(0, head.n - this.#head.n);
    this.#waiting = this.#waiting.slice(done);
    this.#counts.written += done;
    if (finding !== undefined) {
      this.#log('audit_damaged', { directory, finding });
      const { wallMs } = this.#clock.now();
      this.#waiting.unshift({
        kind: 'audit',
        who: 'agent',
        what: 'recover the audit log',
        outcome: 'failed',
        why: finding,
        wallMs,
      });
    }
    this.#head = head;
    this.#open = { file, sizeBytes };
    return this.#open;
  }

  async #nextFile({ file }: OpenFile, head: ChainHead): Promise<void> {
    const { directory, filesMaxCount } = this.#options;
    this.#log('audit_file_closed', { file: file.path, line: head.n, hash: head.hash });
    this.#open = { file: auditFile(directory, file.number + 1), sizeBytes: 0 };
    const files = await auditFiles(directory);
    // The one to come counts too.
    for (const { path } of files.slice(0, Math.max(0, files.length + 1 - filesMaxCount))) await rm(path);
  }

  #failed(error: unknown): void {
    this.#open = undefined;
    this.#counts.failures += 1;
    if (!this.#isFailing) this.#log('audit_failed', { directory: this.#options.directory, error });
    this.#isFailing = true;
    if (this.#isStopped) return;
    this.#cancelRetry = this.#clock.after(retryMs, () => {
      this.#cancelRetry = undefined;
      this.#startWriting();
    });
  }
}

async function append({ path }: AuditFile, text: string): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
}
