/** Decisions about requests, for the audit log: every refusal, and of what was allowed as much as is asked for. */
import type { FastifyRequest } from 'fastify';
import type { FirsthandError } from '../errors.ts';
import type { AuditEntry, AuditLog } from '../runtime/ports.ts';
import { accessTable, type Role } from './access-table.ts';
import { type AuthFailure, authFailures } from './auth-failure.ts';
import type { Operation } from './operations.ts';
import type { AuditLevel } from './options.ts';
import { nobody } from './principal.ts';

const noted: Readonly<Record<AuditLevel, ReadonlySet<Role>>> = {
  operator: new Set(['operate', 'admin']),
  changes: new Set(['operate', 'admin', 'register']),
  all: new Set(['operate', 'admin', 'register', 'read']),
};

export class AuditTrail {
  readonly #audit: AuditLog;
  readonly #noted: ReadonlySet<Role>;

  constructor(options: { readonly level: AuditLevel }, { audit }: { readonly audit: AuditLog }) {
    this.#audit = audit;
    this.#noted = noted[options.level];
  }

  /** @param operation - Of the route; absent where there is none. */
  failed(request: FastifyRequest, operation: Operation | undefined, error: FirsthandError): void {
    const { code, details, message } = error;
    const reason = details.reason as AuthFailure | undefined;
    if (reason !== undefined) {
      const why =
        code === 'RATE_LIMITED' ? `${authFailures[reason]}, once more: ${message}` : authFailures[reason];
      this.#record(request, operation, { kind: 'authentication', outcome: 'refused', why });
    } else if (code === 'FORBIDDEN' || code === 'NOT_OWNER') {
      this.#record(request, operation, { kind: 'authorisation', outcome: 'refused', why: message });
    } else if (this.#notes(operation)) {
      this.#record(request, operation, { kind: 'authorisation', outcome: 'failed', why: code });
    }
  }

  /** It was allowed, and it was done. */
  answered(request: FastifyRequest): void {
    // What is free for who has proved nothing is no decision, and he could go on for ever.
    if (request.principal === nobody) return;
    // Set by the handler, which has run; cheaper than to ask the router, once more for every request.
    const operation = request.operation === 'none' ? undefined : (request.operation as Operation);
    if (this.#notes(operation)) {
      this.#record(request, operation, { kind: 'authorisation', outcome: 'allowed' });
    }
  }

  #notes(operation: Operation | undefined): boolean {
    return operation !== undefined && this.#noted.has(accessTable[operation].role);
  }

  #record(
    request: FastifyRequest,
    operation: Operation | undefined,
    decision: Pick<AuditEntry, 'kind' | 'outcome' | 'why'>,
  ): void {
    const { id = request.target } = (request.params ?? {}) as { readonly id?: string };
    const what = [operation ?? `${request.method} elsewhere`, id].filter(part => part !== '').join(' ');
    // What the router refuses has nobody yet.
    const { who } = request.principal ?? nobody;
    this.#audit.record({ ...decision, who, what, from: request.ip, requestId: request.id });
  }
}
