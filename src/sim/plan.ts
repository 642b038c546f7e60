/**
 * What befalls a simulated cluster, as data: it can be drawn from a seed, printed, stored, and made shorter.
 *
 * Agents and places are numbers from 1. Everything that lasts says how long.
 */
import type { CheckFailure } from '../core/backends/outcome.ts';
import type { ProtocolSettings } from '../core/protocol.ts';
import type { DiskTrouble } from './disk.ts';

/** What an agent does that does not keep to the protocol. */
export const attackKinds = [
  'forge',
  'replay',
  'equivocate',
  'flood',
  'accuse',
  'lie about root',
  'stay silent',
  'claim a name',
  'silence another',
  'speak from the future',
  'name the unknown',
  'send garbage',
  'send too much',
  'foreign cluster',
  'many names',
] as const;
export type AttackKind = (typeof attackKinds)[number];

export type Fault =
  | { readonly type: 'crash'; readonly agent: number; readonly forMs: number }
  | { readonly type: 'stop'; readonly agent: number; readonly forMs: number }
  /** Power is lost at several at once. */
  | { readonly type: 'power loss'; readonly agents: readonly number[]; readonly forMs: number }
  /** The disk is lost with the machine. */
  | { readonly type: 'wipe'; readonly agent: number; readonly forMs: number }
  /** It ends, and a row of its outbox has rotted meanwhile. */
  | { readonly type: 'rot'; readonly agent: number; readonly forMs: number }
  | { readonly type: 'pause'; readonly agent: number; readonly forMs: number }
  /** Runs only this share of the time, 0 to 1. */
  | { readonly type: 'starve'; readonly agent: number; readonly share: number; readonly forMs: number }
  | { readonly type: 'disk'; readonly agent: number; readonly trouble: DiskTrouble; readonly forMs: number }
  | { readonly type: 'clock'; readonly agent: number; readonly byMs: number; readonly forMs: number }
  | { readonly type: 'partition'; readonly side: readonly number[]; readonly forMs: number }
  /** Nothing from `from` reaches `to`; the way back is open. */
  | {
      readonly type: 'one-way';
      readonly from: readonly number[];
      readonly to: readonly number[];
      readonly forMs: number;
    }
  /** For everybody, or for what reaches and leaves some. */
  | {
      readonly type: 'weather';
      readonly agents: readonly number[] | undefined;
      readonly loss: number;
      readonly duplicates: number;
      readonly delayMinMs: number;
      readonly delayMaxMs: number;
      readonly forMs: number;
    }
  | { readonly type: 'attack'; readonly agent: number; readonly kind: AttackKind; readonly forMs: number }
  | {
      readonly type: 'illness';
      readonly agent: number;
      readonly ailment: CheckFailure;
      /** Which of its services, counted round. */
      readonly service: number;
      readonly forMs: number;
    }
  | { readonly type: 'receiver away'; readonly receiver: number; readonly forMs: number }
  | { readonly type: 'answers lost'; readonly share: number; readonly forMs: number }
  | { readonly type: 'predecessor gone'; readonly predecessor: number; readonly forMs: number };

export type Work =
  /** A service that only this agent hosts, so that what becomes of it is known. */
  | { readonly type: 'register'; readonly agent: number; readonly service: string; readonly port: number }
  | {
      readonly type: 'confirm';
      readonly agent: number;
      readonly service: string;
      readonly port: number;
      readonly wanted: 'majority' | 'all';
      readonly timeoutMs: number;
      readonly rollback: boolean;
    }
  | { readonly type: 'deregister'; readonly agent: number; readonly service: string }
  /** Tries to take out what another one hosts. */
  | { readonly type: 'meddle'; readonly agent: number; readonly service: string }
  | {
      readonly type: 'enqueue';
      readonly agent: number;
      readonly receiver: number;
      readonly subject: number;
      readonly priority: number;
      readonly expiresAfterMs: number;
    }
  | { readonly type: 'predecessor changed'; readonly predecessor: number; readonly port: number };

export type Happening = (Fault | Work) & { readonly atMs: number };

export interface Plan {
  readonly seed: number;
  readonly agentsCount: number;
  /** Those that do not keep to the protocol while an attack lasts. */
  readonly attackers: readonly number[];
  readonly predecessorsCount: number;
  /** Ed25519 instead of a checksum. */
  readonly realSignatures: boolean;
  /** Agents whose disk syncs each write. */
  readonly syncs: boolean;
  readonly settings: Partial<ProtocolSettings>;
  /** When the last fault has ended, ms; what happens is before. */
  readonly endMs: number;
  /** In order of time. */
  readonly happenings: readonly Happening[];
}

export const receivers = ['peer:ten', 'peer:eleven', 'peer:twelve'] as const;

export function isFault(happening: Happening): happening is Fault & { readonly atMs: number } {
  return 'forMs' in happening;
}

/** One line for a person. */
export function describe(happening: Happening): string {
  const { atMs, type, ...rest } = happening;
  const details = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(',') : value}`)
    .join(', ');
  return `${(atMs / 1_000).toFixed(1).padStart(7)} s  ${type.padEnd(14)} ${details}`;
}
