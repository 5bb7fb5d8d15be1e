import type { LinkStep } from '../../host/link-step.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import { formatAddress, networkOf, parseInterfaceAddress } from '../../spec/ip-address.ts';
import type { CniInterface, CniIp, CniResult, CniRoute } from '../../spec/types.ts';
import { hostInterfaceName, interfaceAlias, macFrom } from '../names.ts';
import { addressingSteps } from '../container-link/container-steps.ts';
import { requestedMac } from '../container-link/requested-mac.ts';
import { requestedDns } from '../container-link/requested-dns.ts';
import type { BridgeConfig } from './bridge-config.ts';
import type { PortVlans } from './vlan-config.ts';
import { CniError } from '../../spec/cni-error.ts';

/** One address of the container with what follows from it. Pure. */
export interface PlannedIp {
  /** As the container has it: `10.64.0.5/24`, or `/32` when routed. */
  readonly address: string;
  /** `10.64.0.0/24` */
  readonly subnet: string;
  readonly gateway: string | undefined;
  /** The gateway as the bridge has it: `10.64.0.1/24`. */
  readonly bridgeAddress: string | undefined;
  readonly isIpv6: boolean;
}

/** Below it the kernel takes IPv6 away from a link. */
const ipv6MtuMin = 1280;

export interface AttachmentPlan {
  readonly hostInterface: string;
  readonly containerMac: string;
  readonly ips: readonly PlannedIp[];
  readonly result: CniResult;
  readonly hostSteps: readonly LinkStep[];
  readonly containerSteps: readonly LinkStep[];
}

/** What to do in the host's and in the container's namespace, and the result that describes it. */
export function planAttachment(request: CniRequest<BridgeConfig>, allocated: CniResult): AttachmentPlan {
  const { config, ifName } = request;
  const hostInterface = hostInterfaceName(request.containerId, ifName);
  const ips = allocated.ips.map((ip) => planIp(ip, config));
  if (config.mtu !== undefined && config.mtu < ipv6MtuMin && ips.some((ip) => ip.isIpv6)) {
    throw new CniError('invalidNetworkConfig', `mtu: ${config.mtu} is too small for IPv6, which needs ${ipv6MtuMin}`);
  }
  const mac = requestedMac(request) ?? macOf(ips, request);
  const hostMac = macFrom(`host/${request.containerId}/${ifName}`);
  const routes = planRoutes(ips, allocated.routes, config);
  const mtu = config.mtu === undefined ? {} : { mtu: config.mtu };
  const interfaces: readonly CniInterface[] = [
    { name: config.bridge, mac: bridgeMac(config.bridge) },
    { name: hostInterface, mac: hostMac, ...mtu },
    { name: ifName, mac, sandbox: request.netns, ...mtu },
  ];
  return {
    hostInterface,
    containerMac: mac,
    ips,
    result: {
      interfaces,
      ips: ips.map(({ address, gateway }) => ({ address, interface: 2, ...(gateway ? { gateway } : {}) })),
      routes,
      dns: requestedDns(request, allocated.dns),
    },
    hostSteps: hostSteps({ hostInterface, hostMac, mac, alias: interfaceAlias(request) }, request),
    containerSteps: containerSteps(ips, routes, request),
  };
}

export function bridgeMac(bridge: string): string {
  return macFrom(`bridge/${bridge}`);
}

export function planIp(ip: CniIp, config: BridgeConfig): PlannedIp {
  const { address, prefixLength } = parseInterfaceAddress(ip.address);
  const network = networkOf(address, prefixLength);
  const family = address.family;
  const hostLength = family === 4 ? 32 : 128;
  const first = config.isGateway && prefixLength < hostLength - 1 ? network.base + 1n : undefined;
  const gateway = ip.gateway ?? (first === undefined ? undefined : formatAddress({ family, value: first }));
  return {
    address: `${formatAddress(address)}/${config.routed ? hostLength : prefixLength}`,
    subnet: `${formatAddress({ family, value: network.base })}/${prefixLength}`,
    gateway,
    bridgeAddress: gateway && config.isGateway ? `${gateway}/${prefixLength}` : undefined,
    isIpv6: family === 6,
  };
}

/** Routes without a gateway lead to the one of their family; a default route per family is added where asked for. */
function planRoutes(ips: readonly PlannedIp[], routes: readonly CniRoute[], config: BridgeConfig): readonly CniRoute[] {
  const gatewayFor = (isIpv6: boolean) => ips.find((ip) => ip.isIpv6 === isIpv6 && ip.gateway)?.gateway;
  const planned = routes.map((route) => {
    const gw = route.gw ?? gatewayFor(route.dst.includes(':'));
    return gw === undefined ? route : { ...route, gw };
  });
  if (!config.isDefaultGateway) return planned;
  const families = [...new Set(ips.filter((ip) => ip.gateway).map((ip) => ip.isIpv6))];
  const defaults = families.map((isIpv6) => ({ dst: isIpv6 ? '::/0' : '0.0.0.0/0', gw: gatewayFor(isIpv6) ?? '' }));
  return [...planned, ...defaults.filter(({ dst }) => !planned.some((route) => route.dst === dst))];
}

interface Ends {
  readonly hostInterface: string;
  readonly hostMac: string;
  readonly mac: string;
  readonly alias: string;
}

/** The pair is made in one go with its far end already in the container, under its final name and address. */
function hostSteps({ hostInterface: name, hostMac, mac, alias }: Ends, request: CniRequest<BridgeConfig>): LinkStep[] {
  const { config, ifName, netns } = request;
  const { mtu, hairpinMode: hairpin, portIsolation: isolated } = config;
  return [
    { step: 'addVethPair', name, mac: hostMac, mtu, peer: { name: ifName, mac, netns } },
    { step: 'setLink', name, isUp: true, alias, master: config.bridge },
    ...(hairpin || isolated ? [{ step: 'setBridgePort', name, hairpin, isolated } as const] : []),
    ...(config.vlans ? vlanSteps(name, config.vlans) : []),
  ];
}

/** VLAN 1 is where the bridge puts every new port; a native VLAN of its own takes the place of it for frames without a tag. */
export function vlanSteps(name: string, { native, tagged, keepsDefault }: PortVlans): LinkStep[] {
  const untagged = native === undefined ? [] : [{ id: native, isNative: true }];
  return [
    {
      step: 'setPortVlans',
      name,
      add: [...untagged, ...tagged.map((id) => ({ id, isNative: false }))],
      remove: keepsDefault || native === 1 ? [] : [1],
    },
  ];
}

function containerSteps(
  ips: readonly PlannedIp[],
  routes: readonly CniRoute[],
  request: CniRequest<BridgeConfig>,
): LinkStep[] {
  const { config, ifName: link } = request;
  if (config.disableContainerInterface) return [];
  const onLink = new Set(ips.flatMap((ip) => (config.routed && ip.gateway ? [ip.gateway] : [])));
  return addressingSteps({
    link,
    addresses: ips.map(({ address }) => address),
    onLink: [...onLink],
    routes,
    skipsDuplicateDetection: !config.enableDad,
  });
}

/** From the address: an address that is given again later keeps its MAC, so that nobody's neighbour table is wrong. */
function macOf(ips: readonly PlannedIp[], request: CniRequest<BridgeConfig>): string {
  return macFrom(`container/${request.network.name}/${ips[0]?.address ?? request.containerId}`);
}
