import { neverAborted } from '@slipway/kit/abort';
import type { PluginCase } from '../../conformance/plugin-case.ts';

export const bridgeCase: PluginCase = {
  type: 'bridge',
  role: 'interface',
  config: ({ directory }) => ({
    bridge: 'swt-br',
    isDefaultGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: '10.99.0.0/24' }], [{ subnet: 'fd00:99::/64' }]],
      dataDir: directory,
    },
  }),
  damage: ({ host }, { netns, ifName, result }) =>
    host.ip([`address del ${result.ips[0]?.address} dev ${ifName}`], { netns, signal: neverAborted }),
};

export const routedBridgeCase: PluginCase = {
  ...bridgeCase,
  variant: 'routed',
  config: ({ directory }) => ({
    bridge: 'swt-routed',
    isDefaultGateway: true,
    routed: true,
    mtu: 1400,
    ipam: { type: 'host-local', subnet: '10.97.0.0/24', dataDir: directory },
  }),
  damage: ({ host }, { netns }) => host.ip(['route del default'], { netns, signal: neverAborted }),
};

export const guardedBridgeCase: PluginCase = {
  ...bridgeCase,
  variant: 'macspoofchk, layer 2 only',
  config: () => ({ bridge: 'swt-guard', macspoofchk: true, portIsolation: true, disableContainerInterface: true }),
  damage: ({ host }) => host.nft('flush set bridge slipway-cni-macspoof allowed\n', { signal: neverAborted }),
};
