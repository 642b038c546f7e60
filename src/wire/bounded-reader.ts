/**
 * Reads protobuf from strangers.
 *
 * The size of a message is checked before it comes here. That alone does not bound what decoding
 * allocates: 60 KiB can hold 30,000 empty sub-messages, each an object. So the reader counts fields, at all
 * depths together, and stops beyond a limit. It also reads 64-bit integers as plain numbers. The usual
 * way to that is a process-wide switch of protobufjs, which would change it for an embedding program too.
 */
import protobuf, { type Type } from 'protobufjs';

class BoundedReader extends protobuf.Reader {
  #fieldsLeft: number;

  constructor(bytes: Buffer, fieldsMaxCount: number) {
    super(bytes);
    this.#fieldsLeft = fieldsMaxCount;
  }

  override tag(): number {
    if (this.#fieldsLeft === 0) throw new RangeError('too many fields');
    this.#fieldsLeft -= 1;
    return super.tag();
  }

  /** A number, exact or refused: nothing above 2^53 - 1 passes. The declared type is what protobufjs returns. */
  override uint64(): ReturnType<protobuf.Reader['uint64']> {
    return this.#count() as unknown as ReturnType<protobuf.Reader['uint64']>;
  }

  #count(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.pos >= this.len) throw new RangeError('a truncated integer');
      const byte = this.buf[this.pos++] as number;
      value += (byte & 127) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('an integer above 2^53 - 1');
      if (byte < 128) return value;
      if (scale > Number.MAX_SAFE_INTEGER) throw new RangeError('an overlong integer');
    }
  }

  /** All text of the protocol is ASCII; other bytes become characters that every bound refuses. */
  override string(): string {
    const length = this.size();
    const end = this.pos + length;
    if (end > this.len) throw new RangeError('a truncated string');
    const text = (this.buf as Buffer).toString('latin1', this.pos, end);
    this.pos = end;
    return text;
  }

  override stringVerify(): string {
    return this.string();
  }
}

/**
 * `undefined` when the bytes are not a message of this type or hold more than `fieldsMaxCount` fields.
 * Byte fields of the result are views of `bytes`.
 */
export function decodeMessage<Message>(
  type: Type,
  bytes: Uint8Array,
  fieldsMaxCount: number,
): Message | undefined {
  // Byte fields that were not sent are an empty array of protobufjs, which has no buffer.
  const buffer =
    bytes.length === 0 ? Buffer.alloc(0) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return type.decode(new BoundedReader(buffer, fieldsMaxCount)) as unknown as Message;
  } catch {
    return undefined; // The only way protobufjs has to say "malformed"; no code of ours runs inside.
  }
}
