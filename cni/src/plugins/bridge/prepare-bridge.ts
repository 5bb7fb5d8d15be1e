import type { Host, HostOptions } from '../../host/host.ts';
import { parseRangeSets } from '../../ipam/host-local/ranges.ts';
import { formatAddress, formatNetwork } from '../../spec/ip-address.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { clusterIdOf } from '../names.ts';
import { planIp } from './attachment-plan.ts';
import { parseBridgeConfig } from './bridge-config.ts';
import { ensureBridge } from './ensure-bridge.ts';

/**
 * Makes the bridge of a configuration before its first container: whoever listens on one of its addresses needs it. Takes
 * the addresses from the ranges of host-local. Idempotent.
 */
export async function prepareBridge(network: NetworkConfig, host: Host, options: HostOptions): Promise<void> {
  const config = parseBridgeConfig(network);
  const ranges = network.ipam?.type === 'host-local' ? parseRangeSets(network.ipam) : [];
  const ips = ranges.flat().map(({ subnet, gateway }) => {
    const address = formatAddress({ family: subnet.family, value: gateway });
    return planIp({ address: `${address}/${formatNetwork(subnet).split('/')[1]}`, gateway: address }, config);
  });
  await ensureBridge({ config, ips, clusterId: clusterIdOf(network), network: network.name }, host, options);
}
