/** Why a dial failed, in words for a person. */
import { refusedPrefix } from './admission-encrypter.ts';

const knownCodes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'no route to that host',
  ENETUNREACH: 'no route to that network',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'no answer',
};

const knownNames: Readonly<Record<string, string>> = {
  TimeoutError: 'no answer in time',
  AbortError: 'no answer in time',
  EncryptionFailedError: 'whoever answers there is not the agent that was expected, or no agent at all',
  UnexpectedEOFError: 'the connection was closed',
  NoValidAddressesError: 'no address that can be dialled',
  DNSQueryFailedError: 'the name is not known',
};

const textMaxLength = 300;

export function dialFailureText(error: unknown): string {
  return [...new Set(reasonsOf(error))].join('; ').slice(0, textMaxLength);
}

function reasonsOf(error: unknown): readonly string[] {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.flatMap(reasonsOf);
  if (!(error instanceof Error)) return [String(error)];
  // libp2p wraps what an encrypter throws, and keeps the text only.
  const refusal = error.message.indexOf(refusedPrefix);
  if (refusal !== -1) return [error.message.slice(refusal)];
  if (error.name === 'EncryptionFailedError' && /protocol selection failed/i.test(error.message)) {
    return ['it asks for another kind of credentials than this agent has (--auth), or is no agent'];
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return [knownCodes[code] ?? knownNames[error.name] ?? error.message];
}

/** Every address that was tried answered that nobody listens there, or that somebody else does. */
export function isRefused(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isRefused);
  if (!(error instanceof Error)) return false;
  return ('code' in error && error.code === 'ECONNREFUSED') || isSomebodyElse(error);
}

/** By its text: libp2p wraps the error of Noise, which has a name, in one of its own. */
function isSomebodyElse(error: Error): boolean {
  return /does not match expected remote identity key/i.test(error.message);
}
