import { assert, describe, it } from 'vitest';
import { isForbiddenAddress } from '../../../src/outbound/forbidden-addresses.ts';

describe('outbound/forbidden-addresses', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.0.0',
    '169.254.169.254',
    '169.254.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '::',
    'fe80::1',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::ffff:0.0.0.0',
    '::ffff:224.0.0.1',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    'a.name.example',
    '',
  ])('holds %s', address => {
    assert.isTrue(isForbiddenAddress(address));
  });

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '172.17.0.2',
    '192.168.1.1',
    '8.8.8.8',
    '169.253.255.255',
    '169.255.0.0',
    '223.255.255.255',
    '100.64.0.1',
    '::1',
    '::ffff:10.0.0.1',
    'fd00::1',
    'fec0::1',
    '2001:db8::1',
  ])('does not hold %s', address => {
    assert.isFalse(isForbiddenAddress(address));
  });
});
