import { capabilitiesFromMask, defaultCapabilities, planCapabilities } from './capabilities.ts';

const all = capabilitiesFromMask('1ffffffffff');
const plan = (add: string[], drop: string[], available = all, privileged = false) =>
  planCapabilities({ capability: { addCapabilities: add, dropCapabilities: drop }, privileged, available }).bounding;

describe('planCapabilities', () => {
  it('gives the default fourteen', () => {
    expect([...plan([], [])].sort()).toEqual([...defaultCapabilities].sort());
  });

  it('adds and drops with and without the prefix, in any case', () => {
    expect(plan(['CAP_SYS_ADMIN', 'net_admin'], ['MKNOD'])).toEqual(
      expect.arrayContaining(['CAP_SYS_ADMIN', 'CAP_NET_ADMIN']),
    );
    expect(plan([], ['MKNOD'])).not.toContain('CAP_MKNOD');
  });

  it('takes ALL first', () => {
    expect(plan(['NET_BIND_SERVICE'], ['ALL'])).toEqual(['CAP_NET_BIND_SERVICE']);
    expect(plan(['ALL'], ['SYS_ADMIN'])).toHaveLength(all.length - 1);
  });

  it('never asks for what this machine does not have', () => {
    const available = all.filter((name) => name !== 'CAP_SYS_RESOURCE');
    expect(plan([], [], available, true)).toEqual(available);
    expect(plan(['SYS_RESOURCE'], [], available)).not.toContain('CAP_SYS_RESOURCE');
  });
});
