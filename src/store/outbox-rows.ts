/**
 * The rows of the outbox as bytes.
 *
 * A delivery: 2 bytes length of its facts, big-endian; the facts as JSON; the link of the one before it, 32
 * bytes; the payload. A head: two links (the last one's and the sum), then [sequence, count, failures] as JSON.
 * The seal: the sum of all links, then the count as JSON. The sum over each row is the business of layout.ts,
 * so what is read here was written here.
 */
import type { QueueHead, Seal } from '../core/outbox/chain.ts';
import { type DeadLetter, priorities, type StoredDelivery } from '../core/outbox/delivery.ts';

const linkBytes = 32;

type Facts = readonly [
  place: number,
  subject: string | null,
  priority: number,
  kind: string,
  digest: string,
  enqueuedAtMs: number,
  expiresAfterMs: number,
];

export function deliveryBytes(delivery: StoredDelivery): Buffer {
  const { place, subject, priority, kind, digest, enqueuedAtMs, expiresAfterMs, previous, payload } =
    delivery;
  const facts: Facts = [
    place,
    subject ?? null,
    priorities.indexOf(priority),
    kind,
    digest,
    enqueuedAtMs,
    expiresAfterMs,
  ];
  const text = Buffer.from(JSON.stringify(facts));
  return Buffer.concat([Buffer.of(text.length >> 8, text.length & 255), text, previous, payload]);
}

export function deliveryOf(sequence: number, receiver: string, bytes: Buffer): StoredDelivery {
  const linkStart = 2 + bytes.readUInt16BE();
  const [place, subject, priority, kind, digest, enqueuedAtMs, expiresAfterMs] = JSON.parse(
    bytes.toString('utf8', 2, linkStart),
  ) as Facts;
  return {
    receiver,
    sequence,
    place,
    subject: subject ?? undefined,
    priority: priorities[priority] ?? 'normal',
    kind,
    digest,
    enqueuedAtMs,
    expiresAfterMs,
    previous: bytes.subarray(linkStart, linkStart + linkBytes),
    payload: bytes.subarray(linkStart + linkBytes),
  };
}

export function headBytes({ link, sum, sequence, count, failures }: QueueHead): Buffer {
  return Buffer.concat([link, sum, Buffer.from(JSON.stringify([sequence, count, failures]))]);
}

export function headOf(receiver: string, bytes: Buffer): QueueHead {
  const [sequence, count, failures] = JSON.parse(bytes.toString('utf8', 2 * linkBytes)) as [
    number,
    number,
    number,
  ];
  const link = bytes.subarray(0, linkBytes);
  const sum = bytes.subarray(linkBytes, 2 * linkBytes);
  return { receiver, sequence, link, count, sum, failures };
}

export function sealBytes({ count, sum }: Seal): Buffer {
  return Buffer.concat([sum, Buffer.from(JSON.stringify(count))]);
}

export function sealOf(bytes: Buffer): Seal {
  return {
    sum: bytes.subarray(0, linkBytes),
    count: JSON.parse(bytes.toString('utf8', linkBytes)) as number,
  };
}

export function deadLetterBytes(letter: DeadLetter): Buffer {
  return Buffer.from(JSON.stringify(letter));
}

export function deadLetterOf(bytes: Buffer): DeadLetter {
  return JSON.parse(bytes.toString()) as DeadLetter;
}
