/** Handlers that only remember. */
import type { DialOutcome, DiscoverySource, NetworkHandlers, Verdict } from '../../src/runtime/ports.ts';

export class RecordingHandlers implements NetworkHandlers {
  /** All calls in order, as `<what> <peer or key>`. */
  readonly calls: string[] = [];
  readonly up: string[] = [];
  readonly down: string[] = [];
  readonly subscribed: string[] = [];
  readonly foreign: string[] = [];
  readonly gossip: { readonly from: string; readonly bytes: Uint8Array }[] = [];
  readonly frames: { readonly from: string; readonly bytes: Uint8Array }[] = [];
  readonly pings: { readonly peer: string; readonly rttMs: number | undefined }[] = [];
  readonly discovered: {
    readonly peer: string;
    readonly multiaddrs: readonly string[];
    readonly source: DiscoverySource;
  }[] = [];
  readonly outcomes = new Map<string, DialOutcome[]>();
  judge: (bytes: Uint8Array) => Verdict = () => 'accept';

  outcomesOf(key: string): readonly DialOutcome[] {
    return this.outcomes.get(key) ?? [];
  }

  /** Why the first dial with this key failed; empty when it did not. */
  failureText(key: string): string {
    const [outcome] = this.outcomesOf(key);
    return outcome === undefined || outcome.ok ? '' : outcome.text;
  }

  onGossip(from: string, bytes: Uint8Array): Verdict {
    this.calls.push(`gossip ${from}`);
    this.gossip.push({ from, bytes: Uint8Array.from(bytes) });
    return this.judge(bytes);
  }

  onFrame(from: string, bytes: Uint8Array): void {
    this.calls.push(`frame ${from}`);
    this.frames.push({ from, bytes: Uint8Array.from(bytes) });
  }

  onLinkUp(peer: string): void {
    this.calls.push(`up ${peer}`);
    this.up.push(peer);
  }

  onLinkDown(peer: string): void {
    this.calls.push(`down ${peer}`);
    this.down.push(peer);
  }

  onSubscribed(peer: string): void {
    this.calls.push(`subscribed ${peer}`);
    this.subscribed.push(peer);
  }

  onDialEnded(key: string, outcome: DialOutcome): void {
    this.calls.push(`dialled ${key}`);
    this.outcomes.set(key, [...this.outcomesOf(key), outcome]);
  }

  onPing(peer: string, rttMs: number | undefined): void {
    this.calls.push(`ping ${peer}`);
    this.pings.push({ peer, rttMs });
  }

  onDiscovered(peer: string, multiaddrs: readonly string[], source: DiscoverySource): void {
    this.calls.push(`discovered ${peer}`);
    this.discovered.push({ peer, multiaddrs, source });
  }

  onForeign(address: string): void {
    this.calls.push(`foreign ${address}`);
    this.foreign.push(address);
  }
}
