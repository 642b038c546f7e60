/** What a registration is answered, and how far its caller wants it confirmed. */
import {
  type ConfirmationOutcome,
  type ConfirmRequest,
  confirmTimeoutDefaultMs,
  confirmTimeoutMaxMs,
  confirmTimeoutOf,
  wantedMembers,
} from '../core/confirm/confirmation.ts';
import type { RegistrationOutcome, RegistrationRequest } from '../runtime/agent-port.ts';
import { badQuery, type Query } from './query.ts';
import { snakeKeys } from './snake-case.ts';

/** `undefined`: nobody asked for it. @throws FirsthandError INVALID_QUERY */
export function confirmRequest(query: Query): ConfirmRequest | undefined {
  const wanted = query.choice('confirm', wantedMembers);
  const timeout = query.one('timeout');
  const timeoutMs = timeout === undefined ? confirmTimeoutDefaultMs : confirmTimeoutOf(timeout);
  if (timeoutMs === undefined) {
    throw badQuery(
      'timeout',
      `timeout must be milliseconds or like 5s, from 1 ms to ${confirmTimeoutMaxMs / 1_000} s`,
    );
  }
  const rollback = query.flag('rollback') ?? false;
  if (wanted !== undefined) return { wanted, timeoutMs, rollback };
  for (const name of ['timeout', 'rollback']) {
    if (query.hasAny([name])) throw badQuery(name, `${name} has a meaning only with confirm`);
  }
  return undefined;
}

/** The list of peers belongs between head and tail. Ids hold no character that JSON would escape. */
export function registrationAnswer(
  { action, id }: RegistrationRequest,
  { changed, confirmation }: RegistrationOutcome,
): { readonly status: 200 | 202; readonly head: string; readonly tail: string } {
  const word = action === 'register' ? 'registered' : 'updated';
  const done = changed ? `${id} is ${word}` : `nothing new about ${id}; its lease is renewed`;
  const message = confirmation === undefined ? done : `${done}; ${confirmedSentence(confirmation)}`;
  const head = `{"status":"${word}","message":${JSON.stringify(message)},"peers":[`;
  if (confirmation === undefined) return { status: 200, head, tail: ']}' };
  const { rolledBack, isMet, ...facts } = confirmation;
  const more = { confirmation: snakeKeys(facts), ...(rolledBack ? { rolled_back: true } : {}) };
  return { status: isMet ? 200 : 202, head, tail: `],${JSON.stringify(more).slice(1)}` };
}

function confirmedSentence({
  isMet,
  rolledBack,
  confirmed,
  missing,
  needed,
  tookMs,
}: ConfirmationOutcome): string {
  const known = confirmed.length + missing.length;
  const held = `${confirmed.length} of ${known} members hold it`;
  if (isMet) return held;
  const failed = `after ${Math.round(tookMs)} ms only ${held}, and ${needed} should`;
  return rolledBack ? `${failed}, so it was rolled back` : `${failed}; it stays valid and keeps spreading`;
}
