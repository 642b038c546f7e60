import fc from 'fast-check';
import { assert, describe, it } from 'vitest';
import { readAnnouncement, serviceName } from '../../../src/discovery/mdns-packet.ts';

const service = serviceName('blue');
const name = `i.${service}`;
const text = fc.oneof(
  fc.string({ maxLength: 300 }),
  fc.string({ maxLength: 60 }).map(rest => `dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/${rest}`),
);
const data = fc.oneof(
  text,
  fc.array(text, { maxLength: 5 }),
  fc.uint8Array({ maxLength: 80 }).map(bytes => Buffer.from(bytes)),
);

describe('discovery/mdns-packet', () => {
  it('never throws, and believes only what it can read in full', () => {
    fc.assert(
      fc.property(fc.array(data, { maxLength: 6 }), texts => {
        const records = [
          { name: service, type: 'PTR' as const, data: name },
          ...texts.map(value => ({ name, type: 'TXT' as const, data: value })),
        ];

        const read = readAnnouncement(records, service, () => true);

        for (const address of read?.multiaddrs ?? []) assert.isTrue(address.endsWith(`/p2p/${read?.peer}`));
      }),
    );
  });
});
