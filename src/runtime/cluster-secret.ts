/** What callers may ask about the cluster's secret. The secret itself is never part of an answer. */
import type { NodeId } from '../core/record/node.ts';
import type { PeerId } from '../core/record/record.ts';

export interface RotationRequest {
  /** Absent: go on with a change that is not over, or make one up. */
  readonly secret?: string;
  /** Whether the old one is taken out at the end, and not only after its time. */
  readonly dropOld: boolean;
}

/** Another agent that is there. */
export interface RotationMember {
  readonly id: NodeId;
  readonly peer: PeerId;
  readonly multiaddrs: readonly string[];
}

export interface RotationView {
  /** `waiting`: some have not confirmed; asking again goes on. */
  readonly status: 'done' | 'waiting';
  /** The last one that was begun. */
  readonly step: 'add' | 'use' | 'drop';
  /** Of the new secret. */
  readonly keyId: string;
  /** Agents that have done this step, this one included. */
  readonly confirmed: number;
  readonly missing: readonly { readonly id: NodeId; readonly peerId: PeerId; readonly why: string }[];
}

export interface SecretView {
  readonly id: string;
  /** Where this agent has it from. */
  readonly source: string;
  readonly use: 'in-use' | 'waits' | 'accepted';
  readonly acceptedUntilMs?: number;
}

export interface SecretPort {
  secrets(): readonly SecretView[];
  /** Each a sentence that says what the operator should do about it. */
  findings(): readonly string[];
  /** @throws FirsthandError ROTATION_CONFLICT, STORE_FAILED */
  rotate(request: RotationRequest): Promise<RotationView>;
}
