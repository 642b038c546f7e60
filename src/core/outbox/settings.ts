/** Bounds and times of the outbox. */
export interface OutboxSettings {
  /** Deliveries kept at once, over all receivers. */
  readonly entriesMaxCount: number;
  /** Their payloads together, bytes. */
  readonly bytesMax: number;
  /** One payload, bytes. */
  readonly payloadMaxBytes: number;
  /** Share of both bounds that only critical deliveries may use, 0 to 1. */
  readonly reserveShare: number;
  readonly receiversMaxCount: number;
  /** Nothing is kept longer, ms. */
  readonly ageMaxMs: number;
  readonly deadLettersMaxCount: number;
  /** The pause after a first failure is below this, ms, or below twice the receiver's response; then it doubles. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A receiver that asks for a longer pause than this does not get it, ms. */
  readonly retryAfterMaxMs: number;
  /** Failures in a row that open the breaker. */
  readonly breakerThreshold: number;
  /** An attempt without an outcome counts as failed after this, ms; above the limits of all who deliver. */
  readonly answerTimeoutMs: number;
  /** A receiver that has failed to take something for so long is reported, once, ms. */
  readonly stuckAfterMs: number;
}

export const defaultOutboxSettings: OutboxSettings = {
  entriesMaxCount: 10_000, // Design: as many as an agent may host entries.
  bytesMax: 64 * 1_024 * 1_024, // Guess: 10,000 of 6 KiB; a registration has half a KiB.
  payloadMaxBytes: 64 * 1_024, // Derived: twice the body that `POST /registration` takes.
  reserveShare: 0.1, // Guess.
  receiversMaxCount: 1_000, // Derived: the size of a large cluster.
  ageMaxMs: 24 * 3_600_000, // Derived: as long as tombstones live, after which an update means nothing.
  deadLettersMaxCount: 1_000, // Guess: more than a person reads.
  backoffMinMs: 1_000, // Contract.
  backoffMaxMs: 60_000, // Design.
  retryAfterMaxMs: 10 * 60_000, // Guess.
  breakerThreshold: 5, // Guess.
  answerTimeoutMs: 30_000, // Guess.
  stuckAfterMs: 60_000, // Derived: the longest pause.
};
