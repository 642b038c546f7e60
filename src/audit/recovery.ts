/**
 * Finds the end of the chain on the disk after whatever befell the process.
 *
 * A process that is killed while it writes leaves a part of a line behind. That part is kept in a file of its
 * own, cut off, and the chain goes on from the last whole line. A whole line that is none was changed by somebody
 * else: its file stays as it is, for it is evidence, and the chain goes on in a new one.
 */
import { type FileHandle, open, rename, rm, writeFile } from 'node:fs/promises';
import { type AuditFile, auditFile, auditFiles, linesIn } from './files.ts';
import { type ChainHead, chainStart, hashOf, lineMaxBytes, parseLine } from './line.ts';

export interface Recovered {
  /** To be appended to; it need not exist. */
  readonly file: AuditFile;
  readonly sizeBytes: number;
  readonly head: ChainHead;
  /** What was found, as a sentence for the log itself. */
  readonly finding?: string;
}

export async function recover(directory: string): Promise<Recovered> {
  const last = (await auditFiles(directory)).at(-1);
  if (last === undefined) return { file: auditFile(directory, 1), sizeBytes: 0, head: chainStart };

  let head: ChainHead | undefined;
  let wholeBytes = 0;
  let torn: Buffer | undefined;
  let isDamaged = false;
  for await (const { bytes, isWhole } of linesIn(last.path, lineMaxBytes)) {
    if (!isWhole) {
      torn = bytes;
      break;
    }
    const line = parseLine(bytes);
    if (line === undefined) isDamaged = true;
    // What cannot be read is in the chain as well: the next line has its hash.
    head = { n: line?.n ?? (head?.n ?? 0) + 1, hash: hashOf(bytes) };
    wholeBytes += bytes.length + 1;
  }
  if (isDamaged || (torn?.length ?? 0) > lineMaxBytes) {
    const finding = `file ${last.number} was changed: it has a line that is none`;
    return { file: auditFile(directory, last.number + 1), sizeBytes: 0, head: head ?? chainStart, finding };
  }
  if (head === undefined) {
    // Made and never written: what came before it is in the file before.
    const before = await headOf((await auditFiles(directory)).at(-2));
    if (torn !== undefined) await keepApart(last, wholeBytes, torn);
    return { file: last, sizeBytes: 0, head: before, ...tornFinding(last, torn) };
  }
  if (torn !== undefined) await keepApart(last, wholeBytes, torn);
  return { file: last, sizeBytes: wholeBytes, head, ...tornFinding(last, torn) };
}

function tornFinding({ number }: AuditFile, torn: Buffer | undefined): { readonly finding?: string } {
  if (torn === undefined) return {};
  return { finding: `the last line of file ${number} was cut off (${torn.length} bytes) and is kept apart` };
}

async function headOf(file: AuditFile | undefined): Promise<ChainHead> {
  let head = chainStart;
  if (file === undefined) return head;
  for await (const { bytes } of linesIn(file.path, lineMaxBytes)) {
    head = { n: parseLine(bytes)?.n ?? head.n + 1, hash: hashOf(bytes) };
  }
  return head;
}

/** Kept before it is cut off: a crash in between leaves it twice, not never. */
async function keepApart(file: AuditFile, wholeBytes: number, torn: Buffer): Promise<void> {
  const kept = `${file.path}.torn-${wholeBytes}`;
  await rm(`${kept}.tmp`, { force: true });
  await writeFile(`${kept}.tmp`, torn, { mode: 0o600 });
  await rename(`${kept}.tmp`, kept);
  let handle: FileHandle | undefined;
  try {
    handle = await open(file.path, 'r+');
    await handle.truncate(wholeBytes);
  } finally {
    await handle?.close();
  }
}
