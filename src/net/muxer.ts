/**
 * yamux, on connections that are still there.
 *
 * A peer may send something and be gone while libp2p is between encrypting a connection and multiplexing it. The
 * multiplexer then does not hear that the connection was closed, for that was before; it answers what was sent, fails,
 * wants to say goodbye, fails again, and that second failure ends the process: it is thrown inside an event listener,
 * where nobody can catch it. So a connection that is closed already gets no multiplexer, which fails its dial or
 * is dropped like any other that breaks early. Catching uncaught exceptions was rejected: it hides everything else.
 */
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';

export function carefulYamux(options: Parameters<typeof yamux>[0]): () => StreamMuxerFactory {
  return () => {
    const inner = yamux(options)();
    // What else libp2p asks of a multiplexer, it finds at the original.
    return Object.assign(Object.create(inner) as StreamMuxerFactory, {
      createStreamMuxer: (connection: MessageStream) => {
        if (connection.status !== 'open') throw new Error('the connection closed before it could be used');
        return inner.createStreamMuxer(connection);
      },
    });
  };
}
