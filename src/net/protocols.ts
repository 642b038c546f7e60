/**
 * The names under which agents of one cluster meet. Each carries the cluster, so that two clusters on
 * one network share nothing, not even by accident of an old address.
 */
export interface ProtocolNames {
  /** Gossipsub topic of signed records. */
  readonly topic: string;
  /** Frames between two agents. Whoever speaks it is an agent of this cluster. */
  readonly sync: string;
  /** Changes of the cluster's secret. */
  readonly keys: string;
  /** Kademlia. */
  readonly kad: string;
}

export function protocolNames(cluster: string): ProtocolNames {
  return {
    topic: `firsthand/${cluster}/records/1`,
    sync: `/firsthand/${cluster}/sync/1`,
    keys: `/firsthand/${cluster}/keys/1`,
    kad: `/firsthand/${cluster}/kad/1`,
  };
}

const syncPattern = /^\/firsthand\/([A-Za-z0-9._-]{1,128})\/sync\/1$/;

/** The cluster of a peer that lists these protocols; `undefined` when it is no Firsthand agent. */
export function clusterOf(protocols: readonly string[]): string | undefined {
  for (const protocol of protocols) {
    const cluster = syncPattern.exec(protocol)?.[1];
    if (cluster !== undefined) return cluster;
  }
  return undefined;
}
