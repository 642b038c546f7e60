/**
 * The frames of an admission exchange on an encrypted connection: kind, length in two bytes, content.
 *
 * Exactly as many bytes are read as a frame has: what follows the last one belongs to whoever takes the connection
 * over.
 */
import type { MessageStream } from '@libp2p/interface';
import { byteStream } from '@libp2p/utils';
import { admissionMessageMaxBytes, isRefusalReason, type RefusalReason } from '../runtime/admission.ts';

export type AdmissionFrame =
  | { readonly kind: 'message'; readonly content: Uint8Array }
  | { readonly kind: 'refusal'; readonly reason: RefusalReason };

export interface AdmissionPipe {
  /** `undefined` when the connection ended or what came is no frame. Rejects when the signal aborts. */
  read(signal: AbortSignal): Promise<AdmissionFrame | undefined>;
  write(frame: AdmissionFrame, signal: AbortSignal): Promise<void>;
  /** The connection for whoever goes on with it, with what has already arrived. */
  release(): MessageStream;
}

const kinds = { message: 1, refusal: 2 } as const;
const headBytes = 3;
/** A peer that we have admitted may already send what comes after; libp2p reads 64 KiB at once. */
const bufferMaxBytes = 256 * 1_024;

export function admissionPipe(connection: MessageStream): AdmissionPipe {
  const pipe = byteStream(connection, { maxBufferSize: bufferMaxBytes });
  return {
    read: async signal => {
      try {
        const head = readHead((await pipe.read({ bytes: headBytes, signal })).subarray());
        if (head === undefined) return undefined;
        if (head.length === 0) return readFrame(head.kind, new Uint8Array(0));
        return readFrame(head.kind, (await pipe.read({ bytes: head.length, signal })).subarray());
      } catch (error) {
        if (signal.aborted) throw error;
        return undefined; // Whatever ended it, there is nothing more to read.
      }
    },
    write: (frame, signal) => pipe.write(frameBytes(frame), { signal }),
    release: () => pipe.unwrap(),
  };
}

/** @throws RangeError for a message above the limit: a bug in the authority. */
export function frameBytes(frame: AdmissionFrame): Uint8Array {
  const content = frame.kind === 'message' ? frame.content : Buffer.from(frame.reason);
  if (content.length > admissionMessageMaxBytes) {
    throw new RangeError(`an admission message of ${content.length} bytes`);
  }
  const bytes = Buffer.alloc(headBytes + content.length);
  bytes.writeUInt8(kinds[frame.kind], 0);
  bytes.writeUInt16BE(content.length, 1);
  bytes.set(content, headBytes);
  return bytes;
}

/** @param bytes - The first three of a frame. */
export function readHead(
  bytes: Uint8Array,
): { readonly kind: AdmissionFrame['kind']; readonly length: number } | undefined {
  const [code, high = 0, low = 0] = bytes;
  const length = high * 256 + low;
  if (bytes.length !== headBytes || length > admissionMessageMaxBytes) return undefined;
  if (code === kinds.message) return { kind: 'message', length };
  return code === kinds.refusal ? { kind: 'refusal', length } : undefined;
}

/** A refusal for a reason that we do not know is one all the same. */
export function readFrame(kind: AdmissionFrame['kind'], content: Uint8Array): AdmissionFrame {
  if (kind === 'message') return { kind, content };
  const text = Buffer.from(content).toString('latin1');
  return { kind, reason: isRefusalReason(text) ? text : 'failed' };
}
