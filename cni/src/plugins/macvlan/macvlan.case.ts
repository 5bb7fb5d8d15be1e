import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';

const ipam = (directory: string) => ({
  type: 'host-local',
  ranges: [[{ subnet: '10.96.0.0/24' }], [{ subnet: 'fd00:96::/64' }]],
  dataDir: directory,
});

/** On a parent that was there before, with upstream's keys. */
export const macvlanCase: PluginCase = {
  type: 'macvlan',
  role: 'interface',
  hasNothingToCollect: true,
  prepare: ({ host }) =>
    host.ip(['link add swt-lan type veth peer name swt-lan2', 'link set swt-lan up', 'link set swt-lan2 up'], {
      signal: neverAborted,
    }),
  config: ({ directory }) => ({
    master: 'swt-lan',
    mode: 'bridge',
    mtu: 1400,
    ipam: { ...ipam(directory), routes: [{ dst: '0.0.0.0/0' }] },
  }),
  damage: ({ host }, { netns, ifName, result }) =>
    host.ip([`address del ${result.ips[0]?.address} dev ${ifName}`], { netns, signal: neverAborted }),
};

/** On a parent that comes and goes with the attachments. */
export const internalMacvlanCase: PluginCase = {
  type: 'macvlan',
  variant: 'internal',
  role: 'interface',
  hasNothingToCollect: true,
  config: ({ directory }) => ({ internal: true, macvlan_mode: 'private', ipam: ipam(directory) }),
  damage: ({ host }, { netns, ifName }) =>
    host.ip([`link set ${ifName} address 02:00:00:00:00:09`], { netns, signal: neverAborted }),
};
