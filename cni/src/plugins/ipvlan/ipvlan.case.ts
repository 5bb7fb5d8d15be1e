import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';
import { kernelLacks } from '../../conformance/test-network.ts';

const missing = await kernelLacks('ipvlan', [
  'link add name sw0 type veth peer name sw1',
  'link add link sw0 name sw2 type ipvlan mode l2',
]);

const ipam = (directory: string) => ({
  type: 'host-local',
  ranges: [[{ subnet: '10.95.0.0/24' }], [{ subnet: 'fd00:95::/64' }]],
  dataDir: directory,
});

/** On a parent that was there before, with upstream's keys. */
export const ipvlanCase: PluginCase = {
  type: 'ipvlan',
  role: 'interface',
  missing,
  hasNothingToCollect: true,
  prepare: ({ host }) =>
    host.ip(['link add swt-lan type veth peer name swt-lan2', 'link set swt-lan up', 'link set swt-lan2 up'], {
      signal: neverAborted,
    }),
  config: ({ directory }) => ({
    master: 'swt-lan',
    mode: 'l2',
    mtu: 1400,
    ipam: { ...ipam(directory), routes: [{ dst: '0.0.0.0/0' }] },
  }),
  damage: ({ host }, { netns, ifName, result }) =>
    host.ip([`address del ${result.ips[0]?.address} dev ${ifName}`], { netns, signal: neverAborted }),
};

/** Routed, on a parent that comes and goes with the attachments. */
export const internalIpvlanCase: PluginCase = {
  type: 'ipvlan',
  variant: 'internal, l3',
  role: 'interface',
  missing,
  hasNothingToCollect: true,
  config: ({ directory }) => ({ internal: true, ipvlan_mode: 'l3', ipvlan_flag: 'private', ipam: ipam(directory) }),
  damage: ({ host }, { netns, ifName }) => host.ip([`link set ${ifName} down`], { netns, signal: neverAborted }),
};
