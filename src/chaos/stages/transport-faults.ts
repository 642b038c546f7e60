/** Network faults without root: each agent is told to disturb what it receives, by its own fault layer. */
import { type Inbound, InboundFaults } from './network-faults.ts';

export interface Reachable {
  readonly url: string;
  readonly peerId: string;
  /** Whether its process runs, and not paused: only then can it be told anything. */
  readonly isListening: boolean;
}

/** A starved agent on a busy machine takes its time over any request. */
const answerLimitMs = 30_000;

export class TransportFaults extends InboundFaults {
  readonly #agentOf: (id: string) => Reachable;

  constructor(ids: readonly string[], agentOf: (id: string) => Reachable) {
    super(ids);
    this.#agentOf = agentOf;
  }

  override async restore(id: string): Promise<void> {
    await this.apply(id, this.inboundOf(id));
  }

  override async close(): Promise<void> {}

  protected override async apply(id: string, inbound: Inbound): Promise<void> {
    const agent = this.#agentOf(id);
    // Told when it runs again: see `restore`.
    if (!agent.isListening) return;
    const answer = await fetch(`${agent.url}/admin/faults`, {
      method: 'POST',
      body: JSON.stringify({ rules: this.#rulesOf(inbound) }),
      signal: AbortSignal.timeout(answerLimitMs),
    });
    if (!answer.ok) throw new Error(`${id} refuses the faults: ${await answer.text()}`);
    await answer.body?.cancel();
  }

  #rulesOf({ cutFrom, loss, latencyMs, jitterMs }: Inbound): readonly object[] {
    const cut = [...cutFrom].map(id => this.#agentOf(id).peerId);
    return [
      ...(cut.length > 0 ? [{ from: cut, cut: true }] : []),
      ...(loss > 0 ? [{ loss }] : []),
      ...(latencyMs > 0 || jitterMs > 0 ? [{ latency_ms: latencyMs, jitter_ms: jitterMs }] : []),
    ];
  }
}
