import { isIPv6 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, EndpointSlice, Pod, Service, ServicePort } from '@slipway/api/types';
import { isPodFinished, isPodReady } from '../../workloads/pod-readiness.ts';

export type SlicePort = NonNullable<EndpointSlice['ports']>[number];
export type AddressType = 'IPv4' | 'IPv6';

/** Endpoints that serve the same ports at the same numbers; they may share a slice. */
export interface EndpointGroup {
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly Endpoint[];
}

/** A service without a family (none was allocated yet) is taken for IPv4. */
export function addressTypesOf({ spec }: Service): readonly AddressType[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6');
  return families.length > 0 ? families : ['IPv4'];
}

export function endpointGroups(
  service: Service,
  pods: readonly Pod[],
  addressType: AddressType,
  zones: ReadonlyMap<string, string>,
): EndpointGroup[] {
  const groups: { readonly ports: readonly SlicePort[]; readonly endpoints: Endpoint[] }[] = [];
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, addressType, zones);
    if (!endpoint) continue;
    const ports = portsOf(service, pod);
    const group = groups.find((candidate) => isDeepStrictEqual(candidate.ports, ports));
    if (group) group.endpoints.push(endpoint);
    else groups.push({ ports, endpoints: [endpoint] });
  }
  return groups;
}

/** Pods that have ended, or have no address of the type yet, are no endpoints. Terminating ones are, and say so. */
function endpointOf(
  service: Service,
  pod: Pod,
  addressType: AddressType,
  zones: ReadonlyMap<string, string>,
): Endpoint | undefined {
  if (isPodFinished(pod)) return undefined;
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? (pod.status?.podIP ? [pod.status.podIP] : []);
  const addresses = ips.filter((ip) => isIPv6(ip) === (addressType === 'IPv6'));
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { nodeName, hostname, subdomain } = pod.spec;
  const { namespace, name, uid } = pod.metadata;
  const zone = nodeName ? zones.get(nodeName) : undefined;
  const hasHostname = hostname && subdomain === service.metadata.name;
  return {
    addresses,
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hasHostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    targetRef: {
      kind: 'Pod',
      ...(namespace ? { namespace } : {}),
      ...(name ? { name } : {}),
      ...(uid ? { uid } : {}),
    },
    ...(zone ? { zone } : {}),
    ...hintsOf(service, nodeName, zone),
  };
}

/** For whom an endpoint is near, as `trafficDistribution` wishes. Proxies follow hints only when every endpoint has them. */
function hintsOf({ spec }: Service, nodeName: string | undefined, zone: string | undefined): Pick<Endpoint, 'hints'> {
  const isSameNode = spec.trafficDistribution === 'PreferSameNode';
  if (!isSameNode && !['PreferClose', 'PreferSameZone'].includes(spec.trafficDistribution ?? '')) return {};
  const forZones = zone ? { forZones: [{ name: zone }] } : {};
  const forNodes = isSameNode && nodeName ? { forNodes: [{ name: nodeName }] } : {};
  const hints = { ...forZones, ...forNodes };
  return Object.keys(hints).length > 0 ? { hints } : {};
}

/** Ports whose target the pod does not have are left out. */
function portsOf({ spec }: Service, pod: Pod): SlicePort[] {
  const ports: SlicePort[] = [];
  for (const port of spec.ports ?? []) {
    const number = targetPort(port, pod);
    if (number === undefined) continue;
    ports.push({
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
      port: number,
      ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
    });
  }
  return ports;
}

function targetPort({ targetPort: target, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (target === undefined || target === 0) return port;
  if (typeof target === 'number') return target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    const found = container.ports?.find(({ name, protocol: of = 'TCP' }) => name === target && of === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}
