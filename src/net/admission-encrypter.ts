/**
 * Lets nobody in who does not belong here.
 *
 * Wraps the encryption of connections: once it stands, the two agents' authorities exchange messages on it, and
 * only a connection that both have admitted is handed on. So an outsider opens no stream, meets no multiplexer and is
 * in no list. The encryption has a name of its own then, which ends the attempts of everybody who expects
 * another one before they cost a handshake (10 to 40 ms of CPU).
 *
 * libp2p's private networks were rejected: one key for all, which can be neither rotated nor taken from somebody.
 * So was a protocol after the upgrade: until it is over, every other one would have to ask whether it is.
 */
import type {
  ConnectionEncrypter,
  MessageStream,
  MultiaddrConnection,
  PeerId,
  SecuredConnection,
} from '@libp2p/interface';
import {
  type AdmissionAuthority,
  type AdmissionFacts,
  type AdmissionRefusal,
  type AdmissionRole,
  type AdmissionStep,
  admissionMessagesMaxCount,
  type RefusalReason,
} from '../runtime/admission.ts';
import { type AdmissionPipe, admissionPipe } from './admission-frames.ts';

export interface AdmissionEncrypterOptions {
  /** For the whole exchange, ms. */
  readonly timeoutMs: number;
}

export interface AdmissionEncrypterComponents {
  readonly authority: AdmissionAuthority;
  readonly onAdmitted: (peer: string, role: AdmissionRole, facts: AdmissionFacts, tookMs: number) => void;
  /**
   * `peer` is a key that somebody holds, and not a member.
   *
   * @param from - The address at the other end, without a port, where that is known.
   */
  readonly onRefused: (
    peer: string,
    role: AdmissionRole,
    refusal: AdmissionRefusal,
    from: string | undefined,
  ) => void;
}

/** How long a refused peer has to read why; closing at once would leave it with "connection reset". */
const refusalGraceMs = 500;

export const refusedPrefix = 'admission refused: ';

class AdmissionRefused extends Error {
  readonly refusal: AdmissionRefusal;

  constructor(text: string, refusal: AdmissionRefusal) {
    super(`${refusedPrefix}${text}`);
    this.name = 'AdmissionRefused';
    this.refusal = refusal;
  }
}

export function admissionProtocol(authority: Pick<AdmissionAuthority, 'name'>): string {
  return `/firsthand/admission/${authority.name}/1`;
}

/** An encrypter that also admits. */
export function admitting<Components extends { readonly peerId: PeerId }>(
  options: AdmissionEncrypterOptions,
  make: (components: Components) => ConnectionEncrypter,
  parts: AdmissionEncrypterComponents,
): (components: Components) => ConnectionEncrypter {
  return components => {
    const inner = make(components);
    const self = components.peerId.toString();
    const admit = async (
      role: AdmissionRole,
      plain: MessageStream,
      secured: SecuredConnection,
      outer: AbortSignal | undefined,
    ): Promise<SecuredConnection> => {
      // Ourselves: libp2p refuses that itself, in words that the dialer knows.
      if (secured.remotePeer.equals(components.peerId)) return secured;
      return {
        ...secured,
        connection: await exchange({ ...options, role, self, outer, from: addressOf(plain) }, secured, parts),
      };
    };
    // What else libp2p asks of an encrypter, it finds at the original.
    return Object.assign(Object.create(inner) as ConnectionEncrypter, {
      protocol: admissionProtocol(parts.authority),
      secureInbound: async (...args: Parameters<ConnectionEncrypter['secureInbound']>) =>
        admit('listener', args[0], await inner.secureInbound(...args), args[1]?.signal),
      secureOutbound: async (...args: Parameters<ConnectionEncrypter['secureOutbound']>) =>
        admit('dialer', args[0], await inner.secureOutbound(...args), args[1]?.signal),
    });
  };
}

