import { ipvlanFlags, ipvlanModes } from '../../host/link-step.ts';
import { CniError } from '../../spec/cni-error.ts';
import { decodeResult } from '../../spec/result.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { type ChildConfig, choice, parseChildConfig } from '../child-link/child-config.ts';
import { createChildPlugin } from '../child-link/child-plugin.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { requestedMac } from '../container-link/requested-mac.ts';

export interface IpvlanConfig extends ChildConfig {
  readonly mode: keyof typeof ipvlanModes;
  /** Ours; the reference plugin has none, which is `bridge`. */
  readonly flag: keyof typeof ipvlanFlags;
}

/** A container in the LAN of one of the host's interfaces (l2), or behind it (l3, l3s), with that interface's MAC address. */
export const ipvlan = createChildPlugin<IpvlanConfig>({
  name: 'ipvlan',
  mustAgree: true,
  parseConfig: parseIpvlanConfig,
  link: ({ mode, flag }) => ({ kind: 'ipvlan', mode, flag }),
  terms: ({ mode, flag }) => (flag === 'bridge' ? mode : `${mode}_${flag}`),
  hasNoNeighbours: ({ mode }) => mode !== 'l2',

  mac(request) {
    if (requestedMac(request) === undefined) return undefined;
    throw new CniError('unsupportedField', 'mac: all ipvlan interfaces have the MAC of their parent');
  },

  explain: () => undefined,

  checkLink(data, config) {
    if (data.mode !== config.mode) throw checkFailed(`mode is ${String(data.mode)}, expected ${config.mode}`);
    const shown = Object.keys(ipvlanFlags).find((flag) => data[flag] === true);
    if (shown !== undefined && shown !== config.flag) throw checkFailed(`flag is ${shown}, expected ${config.flag}`);
  },
});

export function parseIpvlanConfig(network: NetworkConfig): IpvlanConfig {
  if (network.mac) throw new CniError('unsupportedField', 'mac: all ipvlan interfaces have the MAC of their parent');
  return {
    ...parseChildConfig(withMasterOfChain(network)),
    mode: choice(network, ['mode', 'ipvlan_mode'], ipvlanModes, 'l2'),
    flag: choice(network, ['flag', 'ipvlan_flag'], ipvlanFlags, 'bridge'),
  };
}

/** As upstream: without a master, the one interface that the plugin before made. */
function withMasterOfChain(network: NetworkConfig): NetworkConfig {
  if (network.master || network.parent || network.internal || !network.prevResult) return network;
  const onHost = decodeResult(network.prevResult).interfaces.filter((link) => !link.sandbox);
  const [only, another] = onHost;
  return only && !another ? { ...network, master: only.name } : network;
}
