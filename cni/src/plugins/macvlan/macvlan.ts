import { macvlanModes } from '../../host/link-step.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { optionalNumber, optionalString } from '../../spec/json.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { type ChildConfig, choice, parseChildConfig } from '../child-link/child-config.ts';
import { createChildPlugin } from '../child-link/child-plugin.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { parseMac, requestedMac } from '../container-link/requested-mac.ts';
import { clusterIdOf, macFrom } from '../names.ts';

/** The keys of the reference macvlan plugin. */
export interface MacvlanConfig extends ChildConfig {
  readonly mode: keyof typeof macvlanModes;
  readonly mac: string | undefined;
  readonly broadcastQueueLength: number | undefined;
}

/** A container in the LAN of one of the host's interfaces, with a MAC address of its own. */
export const macvlan = createChildPlugin<MacvlanConfig>({
  name: 'macvlan',
  mustAgree: false,
  parseConfig: parseMacvlanConfig,
  link: ({ mode, broadcastQueueLength }) => ({ kind: 'macvlan', mode, broadcastQueueLength }),
  terms: ({ mode }) => mode,
  hasNoNeighbours: () => false,

  mac(request, allocated) {
    const wanted = requestedMac(request) ?? request.config.mac;
    if (request.config.mode !== 'passthru') return wanted ?? macOf(request, allocated.ips[0]?.address);
    // The kernel would give it to the host's interface.
    if (wanted) throw new CniError('unsupportedField', 'mac: a container in mode passthru has the MAC of its parent');
    return undefined;
  },

  explain(error, { mode }, { label }) {
    if (error.errno === 'EADDRINUSE') return `mac: another interface on ${label} has this address`;
    if (error.errno !== 'EINVAL') return undefined;
    return mode === 'passthru'
      ? `mode passthru takes ${label} for itself, and it has another macvlan interface already`
      : `${label} has a macvlan interface in mode passthru, which takes it for itself`;
  },

  checkLink({ mode }, config) {
    if (mode !== config.mode) throw checkFailed(`mode is ${String(mode)}, expected ${config.mode}`);
  },
});

export function parseMacvlanConfig(network: NetworkConfig): MacvlanConfig {
  const mac = optionalString(network, 'mac');
  const length = optionalNumber(network, 'bcqueuelen') || undefined;
  if (length !== undefined && !(Number.isInteger(length) && length > 0 && length <= 0xffff_ffff)) {
    throw new CniError('invalidNetworkConfig', `bcqueuelen: ${length} is no number of frames`);
  }
  return {
    ...parseChildConfig(network),
    mode: choice(network, ['mode', 'macvlan_mode'], macvlanModes, 'bridge'),
    mac: mac ? parseMac(mac) : undefined,
    broadcastQueueLength: length,
  };
}

/** From the address: an address that is given again later keeps its MAC, so that nobody's neighbour table is wrong. */
function macOf({ network, containerId, ifName }: CniRequest<unknown>, address: string | undefined): string {
  return macFrom(`macvlan/${clusterIdOf(network)}/${network.name}/${address ?? `${containerId}/${ifName}`}`);
}
