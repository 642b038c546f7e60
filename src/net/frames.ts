/** The sync protocol's frames, both ways: one `FrameSender` for each peer, and its inbound streams. */
import type { Connection, Stream } from '@libp2p/interface';
import type { PeerId } from '../core/record/record.ts';
import { frameMaxBytes } from '../runtime/ports.ts';
import type { NetMetrics } from '../telemetry/metrics/net.ts';
import { FrameSender } from './frame-sender.ts';
import { FrameDecoder } from './framing.ts';
import type { LinkTable } from './link-table.ts';

export interface FramesComponents {
  readonly links: LinkTable;
  readonly metrics: NetMetrics;
  readonly onFrame: (from: PeerId, bytes: Uint8Array) => void;
}

export class Frames {
  readonly #protocol: string;
  readonly #parts: FramesComponents;
  readonly #senders = new Map<PeerId, FrameSender>();
  #stopped = false;

  constructor(options: { readonly protocol: string }, components: FramesComponents) {
    this.#protocol = options.protocol;
    this.#parts = components;
  }

  /** @throws RangeError above `frameMaxBytes`: a bug in the caller. */
  send(peer: PeerId, frame: Uint8Array): void {
    if (frame.length > frameMaxBytes) throw new RangeError(`a frame of ${frame.length} bytes`);
    if (this.#stopped || !this.#parts.links.isLinked(peer)) {
      this.#parts.metrics.framesDropped.add({ reason: 'not_linked' });
      return;
    }
    this.#senderTo(peer).send(frame);
  }

  /** Reads an inbound stream of an admitted connection. */
  receive(stream: Stream, connection: Connection): void {
    const from = connection.remotePeer.toString();
    const decoder = new FrameDecoder(frameMaxBytes);
    stream.addEventListener('message', ({ data }) => {
      if (this.#stopped) return;
      const frames = decoder.push(data.subarray());
      if (frames === undefined) {
        this.#parts.metrics.streamsRejected.add();
        stream.abort(new Error('a frame is too long or malformed'));
        return;
      }
      if (frames.length > 0 && this.#parts.links.heard(connection)) this.#senders.get(from)?.move();
      for (const frame of frames) {
        this.#parts.metrics.frames.add({ direction: 'in' });
        this.#parts.metrics.frameBytes.add({ direction: 'in' }, frame.length);
        this.#parts.onFrame(from, frame);
      }
    });
    // Nothing is ever said on the way back, and a stream ends only once both halves are closed.
    stream.close().catch((error: Error) => stream.abort(error));
  }

  down(peer: PeerId): void {
    this.#senders.get(peer)?.stop();
    this.#senders.delete(peer);
  }

  stop(): void {
    this.#stopped = true;
    for (const sender of this.#senders.values()) sender.stop();
    this.#senders.clear();
  }

  #senderTo(peer: PeerId): FrameSender {
    const known = this.#senders.get(peer);
    if (known !== undefined) return known;
    const { links, metrics } = this.#parts;
    const sender = new FrameSender(
      { protocol: this.#protocol },
      { connection: () => links.connectionTo(peer), metrics },
    );
    this.#senders.set(peer, sender);
    return sender;
  }
}
