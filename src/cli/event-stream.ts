/** Server-sent events, as far as an agent uses them: `id`, `event`, `data`, and comments to keep the line open. */
import { FirsthandError } from '../errors.ts';

export interface StreamEvent {
  /** Empty when the stream has not named one yet. */
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** No event is anywhere near; without a limit a broken server could fill the memory. */
const eventMaxLength = 1_048_576;

export async function* parseEventStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let event = '';
  let data: string[] = [];
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, event: event || 'message', data: data.join('\n') };
        event = '';
        data = [];
        continue;
      }
      const { field, value } = splitLine(line);
      if (field === 'id') id = value;
      else if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
    }
    const length = rest.length + data.reduce((sum, line) => sum + line.length, 0);
    if (length > eventMaxLength) {
      throw new FirsthandError('PAYLOAD_TOO_LARGE', {
        text: `an event is larger than ${eventMaxLength} characters`,
      });
    }
  }
}

function splitLine(line: string): { readonly field: string; readonly value: string } {
  const colon = line.indexOf(':');
  if (colon < 0) return { field: line, value: '' };
  return { field: line.slice(0, colon), value: line.slice(colon + 1).replace(/^ /, '') };
}
