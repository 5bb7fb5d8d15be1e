import { isIP } from 'node:net';
import fc from 'fast-check';
import { formatIp, isInBlock, parseCidr, parseIp, ambiguousCidrProblems, cidrProblems } from './ip-address.ts';

describe('parseIp', () => {
  it.each(['10.0.0.1', '255.255.255.255', '::', '::1', '2001:db8::ffff', 'fe80:0:0:1::2', '::ffff:10.0.0.1'])(
    'reads %s',
    (text) => expect(parseIp(text)).toBeDefined(),
  );

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '10.0.0.1 ',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '12345::',
    'g::',
  ])('refuses %j', (text) => expect(parseIp(text)).toBeUndefined());

  it('writes what it read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = parseIp(text);
        expect(address).toBeDefined();
        if (address) expect(parseIp(formatIp(address))).toEqual(address);
      }),
    );
  });

  it('agrees with the platform', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f:.]{1,12}$/), (text) => {
        expect(parseIp(text)?.family ?? 0).toBe(isIP(text));
      }),
    );
  });

  it('shortens IPv6', () => {
    const written = (text: string) => {
      const address = parseIp(text);
      return address && formatIp(address);
    };
    expect(written('2001:0db8:0:0:0:0:0:1')).toBe('2001:db8::1');
    expect(written('1:0:0:2:0:0:0:3')).toBe('1:0:0:2::3');
    expect(written('1:2:3:4:5:6:0:8')).toBe('1:2:3:4:5:6:0:8');
  });
});

describe('parseCidr', () => {
  it('knows what is inside', () => {
    const block = parseCidr('10.96.3.4/16');
    expect(block && formatIp({ family: 4, value: block.base })).toBe('10.96.0.0');
    expect(block?.size).toBe(65536n);
    const inside = (text: string) => {
      const address = parseIp(text);
      return block && address ? isInBlock(block, address) : undefined;
    };
    expect(inside('10.96.255.255')).toBe(true);
    expect(inside('10.97.0.0')).toBe(false);
    expect(inside('::')).toBe(false);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', 'x/8'])('refuses %s', (text) =>
    expect(parseCidr(text)).toBeUndefined(),
  );

  it('says why it refuses', () => {
    expect(cidrProblems('010.0.0.0/8')).toEqual(['must not have leading 0s in IP or prefix length']);
    expect(cidrProblems('10.0.0.0/08')).toEqual(['must not have leading 0s in IP or prefix length']);
    expect(cidrProblems('10.0.0.0/33')).toEqual([expect.stringContaining('must be a valid CIDR value')]);
    expect(ambiguousCidrProblems('10.0.0.1/8')).toEqual(['must not have bits set beyond the prefix length']);
    expect(ambiguousCidrProblems('::ffff:10.0.0.0/104')).toEqual(['must not have an IPv4-mapped IPv6 address']);
    expect(['10.0.0.0/8', '::/0', 'x'].flatMap(ambiguousCidrProblems)).toEqual([]);
  });
});