interface ExchangeOptions extends AdmissionEncrypterOptions {
  readonly role: AdmissionRole;
  readonly self: string;
  readonly outer: AbortSignal | undefined;
  readonly from: string | undefined;
}

/** What is encrypted is a connection of a transport, which knows where it leads; a stream through another one does not. */
function addressOf(plain: MessageStream): string | undefined {
  const { remoteAddr } = plain as Partial<MultiaddrConnection>;
  return remoteAddr === undefined ? undefined : /^\/ip[46]\/([^/]+)/.exec(remoteAddr.toString())?.[1];
}

async function exchange(
  options: ExchangeOptions,
  secured: SecuredConnection,
  { authority, onAdmitted, onRefused }: AdmissionEncrypterComponents,
): Promise<MessageStream> {
  const { role, self, timeoutMs, outer, from } = options;
  const startedMs = performance.now();
  const remote = secured.remotePeer.toString();
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = outer === undefined ? deadline : AbortSignal.any([deadline, outer]);
  const pipe = admissionPipe(secured.connection);
  let outcome: AdmissionFacts | AdmissionRefusal;
  try {
    outcome = await converse(authority, { role, self, remote }, pipe, signal);
  } catch (error) {
    if (!signal.aborted) throw error; // A bug, or a connection that broke while we wrote.
    outcome = { reason: 'late', by: 'self' };
  }
  if ('reason' in outcome) {
    onRefused(remote, role, outcome, from);
    if (outcome.by === 'self') await tellWhy(pipe, outcome.reason, secured.connection);
    const refused = new AdmissionRefused(authority.explain(outcome), outcome);
    secured.connection.abort(refused);
    throw refused;
  }
  onAdmitted(remote, role, outcome, performance.now() - startedMs);
  return pipe.release();
}

type Parties = Parameters<AdmissionAuthority['begin']>[0];

async function converse(
  authority: AdmissionAuthority,
  parties: Parties,
  pipe: AdmissionPipe,
  signal: AbortSignal,
): Promise<AdmissionFacts | AdmissionRefusal> {
  const refusal = (reason: RefusalReason): AdmissionRefusal => ({ reason, by: 'self' });
  const side = authority.begin(parties);
  await pipe.write({ kind: 'message', content: side.opening }, signal);
  for (let taken = 0; taken < admissionMessagesMaxCount; taken += 1) {
    const frame = await pipe.read(signal);
    if (frame === undefined) return refusal('malformed');
    if (frame.kind === 'refusal') return { reason: frame.reason, by: 'peer' };
    const step = await within(signal, side.take(frame.content));
    if (step.type === 'refused') return refusal(step.reason);
    const words = step.type === 'admitted' ? step.lastWords : step.message;
    if (words !== undefined) await pipe.write({ kind: 'message', content: words }, signal);
    if (step.type === 'admitted') return step.facts;
  }
  return refusal('malformed');
}

/** An authority that waits for its disk must not outstay the deadline. */
async function within(
  signal: AbortSignal,
  step: AdmissionStep | Promise<AdmissionStep>,
): Promise<AdmissionStep> {
  if (!(step instanceof Promise)) return step;
  const over = Promise.withResolvers<never>();
  const onAbort = () => over.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([step, over.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Never rejects: whoever does not wait for the reason does not get one. */
async function tellWhy(pipe: AdmissionPipe, reason: RefusalReason, connection: MessageStream): Promise<void> {
  if (connection.status !== 'open') return;
  const gone = Promise.withResolvers<void>();
  connection.addEventListener('close', () => gone.resolve(), { once: true });
  const timer = setTimeout(() => gone.resolve(), refusalGraceMs);
  try {
    await pipe.write({ kind: 'refusal', reason }, AbortSignal.timeout(refusalGraceMs));
    await gone.promise;
  } catch {
    // It hung up, or reads nothing: the refusal stands all the same.
  } finally {
    clearTimeout(timer);
  }
}
