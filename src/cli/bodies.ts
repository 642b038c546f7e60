/** The JSON that an agent answers with, as this side sees it. */
import type {
  AgentEvent,
  DetectorView,
  ListedStatus,
  OutboxView,
  RecordView,
  SubjectView,
  SyncView,
  TreePart,
  TreeRow,
} from '../core/view.ts';
import type {
  ClockView,
  DoctorCheck,
  MeshView,
  NamedBan,
  NamedReputation,
  StatusView,
} from '../runtime/agent-port.ts';

/** On the wire the agent's views have their own keys in snake_case, nothing else changes. */
export type SnakeCased<T> = T extends readonly (infer Item)[]
  ? readonly SnakeCased<Item>[]
  : T extends object
    ? { readonly [K in keyof T as K extends string ? SnakeKey<K> : never]: SnakeCased<T[K]> }
    : T;

type SnakeKey<K extends string> = K extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeKey<Rest>}`
  : K;

export interface PeerBody {
  readonly id: string;
  readonly address: string;
  readonly metrics_port: number;
  readonly node_type: string;
  readonly is_load_balancer: boolean;
  readonly capabilities: readonly string[];
  /** Whole Unix seconds. */
  readonly last_updated: number;
  readonly status: ListedStatus;
}

export interface RegistrationBody {
  readonly status: 'registered' | 'updated';
  readonly message: string;
  readonly peers: readonly PeerBody[];
  /** When it was asked for. */
  readonly confirmation?: {
    readonly wanted: string;
    readonly confirmed: readonly string[];
    readonly missing: readonly string[];
    readonly needed: number;
    readonly took_ms: number;
  };
  readonly rolled_back?: true;
}

export interface ErrorBody {
  readonly error: string;
  readonly code: string;
  readonly field?: string;
  readonly request_id?: string;
  readonly auth_mode?: string;
}

export type StatusBody = SnakeCased<StatusView>;
export type ClockBody = SnakeCased<ClockView>;
export type MeshBody = SnakeCased<MeshView>;
export type DetectorBody = SnakeCased<DetectorView>;
export type SyncBody = SnakeCased<SyncView>;
export type SyncAgreementBody = SyncBody['agreement'];
export type TreeRowBody = SnakeCased<TreeRow>;
export type OutboxBody = SnakeCased<OutboxView>;
export type PartitionBody = DetectorBody['partition'];

export interface TreeBody {
  readonly since: number;
  readonly parts?: readonly TreePart[];
  readonly records?: readonly TreeRowBody[];
}

export interface DoctorBody {
  readonly ok: boolean;
  readonly checks: readonly DoctorCheck[];
}

export type ReputationBody = readonly SnakeCased<NamedReputation>[];
export type BansBody = readonly SnakeCased<NamedBan>[];

export interface DecidedBody {
  readonly status: 'banned' | 'pardoned';
  readonly peer: string;
}

export interface EvidenceBody {
  readonly id: string;
  readonly author: string;
  readonly subject: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly cluster: string;
  /** Base64. */
  readonly first: string;
  readonly second: string;
}

export interface KeysBody {
  readonly id: string;
  readonly peer_id: string;
  readonly former?: { readonly peer_id: string; readonly ends_in_ms: number };
}

/** Of departures: `/registration/{id}` and `/admin/…`. */
export interface GoneBody {
  readonly status: string;
  readonly message: string;
}

export type RecordBody = Omit<SnakeCased<RecordView>, 'node' | 'owner'> & {
  readonly node?: Omit<PeerBody, 'last_updated' | 'status'> & {
    readonly last_updated?: number;
    readonly public_key?: string;
  };
  readonly owner?: { readonly public_key: string; readonly last_updated: number };
};
export type SubjectBody = Omit<SnakeCased<SubjectView>, 'records'> & {
  readonly records: readonly RecordBody[];
};

export interface RecordsBody {
  readonly records: readonly SubjectBody[];
  /** Give it as `after` to get the next page; null on the last one. */
  readonly next: string | null;
}

/** Names of the events that `watch` can filter by. */
export const eventKinds = ['record', 'liveness', 'health', 'partition', 'conflict'] as const;

type EventData<Name extends AgentEvent['event']> = Extract<AgentEvent, { event: Name }>['data'];
export type RecordEventData = Omit<SnakeCased<EventData<'record'>>, 'node'> & { readonly node: PeerBody };
export type LivenessEventData = SnakeCased<EventData<'liveness'>>;
export type HealthEventData = SnakeCased<EventData<'health'>>;
export type PartitionEventData = SnakeCased<EventData<'partition'>>;
export type ConflictEventData = SnakeCased<EventData<'conflict'>>;
