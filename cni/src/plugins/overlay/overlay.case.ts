import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';

export const overlayCase: PluginCase = {
  type: 'overlay',
  role: 'interface',
  prepare: ({ host }) => host.ip(['address add 192.0.2.1/32 dev lo'], { signal: neverAborted }),
  config: ({ directory }) => ({
    device: 'swt-vx',
    vni: 77,
    local: '192.0.2.1',
    node: 'one',
    mtu: 1400,
    isDefaultGateway: true,
    subnets: ['10.98.0.0/16', 'fd00:98::/32'],
    peers: [{ node: 'two', address: '192.0.2.2', destinations: ['10.98.2.0/24', 'fd00:98:2::/64'] }],
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.98.1.0/24' }], [{ subnet: 'fd00:98:1::/64' }]],
      dataDir: directory,
    },
  }),
  damage: ({ host }, { netns }) => host.ip(['route del 10.98.0.0/16'], { netns, signal: neverAborted }),
};

export const internalOverlayCase: PluginCase = {
  type: 'overlay',
  role: 'interface',
  variant: 'internal, its tunnel somebody else’s',
  config: ({ directory }) => ({
    bridge: 'swt-inner',
    internal: true,
    subnets: ['10.94.0.0/16'],
    ipam: { type: 'host-local', subnet: '10.94.1.0/24', dataDir: directory },
  }),
  damage: ({ host }, { netns }) => host.ip(['route del 10.94.0.0/16'], { netns, signal: neverAborted }),
};
