import fc from 'fast-check';
import { formatIp, isInBlock, parseCidr, parseIp } from '../ip-address.ts';
import type { Network, NetworkSubnetSpec } from './network-types.ts';
import {
  addressClaimName,
  blocksOf,
  blocksOverlap,
  effectiveSubnets,
  formatBlock,
  staticAddressProblem,
  subnetClaimName,
  subnetSpecOf,
} from './network-addresses.ts';

function aNetwork(subnets: NetworkSubnetSpec[], spec: Partial<Network['spec']> = {}): Network {
  return {
    apiVersion: 'networks.slipway.dev/v1',
    kind: 'Network',
    metadata: { name: 'lan' },
    spec: { driver: 'macvlan', subnets, ...spec },
  };
}
const filled = (subnets: NetworkSubnetSpec[], spec?: Partial<Network['spec']>) =>
  effectiveSubnets(aNetwork(subnets, spec)).map(subnetSpecOf);

describe('effectiveSubnets', () => {
  it.each([
    ['10.5.0.0/24', { range: '10.5.0.128/25', gateway: '10.5.0.1', nodePrefixLength: 29 }],
    ['10.5.0.0/16', { range: '10.5.128.0/17', gateway: '10.5.0.1', nodePrefixLength: 26 }],
    ['10.5.0.0/29', { range: '10.5.0.4/30', gateway: '10.5.0.1', nodePrefixLength: 30 }],
    ['10.5.0.0/30', { range: '10.5.0.0/30', gateway: '10.5.0.1', nodePrefixLength: 30 }],
    ['fd20:1::/64', { range: 'fd20:1:0:0:8000::/65', gateway: 'fd20:1::1', nodePrefixLength: 122 }],
  ])('fills in what %s leaves open', (subnet, rest) => {
    expect(filled([{ subnet }])).toEqual([{ subnet, ...rest }]);
  });

  it('takes larger blocks in an overlay, and no gateway in an internal network of another driver', () => {
    expect(filled([{ subnet: '10.5.0.0/16' }], { driver: 'overlay', internal: true })).toEqual([
      { subnet: '10.5.0.0/16', range: '10.5.128.0/17', gateway: '10.5.0.1', nodePrefixLength: 24 },
    ]);
    expect(filled([{ subnet: '10.5.0.0/16' }], { internal: true })[0]).not.toHaveProperty('gateway');
  });

  it('takes those of the status where the spec has none', () => {
    const network = { ...aNetwork([]), status: { subnets: [{ subnet: '10.5.0.0/24', range: '10.5.0.0/25' }] } };
    expect(effectiveSubnets(network).map(subnetSpecOf)).toMatchObject([{ range: '10.5.0.0/25' }]);
  });
});

describe('blocksOf', () => {
  it('makes blocks that fill the range and do not overlap, from wherever it begins', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 29 }), fc.nat(40), (prefixLength, first) => {
        const [subnet] = effectiveSubnets(aNetwork([{ subnet: `10.0.0.0/${prefixLength}` }]));
        const blocks = subnet ? [...blocksOf(subnet, BigInt(first))] : [];
        expect(blocks.reduce((sum, { size }) => sum + size, 0n)).toBe(subnet?.range.size);
        expect(new Set(blocks.map(formatBlock)).size).toBe(blocks.length);
        for (const block of blocks) expect(subnet && blocksOverlap(subnet.range, block)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

describe('static addresses', () => {
  const subnets = effectiveSubnets(
    aNetwork([{ subnet: '10.5.0.0/24', auxiliaryAddresses: { printer: '10.5.0.9' } }, { subnet: 'fd20::/64' }]),
  );
  it.each([
    ['10.5.0.10', undefined],
    ['fd20::10', undefined],
    ['10.6.0.10', '10.6.0.10 is in none of its subnets (10.5.0.0/24, fd20::/64)'],
    ['10.5.0.200', 'in the range that nodes give out by themselves (10.5.0.128/25)'],
    ['10.5.0.1', '10.5.0.1 is the gateway'],
    ['10.5.0.9', 'one of its auxiliaryAddresses'],
    ['10.5.0.0', 'the address of the subnet itself'],
  ])('%s: %s', (text, problem) => {
    const address = parseIp(text);
    const found = address && staticAddressProblem(address, subnets);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });

  it('have one name each, whatever way they are written', () => {
    const name = (text: string) => {
      const address = parseIp(text);
      return address && addressClaimName('lan', address);
    };
    expect(name('10.5.0.10')).toBe('lan.10.5.0.10');
    expect(name('fd20:0:0::0010')).toBe(name('fd20::10'));
    const block = parseCidr('fd20:1::8000/120');
    expect(block && subnetClaimName('lan', block)).toBe('lan.fd20-1--8000-120');
    expect(block && isInBlock(block, { family: 6, value: block.base })).toBe(true);
    expect(block && formatIp({ family: 6, value: block.base })).toBe('fd20:1::8000');
  });
});
