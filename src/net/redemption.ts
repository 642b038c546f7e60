/**
 * One connection to one of the agents that an invite names, to be admitted and nothing else.
 *
 * With a host of its own that listens nowhere: the agent proper starts once it is a member, and everybody whom it then
 * meets sees a certificate.
 */
import { noise } from '@chainsafe/libp2p-noise';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { FirsthandError } from '../errors.ts';
import type { AdmissionAuthority, AdmissionRefusal } from '../runtime/admission.ts';
import { admitting } from './admission-encrypter.ts';
import { dialFailureText } from './dial-failure.ts';
import { carefulYamux } from './muxer.ts';

export interface RedemptionOptions {
  /** Ed25519: 32 bytes of seed, then 32 bytes of public key. */
  readonly privateKeyRaw: Uint8Array;
  /** Tried in order, each with `/p2p/<peer id>`: no other key will do. */
  readonly seeds: readonly string[];
  /** For each of them, ms. */
  readonly timeoutMs: number;
}

/** By contract with the agent, which has other things to do than to wait for libp2p. */
const stopDeadlineMs = 2_000;

/** @throws FirsthandError INVITE_REFUSED when one of them says no, JOIN_FAILED when none could be asked. */
export async function redeemAt(
  { privateKeyRaw, seeds, timeoutMs }: RedemptionOptions,
  authority: AdmissionAuthority,
): Promise<void> {
  let refusal: AdmissionRefusal | undefined;
  let isAdmitted = false;
  const node = await createLibp2p({
    privateKey: privateKeyFromRaw(privateKeyRaw),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [
      admitting({ timeoutMs }, noise(), {
        authority,
        onAdmitted: () => {
          isAdmitted = true;
        },
        onRefused: (_peer, _role, reason) => {
          refusal = reason;
        },
      }),
    ],
    streamMuxers: [carefulYamux({})],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
  });
  const failures: string[] = [];
  try {
    for (const seed of seeds) {
      try {
        await node.dial(multiaddr(seed), { signal: AbortSignal.timeout(timeoutMs) });
      } catch (error) {
        failures.push(`${seed}: ${dialFailureText(error)}`);
      }
      // What comes after the admission does not matter.
      if (isAdmitted) return;
      // Another one would say the same, but for who does not issue, is late or cannot write.
      if (refusal !== undefined && !['invite-not-taken-here', 'late', 'failed'].includes(refusal.reason)) {
        throw new FirsthandError('INVITE_REFUSED', {
          text: authority.explain(refusal),
          reason: refusal.reason,
        });
      }
    }
  } finally {
    await Promise.race([
      Promise.resolve(node.stop()).catch(() => {}), // Nobody uses it any more, whatever it says.
      new Promise(resolve => setTimeout(resolve, stopDeadlineMs).unref()),
    ]);
  }
  throw new FirsthandError('JOIN_FAILED', {
    text: `no certificate could be had for the invite: ${failures.join('; ')}`,
  });
}
