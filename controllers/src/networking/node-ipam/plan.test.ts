import type { Node } from '@slipway/api/types';
import { aNode } from '../../testing/builders.ts';
import { FreeNetworks } from './node-networks.ts';
import { planNodeIpam } from './plan.ts';

const networks = { clusterCidr: '10.64.0.0/16', nodeBits: 24 };
const node = (name: string, podCIDR?: string): Node => {
  const plain = aNode(name, 'True');
  return podCIDR ? { ...plain, spec: { ...plain.spec, podCIDR, podCIDRs: [podCIDR] } } : plain;
};
const given = (nodes: Node[]) =>
  planNodeIpam(nodes, networks).steps.map((step) =>
    step.op === 'patch'
      ? [step.target.metadata.name, (step.patch as { spec: { podCIDR: string } }).spec.podCIDR]
      : step.op,
  );

describe('planNodeIpam', () => {
  it('gives nodes that come together different parts, in the order of their names', () => {
    expect(given([node('b'), node('a')])).toEqual([
      ['a', '10.64.0.0/24'],
      ['b', '10.64.1.0/24'],
    ]);
  });

  it('keeps what nodes have, fills gaps, and has nothing to do when all have theirs', () => {
    expect(given([node('a', '10.64.0.0/24'), node('c', '10.64.2.0/24'), node('b')])).toEqual([['b', '10.64.1.0/24']]);
    expect(given([node('a', '10.64.0.0/24')])).toEqual([]);
  });

  it('tells when there is none left', () => {
    const small = { clusterCidr: '10.64.0.0/24', nodeBits: 24 };
    expect(planNodeIpam([node('a', '10.64.0.0/24'), node('b')], small).steps).toMatchObject([
      { op: 'event', reason: 'CIDRNotAvailable', message: 'Node b status is now: CIDRNotAvailable' },
    ]);
  });
});

describe('FreeNetworks', () => {
  it.each([
    [[], '10.64.0.0/24'],
    [['10.64.0.0/23'], '10.64.2.0/24'],
    [['10.64.0.128/25'], '10.64.1.0/24'],
    [['192.0.2.0/24'], '10.64.0.0/24'],
  ])('passes over %p', (taken, free) => {
    expect(new FreeNetworks(networks, taken).take()).toBe(free);
  });
});
