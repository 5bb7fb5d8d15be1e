import type {
  Endpoint,
  Endpoints,
  EndpointSlice,
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  Service,
  ServiceCIDR,
  ServicePort,
} from '@slipway/api/types';
import { age, labelsText, nameOf, selectorOrNone, withMore } from './cells.ts';
import { definePrinter, wide } from './printer.ts';

export const servicePrinter = definePrinter<Service>(
  ['Name', 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', wide('Selector')],
  (service, nowMs) => [
    nameOf(service),
    service.spec.type ?? '',
    service.spec.clusterIPs?.[0] ?? '<none>',
    externalIp(service),
    (service.spec.ports ?? []).map(portText).join(',') || '<none>',
    age(service, nowMs),
    labelsText(service.spec.selector),
  ],
);

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || '<none>';
    case 'LoadBalancer':
      return [...ingressAddresses(status?.loadBalancer?.ingress), ...external].join(',') || '<pending>';
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

/** Distinct and sorted. */
function ingressAddresses(ingress: readonly { ip?: string; hostname?: string }[] | undefined): string[] {
  const addresses = (ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').filter((address) => address !== '');
  return [...new Set(addresses)].sort();
}

function portText({ port, nodePort, protocol }: ServicePort): string {
  return nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}

const shown = 3;

export const endpointsPrinter = definePrinter<Endpoints>(['Name', 'Endpoints', 'Age'], (endpoints, nowMs) => {
  const texts = (endpoints.subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
  const text = (endpoints.subsets ?? []).length === 0 ? '<none>' : withMore(texts, shown);
  return [nameOf(endpoints), text, age(endpoints, nowMs)];
});

export const endpointSlicePrinter = definePrinter<EndpointSlice>(
  ['Name', 'AddressType', 'Ports', 'Endpoints', 'Age'],
  (slice, nowMs) => {
    const ports = (slice.ports ?? []).map(({ port, name }) => String(port ?? name ?? '*'));
    const addresses = (slice.endpoints ?? []).flatMap((endpoint: Endpoint) => endpoint.addresses);
    return [
      nameOf(slice),
      slice.addressType,
      withMore(ports, shown) || '<unset>',
      withMore(addresses, shown) || '<unset>',
      age(slice, nowMs),
    ];
  },
);

export const ingressPrinter = definePrinter<Ingress>(
  ['Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'],
  (ingress, nowMs) => [
    nameOf(ingress),
    ingress.spec.ingressClassName ?? '<none>',
    hostsText((ingress.spec.rules ?? []).map(({ host }) => host ?? '')),
    ingressAddresses(ingress.status?.loadBalancer?.ingress).join(','),
    (ingress.spec.tls ?? []).length > 0 ? '80, 443' : '80',
    age(ingress, nowMs),
  ],
);

/** Rules without a host are not shown, yet count among those left out. */
function hostsText(rules: readonly string[]): string {
  const hosts = rules.filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  return hosts.length > shown
    ? `${hosts.slice(0, shown).join(',')} + ${rules.length - shown} more...`
    : hosts.join(',');
}

export const ingressClassPrinter = definePrinter<IngressClass>(
  ['Name', 'Controller', 'Parameters', 'Age'],
  (ingressClass, nowMs) => {
    const { controller, parameters } = ingressClass.spec;
    const kind = parameters?.apiGroup === undefined ? parameters?.kind : `${parameters.kind}.${parameters.apiGroup}`;
    const text = parameters ? `${kind}/${parameters.name}` : '<none>';
    return [nameOf(ingressClass), controller ?? '', text, age(ingressClass, nowMs)];
  },
);

export const networkPolicyPrinter = definePrinter<NetworkPolicy>(['Name', 'Pod-Selector', 'Age'], (policy, nowMs) => [
  nameOf(policy),
  selectorOrNone(policy.spec.podSelector),
  age(policy, nowMs),
]);

export const serviceCidrPrinter = definePrinter<ServiceCIDR>(['Name', 'CIDRs', 'Age'], (cidr, nowMs) => [
  nameOf(cidr),
  (cidr.spec.cidrs ?? []).join(','),
  age(cidr, nowMs),
]);

export const ipAddressPrinter = definePrinter<IPAddress>(['Name', 'ParentRef'], (address) => {
  const { group, resource, namespace, name } = address.spec.parentRef;
  const groupResource = group ? `${resource}.${group}` : resource;
  return [nameOf(address), [groupResource?.toLowerCase(), ...(namespace ? [namespace] : []), name].join('/')];
});
