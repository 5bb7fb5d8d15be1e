import type { Host, HostOptions } from '../../host/host.ts';
import { CniError } from '../../spec/cni-error.ts';
import { networksOverlap, parseNetwork } from '../../spec/ip-address.ts';
import { bridgeTableName } from '../bridge/bridge-ruleset.ts';
import { isolationRuleset, overlayTableName } from './isolation-ruleset.ts';
import type { OverlayConfig, TunnelConfig } from './overlay-config.ts';
import { PeerTables } from './peer-tables.ts';
import { directRoutePriority, type OverlaySelf, planOverlay, vtepMac } from './plan-overlay.ts';
import { findUplink, overlayMtu, type Uplink } from './uplink.ts';
import { ensureVxlan } from './vxlan-device.ts';

export interface OverlayRemains {
  readonly config: Pick<OverlayConfig, 'bridge' | 'device' | 'tunnel'>;
  readonly clusterId: string;
  readonly network: string;
}

export interface OverlayWhere {
  readonly config: OverlayConfig;
  readonly clusterId: string;
  readonly network: string;
}

/**
 * Isolation, and unless somebody else looks after it the way to other machines. The bridge comes with the first container. Idempotent.
 * Throws `CniError` before anything is made when the configuration does not fit this machine. `onNew` is called before the first
 * thing is made of a network that was not there.
 */
export async function ensureOverlay(
  where: OverlayWhere,
  host: Host,
  { onNew, ...options }: HostOptions & { readonly onNew: () => void },
): Promise<void> {
  const { config, clusterId, network } = where;
  await refuseOverlap(config, host, options);
  const tunnel = config.tunnel ? await planTunnelEnd(config.tunnel, config, host, options) : undefined;
  const table = overlayTableName(clusterId, network);
  const { version, script } = isolationRuleset({ table, ...config });
  const present = await host.nftList(['table', 'inet', table], options);
  if (!present) onNew();
  if (!present?.some(({ chain }) => chain?.name === version)) await host.nft(script, options);
  if (tunnel) await ensureTunnel(tunnel, where, host, options);
}

/** Routes of this machine that lead somewhere else: packets would take one way or the other, depending on who was first. */
async function refuseOverlap({ subnets, bridge, device }: OverlayConfig, host: Host, options: HostOptions) {
  for (const family of [4, 6] as const) {
    const own = subnets.filter((subnet) => subnet.includes(':') === (family === 6)).map(parseNetwork);
    if (own.length === 0) continue;
    for (const { dst, dev, gateway, protocol } of await host.ipShow([`-${family}`, 'route', 'show'], options)) {
      if (typeof dst !== 'string' || dst === 'default' || dev === bridge || dev === device) continue;
      if (protocol === 'ra' || dst.startsWith('fe80:') || dst.startsWith('ff00:')) continue;
      const route = parseNetwork(dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`);
      const rival = own.findIndex((subnet) => networksOverlap(subnet, route));
      const subnet = own[rival];
      // A wide route by a gateway, as of a VPN, may well have a part of its networks here.
      if (!subnet || (gateway !== undefined && route.prefixLength < subnet.prefixLength)) continue;
      throw new CniError(
        'invalidNetworkConfig',
        `overlay: subnet ${subnets.filter((each) => each.includes(':') === (family === 6))[rival]} overlaps with this machine's route to ${dst} on ${String(dev)}: choose another subnet`,
      );
    }
  }
}

interface TunnelEnd {
  readonly tunnel: TunnelConfig;
  readonly local: string;
  readonly uplink: Uplink;
  readonly mtu: number;
}

async function planTunnelEnd(
  tunnel: TunnelConfig,
  { mtu, subnets }: OverlayConfig,
  host: Host,
  options: HostOptions,
): Promise<TunnelEnd> {
  const local = tunnel.local ?? (await defaultAddress(host, options));
  const uplink = await findUplink(local, host, options);
  if (!uplink) throw new CniError('invalidNetworkConfig', `overlay: local: no interface has the address ${local}`);
  const hasIpv6 = subnets.some((subnet) => subnet.includes(':'));
  return {
    tunnel,
    local,
    uplink,
    mtu: overlayMtu({ backend: tunnel.backend, address: local, uplinkMtu: uplink.mtu, mtu, hasIpv6 }),
  };
}

/** That packets to elsewhere come from. */
async function defaultAddress(host: Host, options: HostOptions): Promise<string> {
  const [route] = await host.ipShow(['route', 'get', '192.0.2.1'], options).catch(() => []);
  if (typeof route?.prefsrc === 'string') return route.prefsrc;
  throw new CniError('invalidNetworkConfig', 'overlay: local: this machine has no default route, so say its address');
}

async function ensureTunnel(
  { tunnel, local, uplink, mtu }: TunnelEnd,
  { config, clusterId, network }: OverlayWhere,
  host: Host,
  options: HostOptions,
): Promise<void> {
  const { backend, vni, port, node, peers } = tunnel;
  const isTunnel = backend === 'vxlan';
  if (isTunnel) {
    const alias = `slipway:${clusterId}/${network}`;
    await ensureVxlan({ name: config.device, mac: vtepMac(vni, node), vni, port, local, mtu, alias }, host, options);
  }
  const priority = directRoutePriority(clusterId, network);
  const link = isTunnel ? config.device : uplink.name;
  const self: OverlaySelf = { node, address: local, backend, vni, link, onLink: uplink.onLink, priority };
  const plan = planOverlay(self, peers);
  const tables = new PeerTables(host, isTunnel ? { link } : { link, priority });
  const failures = await tables.apply(plan.entries, options);
  const problem = plan.problems[0] ?? failures[0]?.message;
  if (problem) throw new CniError('kernelRefused', `overlay: ${problem}`);
}

/**
 * Takes away what belongs to the network as a whole when no container is attached any more. Answers whether it did. Call it where no ADD
 * can run beside it.
 */
export async function removeUnusedOverlay(
  { config, clusterId, network }: OverlayRemains,
  host: Host,
  options: HostOptions,
): Promise<boolean> {
  const { bridge, device, tunnel } = config;
  const ports = await host.ipShow(['link', 'show', 'master', bridge], options);
  if (ports.length > 0) return false;
  host.forget(overlayMemory(bridge));
  for (const name of tunnel ? [bridge, device] : [bridge]) {
    const shown = await host.ipShow(['link', 'show', 'dev', name], options);
    if (shown.length > 0) await host.link([{ step: 'deleteLink', name }], options);
  }
  const tables = [overlayTableName(clusterId, network), bridgeTableName(clusterId, network)];
  await host.nft(tables.map((table) => `table inet ${table}\ndelete table inet ${table}\n`).join(''), options);
  if (tunnel?.backend === 'host-gw') await removeDirectRoutes(directRoutePriority(clusterId, network), host, options);
  return true;
}

async function removeDirectRoutes(priority: number, host: Host, options: HostOptions): Promise<void> {
  for (const { ifname } of await host.ipShow(['link', 'show'], options)) {
    await new PeerTables(host, { link: String(ifname), priority }).apply(new Map(), options);
  }
}

/** Under which a process remembers that the network was made. */
export function overlayMemory(bridge: string): string {
  return `overlay/${bridge}`;
}
