import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import {
  formatAddress,
  formatNetwork,
  lastValue,
  networkContains,
  networksOverlap,
  parseAddress,
  parseInterfaceAddress,
  parseNetwork,
} from './ip-address.ts';

describe('IP addresses', () => {
  it('reads back every IPv4 address that it writes', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 32n - 1n), (value) => {
        expect(parseAddress(formatAddress({ family: 4, value }))).toEqual({ family: 4, value });
      }),
    );
  });

  it('reads back every IPv6 address that it writes, in the shortest form', () => {
    const group = fc.oneof(fc.constant(0n), fc.bigInt(0n, 0xffffn));
    fc.assert(
      fc.property(fc.tuple(group, group, group, group, group, group, group, group), (groups) => {
        const value = groups.reduce((sum, each) => (sum << 16n) | each, 0n);
        const text = formatAddress({ family: 6, value });
        expect(isIPv6(text)).toBe(true);
        expect(parseAddress(text)).toEqual({ family: 6, value });
      }),
    );
    expect(formatAddress(parseAddress('2001:0db8:0:0:1:0:0:1'))).toBe('2001:db8::1:0:0:1');
    expect(formatAddress(parseAddress('::ffff:10.0.0.1'))).toBe('::ffff:a00:1');
    expect(formatAddress(parseAddress('::'))).toBe('::');
  });

  it('masks networks', () => {
    expect(formatNetwork(parseNetwork('10.64.3.9/22'))).toBe('10.64.0.0/22');
    const network = parseNetwork('10.64.0.0/24');
    expect(formatAddress({ family: 4, value: lastValue(network) })).toBe('10.64.0.255');
    expect(networkContains(network, parseAddress('10.64.0.255'))).toBe(true);
    expect(networkContains(network, parseAddress('10.64.1.0'))).toBe(false);
    expect(networkContains(network, parseAddress('::1'))).toBe(false);
    expect(networksOverlap(network, parseNetwork('10.64.0.128/25'))).toBe(true);
    expect(networksOverlap(network, parseNetwork('10.64.1.0/24'))).toBe(false);
  });

  it.each(['', '10.0.0', '10.0.0.256', 'fe80::1%eth0', '1::2::3'])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow('invalid IP address');
  });

  it.each(['10.0.0.1', '10.0.0.1/33', '10.0.0.1/-1', '::1/129', '10.0.0.1/24/8', '10.0.0.1/'])(
    'refuses the CIDR %j',
    (text) => {
      expect(() => parseInterfaceAddress(text)).toThrow('invalid CIDR');
    },
  );
});
