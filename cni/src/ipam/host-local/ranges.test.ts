import { formatAddress, parseAddress } from '../../spec/ip-address.ts';
import { addressesAfter, formatRange, parseRangeSets } from './ranges.ts';

const textsAfter = (ipam: Record<string, unknown>, last?: string) => {
  const [set = []] = parseRangeSets(ipam);
  return [...addressesAfter(set, last ? parseAddress(last) : undefined)].map(({ address }) => formatAddress(address));
};

describe('host-local ranges', () => {
  it('leaves out network, broadcast and gateway', () => {
    expect(textsAfter({ subnet: '10.0.0.0/29' })).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
    expect(textsAfter({ subnet: '10.0.0.0/29', gateway: '10.0.0.4' })).not.toContain('10.0.0.4');
  });

  it('goes round from the last one', () => {
    const ranges = [
      [
        { subnet: '10.0.0.0/24', rangeStart: '10.0.0.10', rangeEnd: '10.0.0.12' },
        { subnet: '10.0.1.0/24', rangeStart: '10.0.1.5', rangeEnd: '10.0.1.6' },
      ],
    ];
    expect(textsAfter({ ranges }, '10.0.0.11')).toEqual([
      '10.0.0.12',
      '10.0.1.5',
      '10.0.1.6',
      '10.0.0.10',
      '10.0.0.11',
    ]);
    expect(textsAfter({ ranges }, '10.0.1.6')).toEqual(['10.0.0.10', '10.0.0.11', '10.0.0.12', '10.0.1.5', '10.0.1.6']);
    expect(textsAfter({ ranges }, '192.168.0.1')[0]).toBe('10.0.0.10');
  });

  it('puts the ranges of the runtime first', () => {
    const ofRuntime = [[{ subnet: '10.9.0.0/24' }]];
    const sets = parseRangeSets({ subnet: '10.0.0.0/24' }, ofRuntime).map(([range]) => range && formatRange(range));
    expect(sets).toEqual(['10.9.0.1-10.9.0.254', '10.0.0.1-10.0.0.254']);
    expect(parseRangeSets({}, ofRuntime)).toHaveLength(1);
    expect(() => parseRangeSets({}, 'x')).toThrow('runtimeConfig.ipRanges is not a list');
  });

  it.each([
    [{}, 'no IP ranges'],
    [{ subnet: '10.0.0.0/31' }, 'too small'],
    [{ subnet: '10.0.0.0/24', rangeStart: '10.0.1.1' }, 'not in network'],
    [{ subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.8' }, 'ends before'],
    [{ ranges: [[{ subnet: '10.0.0.0/24' }], [{ subnet: '10.0.0.128/25' }]] }, 'overlaps'],
    [{ ranges: [[{ subnet: '10.0.0.0/24' }, { subnet: 'fd00::/64' }]] }, 'mixes address families'],
    [{ ranges: [[]] }, 'is empty'],
  ])('refuses %j', (ipam, message) => {
    expect(() => parseRangeSets(ipam)).toThrow(message);
  });
});
