/** The network of a docker stage: without a way out, and with addresses that are known before it is there. */
import { docker, labelOfThisRun } from './docker.ts';

/** 198.19.0.0/16 is set aside for tests (RFC 2544); compose clusters and their tests have the rest of it. */
const blocks = { first: 64, last: 127 };
const outsideNumber = 254;

/**
 * Each stage of this process has other addresses than the last one: a connection that `fetch` has kept open to an
 * agent of the last stage would be taken for one to an agent of this one, and end in a reset.
 */
let openedCount = 0;

/** The next block of addresses that no other network has. */
export async function createNetwork(): Promise<{ readonly network: string; readonly block: number }> {
  const blocksCount = blocks.last - blocks.first + 1;
  for (let triesCount = 1; ; triesCount++) {
    const block = blocks.first + (openedCount++ % blocksCount);
    const network = `firsthand-chaos-${process.pid}-${block}`;
    const place = ['--subnet', `${addressIn(block, 0)}/24`, '--gateway', outsideAddressIn(block)];
    try {
      await docker('network', 'create', '--internal', ...labelOfThisRun(), ...place, network);
      return { network, block };
    } catch (error) {
      if (triesCount === blocksCount || !/overlap/i.test(String(error))) throw error;
    }
  }
}

/** Of the agent with this number, 1 and up. */
export function addressIn(block: number, number: number): string {
  return `198.19.${block}.${number}`;
}

/** Of this machine, as the agents see it. */
export function outsideAddressIn(block: number): string {
  return addressIn(block, outsideNumber);
}
