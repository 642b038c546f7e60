/** An agent's events, as they arrive here. */

export interface ArrivedEvent {
  readonly event: string;
  readonly data: unknown;
}

/**
 * Resolves once the stream is open, with the function that closes it.
 *
 * @param path - `/events` with its query.
 * @param onEnd - The stream ended and was not closed from here.
 */
export async function readEvents(
  url: string,
  onEvent: (event: ArrivedEvent) => void,
  onEnd: (error?: unknown) => void = () => {},
): Promise<() => void> {
  const abort = new AbortController();
  const answer = await fetch(url, { signal: abort.signal });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  const read = async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const event = /^event: (.*)$/m.exec(frame)?.[1];
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        // A frame without them is a heartbeat.
        if (event !== undefined && data !== undefined) onEvent({ event, data: JSON.parse(data) });
      }
    }
  };
  read().then(
    () => {
      if (!abort.signal.aborted) onEnd();
    },
    error => {
      if (!abort.signal.aborted) onEnd(error);
    },
  );
  return () => abort.abort();
}
