import { neverAborted } from '@slipway/kit/abort';
import type { Host } from '../../host/host.ts';
import type { CniPlugin, CniRequest, NetworkRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import { bridge } from '../bridge/bridge.ts';
import type { BridgeConfig } from '../bridge/bridge-config.ts';
import { clusterIdOf } from '../names.ts';
import { ensureOverlay, type OverlayWhere, overlayMemory, removeUnusedOverlay } from './ensure-overlay.ts';
import { overlayTableName } from './isolation-ruleset.ts';
import { type OverlayConfig, parseOverlayConfig } from './overlay-config.ts';
import { showDevice } from './vxlan-device.ts';

/** One network over several machines: routed containers on a bridge, a VXLAN device (or routes) to the others. */
export const overlay: CniPlugin<OverlayConfig> = {
  name: 'overlay',
  delegatesIpam: true,
  parseConfig: parseOverlayConfig,

  /** One at a time: the network of the last container that leaves may be on its way out. */
  async add(request, host, undo) {
    return host.exclusively(
      async () => {
        const ensured = await ensureOnce(request, host, undo);
        return bridge.add(attachmentRequest(request, ensured), host, undo);
      },
      { signal: request.signal },
    );
  },

  async check(request, previous, host) {
    const { config, signal, network } = request;
    await bridge.check(attachmentRequest(request, config.mtu), previous, host);
    if (config.tunnel?.backend === 'vxlan' && !(await showDevice(config.device, host, { signal }))) {
      throw new CniError('checkFailed', `VXLAN device ${config.device} is missing`);
    }
    const table = overlayTableName(clusterIdOf(network), network.name);
    if (!(await host.nftList(['table', 'inet', table], { signal }))) {
      throw new CniError('checkFailed', `nftables table ${table} is missing`);
    }
  },

  async del(request, host) {
    await bridge.del(attachmentRequest(request, request.config.mtu), host);
  },

  /** Bridge and device stay, as those of other plugins do; whoever runs several networks calls `removeUnusedOverlay`. */
  async gc(request, valid, host) {
    await bridge.gc?.({ ...request, config: request.config.bridgeConfig }, valid, host);
  },
};

/** Once per process. What it made goes again when this ADD, the first one, fails. Answers the MTU of containers. */
async function ensureOnce(
  request: CniRequest<OverlayConfig>,
  host: Host,
  undo: Parameters<CniPlugin<OverlayConfig>['add']>[2],
): Promise<number | undefined> {
  const { config, signal } = request;
  const where = whereOf(request);
  const onNew = () => undo.push('remove the network', () => removeUnused(where, host, neverAborted));
  const ensure = () => host.once(overlayMemory(config.bridge), () => ensureOverlay(where, host, { signal, onNew }));
  await ensure();
  if (config.tunnel?.backend !== 'vxlan') return config.mtu;
  let device = await host.linkInfo({ name: config.device }, { signal });
  if (!device) {
    host.forget(overlayMemory(config.bridge)); // somebody took it away
    await ensure();
    device = await host.linkInfo({ name: config.device }, { signal });
  }
  return config.mtu ?? device?.mtu;
}

async function removeUnused(where: OverlayWhere, host: Host, signal: AbortSignal): Promise<void> {
  await host.exclusively(() => removeUnusedOverlay(where, host, { signal }), { signal });
}

function whereOf({ config, network }: Pick<NetworkRequest<OverlayConfig>, 'config' | 'network'>) {
  return { config, clusterId: clusterIdOf(network), network: network.name };
}

/** The same request for the bridge plugin. The rest of the network is behind the gateway. */
function attachmentRequest(request: CniRequest<OverlayConfig>, mtu: number | undefined): CniRequest<BridgeConfig> {
  const { bridgeNetwork, bridgeConfig, subnets } = request.config;
  const ipam = {
    ...request.ipam,
    add: async () => {
      const result = await request.ipam.add();
      const missing = subnets.filter((dst) => !result.routes.some((route) => route.dst === dst));
      const families = new Set(result.ips.map(({ address }) => address.includes(':')));
      const routes = missing.filter((dst) => families.has(dst.includes(':'))).map((dst) => ({ dst }));
      return { ...result, routes: [...result.routes, ...routes] };
    },
  };
  return { ...request, ipam, network: bridgeNetwork, config: { ...bridgeConfig, mtu } };
}
