/** The files of an audit log: `audit-00000001.jsonl` and so on, in the order in which they were written. */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const pattern = /^audit-([0-9]{8})\.jsonl$/;

export interface AuditFile {
  readonly number: number;
  readonly path: string;
}

export function auditFile(directory: string, number: number): AuditFile {
  return { number, path: join(directory, `audit-${String(number).padStart(8, '0')}.jsonl`) };
}

/** In order; a directory that does not exist has none. */
export async function auditFiles(directory: string): Promise<readonly AuditFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap(name => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
    .map(number => auditFile(directory, number));
}

export interface Piece {
  /** Without its newline. */
  readonly bytes: Buffer;
  /** False for what stands after the last newline. */
  readonly isWhole: boolean;
}

const chunkBytes = 64 * 1_024;

/**
 * The lines of a file, however large it is.
 *
 * A line longer than `maxBytes` comes cut to one byte more than that, which is enough to see that it is none.
 */
export async function* linesIn(path: string, maxBytes: number): AsyncGenerator<Piece> {
  const file = await open(path, 'r');
  try {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of chunksOf(file)) {
      let from = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        yield { bytes: joined(rest, chunk.subarray(from, end), maxBytes), isWhole: true };
        rest = Buffer.alloc(0);
        from = end + 1;
      }
      rest = joined(rest, chunk.subarray(from), maxBytes);
    }
    if (rest.length > 0) yield { bytes: rest, isWhole: false };
  } finally {
    await file.close();
  }
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function joined(first: Buffer, second: Buffer, maxBytes: number): Buffer {
  return Buffer.concat([first, second]).subarray(0, maxBytes + 1);
}
