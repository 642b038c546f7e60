/** How the cluster's secret is changed, to bytes and back. Decoding answers `undefined` for whatever is not that. */
import { decodeMessage } from './bounded-reader.ts';
import { keyAnswerType, keyCommandType } from './schema.ts';

export type KeyCommand =
  | { readonly type: 'add'; readonly secret: string }
  | { readonly type: 'use'; readonly id: string }
  | { readonly type: 'drop'; readonly id: string };

export const keyOutcomes = ['done', 'full', 'unknown', 'in-use', 'failed'] as const;
export type KeyOutcome = (typeof keyOutcomes)[number];

export interface KeyAnswer {
  readonly outcome: KeyOutcome;
  /** Of the secrets held after it: the one in use, then those that wait to be used. */
  readonly ids: readonly string[];
  /** Of those that are accepted for some time still. */
  readonly older: readonly string[];
}

export const keyMessageMaxBytes = 2 * 1_024;
const fieldsMaxCount = 16;
const idsMaxCount = 8;
/** As the configuration has it: it also travels in HTTP headers. */
const secretPattern = /^[\x21-\x7e][\x20-\x7e]{14,1022}[\x21-\x7e]$/;
const idPattern = /^[0-9a-f]{8}$/;

/** @throws RangeError for a secret or an id that cannot be one: a bug in the caller. */
export function encodeKeyCommand(command: KeyCommand): Uint8Array {
  const fields =
    command.type === 'add'
      ? { add: command.secret }
      : command.type === 'use'
        ? { use: command.id }
        : { drop: command.id };
  const bytes = keyCommandType.encode(fields as never).finish();
  // Never with the content in the message, which may be a secret.
  if (decodeKeyCommand(bytes) === undefined) throw new RangeError(`a key command to ${command.type} nothing`);
  return bytes;
}

export function decodeKeyCommand(bytes: Uint8Array): KeyCommand | undefined {
  if (bytes.length > keyMessageMaxBytes) return undefined;
  const fields = decodeMessage<{
    readonly body?: 'add' | 'use' | 'drop';
    readonly add: string;
    readonly use: string;
    readonly drop: string;
  }>(keyCommandType, bytes, fieldsMaxCount);
  switch (fields?.body) {
    case 'add':
      return secretPattern.test(fields.add) ? { type: 'add', secret: fields.add } : undefined;
    case 'use':
      return idPattern.test(fields.use) ? { type: 'use', id: fields.use } : undefined;
    case 'drop':
      return idPattern.test(fields.drop) ? { type: 'drop', id: fields.drop } : undefined;
    default: // Of a later version, or none.
      return undefined;
  }
}

export function encodeKeyAnswer(answer: KeyAnswer): Uint8Array {
  return keyAnswerType.encode(answer as never).finish();
}

export function decodeKeyAnswer(bytes: Uint8Array): KeyAnswer | undefined {
  if (bytes.length > keyMessageMaxBytes) return undefined;
  const fields = decodeMessage<{
    readonly outcome: string;
    readonly ids: readonly string[];
    readonly older: readonly string[];
  }>(keyAnswerType, bytes, fieldsMaxCount);
  const outcome = keyOutcomes.find(each => each === fields?.outcome);
  if (fields === undefined || outcome === undefined) return undefined;
  const { ids, older } = fields;
  if (ids.length + older.length > idsMaxCount) return undefined;
  if (![...ids, ...older].every(id => idPattern.test(id))) return undefined;
  return { outcome, ids, older };
}
