/** What can come of one look at a `/metrics`: the words that checker, core and health records share. */

export const checkFailures = [
  'not-ready', // it answers, and says that it is not ready
  'timeout',
  'refused',
  'unreachable',
  'status',
  'redirect',
  'too-large',
  'garbage',
  'forbidden-address',
] as const;
export type CheckFailure = (typeof checkFailures)[number];

export type CheckOutcome =
  | { readonly ok: true; readonly latencyMs: number }
  | {
      readonly ok: false;
      readonly reason: CheckFailure;
      /** One short sentence for people who can reach this agent; it does not travel. */
      readonly detail: string;
      readonly latencyMs: number;
    };

/** For events: the same at every agent, because only the reason travels. */
export const failureTexts: Readonly<Record<CheckFailure, string>> = {
  'not-ready': 'it answers that it is not ready',
  timeout: 'it does not answer in time',
  refused: 'nobody listens on its metrics port',
  unreachable: 'its address cannot be reached',
  status: 'it answers with an error status',
  redirect: 'it answers with a redirect, which is not followed',
  'too-large': 'its answer is too long',
  garbage: 'its answer is neither a JSON object nor Prometheus text',
  'forbidden-address': 'its address is one that is never called',
};

export const recoveryText = 'its health checks pass again';
