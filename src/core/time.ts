/** The two clocks, read once per input: monotonic for waiting, wall clock only inside records and events. */
export interface Now {
  /** Milliseconds since an arbitrary start; never goes back. */
  readonly monoMs: number;
  /** Milliseconds since the Unix epoch by this machine's clock; may be wrong and may jump. */
  readonly wallMs: number;
}
