import { isIPv4, isIPv6 } from 'node:net';
import { type IpNetwork, networkContains, parseAddress } from '@slipway/cni';

/**
 * The cluster's zone, by the Kubernetes DNS specification 1.1. Pure: a name and a type in, records out, over a view of the
 * cluster. Names are lower case and have no dot at the end.
 *
 *     SERVICE.NAMESPACE.svc.ZONE                    A, AAAA, SRV; CNAME for ExternalName
 *     _PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE    SRV
 *     HOSTNAME.SERVICE.NAMESPACE.svc.ZONE           A, AAAA of one endpoint
 *     1-2-3-4.NAMESPACE.pod.ZONE                    A, AAAA
 *     reverse names of services and endpoints       PTR
 */
export interface ServiceRecord {
  readonly namespace: string;
  readonly name: string;
  readonly isHeadless: boolean;
  readonly externalName: string | undefined;
  readonly clusterIps: readonly string[];
  readonly ports: readonly PortRecord[];
}

export interface PortRecord {
  readonly name: string;
  /** TCP, UDP, SCTP */
  readonly protocol: string;
  readonly port: number;
}

export interface EndpointRecord {
  readonly address: string;
  /** The pod's, or the address with dashes. */
  readonly hostname: string;
  readonly ports: readonly PortRecord[];
}

export interface ClusterView {
  /** False until the cluster has been read once: then absence means nothing. */
  readonly isReady: boolean;
  hasNamespace(namespace: string): boolean;
  service(namespace: string, name: string): ServiceRecord | undefined;
  /** Ready endpoints, each address once. */
  endpoints(namespace: string, name: string): readonly EndpointRecord[];
  servicesWithIp(address: string): readonly ServiceRecord[];
  endpointsWithIp(address: string): readonly { readonly service: ServiceRecord; readonly endpoint: EndpointRecord }[];
}

export interface ZoneOptions {
  /** `cluster.local` */
  readonly domain: string;
  /** The DNS server's own address. */
  readonly dnsIp: string;
  /** Reverse names inside are ours alone: an unknown one does not exist, and is not asked for elsewhere. */
  readonly ownNetworks: readonly IpNetwork[];
}

export type ZoneRecord =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'NS' | 'TXT'; readonly name: string; readonly data: string }
  | { readonly type: 'SRV'; readonly name: string; readonly data: SrvTarget };

export interface SrvTarget {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export type ZoneAnswer =
  | { readonly kind: 'found'; readonly answers: readonly ZoneRecord[]; readonly additionals: readonly ZoneRecord[] }
  /** The name exists without such a record when `answers` is empty; it does not exist at all with `nxdomain`. */
  | { readonly kind: 'nxdomain' }
  /** An alias to a name outside: whoever can, looks that up and adds it. */
  | { readonly kind: 'alias'; readonly answers: readonly ZoneRecord[]; readonly target: string }
  /** Not our name. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'unknown-yet' };

const dnsSchemaVersion = '1.1.0';
const nothing: ZoneAnswer = { kind: 'found', answers: [], additionals: [] };
const nxdomain: ZoneAnswer = { kind: 'nxdomain' };

export function resolveInZone(name: string, type: string, view: ClusterView, options: ZoneOptions): ZoneAnswer {
  const { domain } = options;
  const address = addressOfReverseName(name);
  if (address) return resolveReverse(name, type, address, view, options);
  if (name !== domain && !name.endsWith(`.${domain}`)) return { kind: 'foreign' };
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split('.');
  const [last, ...rest] = labels.toReversed();
  const own = resolveOwnName(name, type, labels, options);
  if (own) return own;
  if (last === 'pod') return resolvePod(name, type, rest.toReversed());
  if (last !== 'svc') return nxdomain;
  if (!view.isReady) return { kind: 'unknown-yet' };
  return resolveServiceName(name, type, rest.toReversed(), view, options);
}

/** The names of the zone itself. */
function resolveOwnName(
  name: string,
  type: string,
  labels: readonly string[],
  { domain, dnsIp }: ZoneOptions,
): ZoneAnswer | undefined {
  const server = `ns.dns.${domain}`;
  switch (labels.join('.')) {
    case '':
      return type === 'NS'
        ? found([{ type: 'NS', name, data: server }], addressRecords(server, 'A', [dnsIp]))
        : nothing;
    case 'svc':
    case 'pod':
    case 'dns':
      return nothing;
    case 'ns.dns':
      return found(addressRecords(name, type, [dnsIp]));
    case 'dns-version':
      return type === 'TXT' ? found([{ type: 'TXT', name, data: dnsSchemaVersion }]) : nothing;
    default:
      return undefined;
  }
}

/** `labels` is what stands before `svc`: the namespace is its last, the service the one before. */
function resolveServiceName(
  name: string,
  type: string,
  labels: readonly string[],
  view: ClusterView,
  options: ZoneOptions,
): ZoneAnswer {
  const namespace = labels.at(-1) ?? '';
  const serviceName = labels.at(-2);
  if (serviceName === undefined) return view.hasNamespace(namespace) ? nothing : nxdomain;
  const service = view.service(namespace, serviceName);
  if (!service) return nxdomain;
  const before = labels.slice(0, -2);
  if (service.externalName !== undefined) {
    return before.length === 0 ? resolveAlias(name, type, service.externalName, view, options) : nxdomain;
  }
  const endpoints = view.endpoints(namespace, serviceName);
  if (before.length === 0) {
    if (service.isHeadless && endpoints.length === 0) return nxdomain;
    return type === 'SRV'
      ? srvAnswer(name, service, endpoints, undefined, options)
      : found(addressRecords(name, type, addressesOf(service, endpoints)));
  }
  if (before.length === 1) {
    const [hostname = ''] = before;
    const addresses = endpoints.filter((each) => each.hostname.toLowerCase() === hostname).map((each) => each.address);
    return addresses.length > 0 ? found(addressRecords(name, type, addresses)) : nxdomain;
  }
  return before.length === 2 ? resolvePort(name, type, before, { service, endpoints }, options) : nxdomain;
}

function resolvePort(
  name: string,
  type: string,
  [port = '', protocol = '']: readonly string[],
  { service, endpoints }: { readonly service: ServiceRecord; readonly endpoints: readonly EndpointRecord[] },
  options: ZoneOptions,
): ZoneAnswer {
  if (!port.startsWith('_') || !protocol.startsWith('_')) return nxdomain;
  const isWanted = (each: PortRecord) =>
    each.name.toLowerCase() === port.slice(1) && each.protocol.toLowerCase() === protocol.slice(1);
  const hasPort = service.isHeadless
    ? endpoints.some((endpoint) => endpoint.ports.some(isWanted))
    : service.ports.some(isWanted);
  if (!hasPort) return nxdomain;
  return type === 'SRV' ? srvAnswer(name, service, endpoints, isWanted, options) : nothing;
}

/** A headless service has one target per endpoint, any other one has itself. Shares are equal. */
function srvAnswer(
  name: string,
  service: ServiceRecord,
  endpoints: readonly EndpointRecord[],
  isWanted: ((port: PortRecord) => boolean) | undefined,
  options: ZoneOptions,
): ZoneAnswer {
  const self = `${service.name}.${service.namespace}.svc.${options.domain}`;
  const wanted = (ports: readonly PortRecord[]) => (isWanted ? ports.filter(isWanted) : ports);
  const targets = service.isHeadless
    ? endpoints.flatMap((endpoint) =>
        wanted(endpoint.ports).map(({ port }) => ({
          port,
          target: `${endpoint.hostname}.${self}`,
          addresses: [endpoint.address],
        })),
      )
    : wanted(service.ports).map(({ port }) => ({ port, target: self, addresses: service.clusterIps }));
  const weight = targets.length === 0 ? 0 : Math.max(1, Math.floor(100 / targets.length));
  const byTarget = new Map(targets.map(({ target, addresses }) => [target, addresses]));
  return found(
    targets.map(({ port, target }) => ({ type: 'SRV', name, data: { priority: 0, weight, port, target } })),
    [...byTarget].flatMap(([target, addresses]) => [
      ...addressRecords(target, 'A', addresses),
      ...addressRecords(target, 'AAAA', addresses),
    ]),
  );
}

function resolveAlias(name: string, type: string, target: string, view: ClusterView, options: ZoneOptions): ZoneAnswer {
  const alias: ZoneRecord = { type: 'CNAME', name, data: target };
  if (type === 'CNAME') return found([alias]);
  if (target === name) return found([alias]);
  const further = isAliasChain(target, view, options) ? undefined : resolveInZone(target, type, view, options);
  if (further?.kind === 'found') return found([alias, ...further.answers], further.additionals);
  if (further?.kind === 'foreign') return { kind: 'alias', answers: [alias], target };
  return found([alias]);
}

/** An alias to an alias is left to the client, so that two that name each other are no endless loop. */
function isAliasChain(target: string, view: ClusterView, { domain }: ZoneOptions): boolean {
  if (!target.endsWith(`.svc.${domain}`)) return false;
  const [service = '', namespace = ''] = target.split('.');
  return view.service(namespace, service)?.externalName !== undefined;
}

/** The name says the address, and every name of this form is answered, as upstream's default (`pods insecure`) does. */
function resolvePod(name: string, type: string, labels: readonly string[]): ZoneAnswer {
  if (labels.length === 1) return nothing;
  const [dashed = ''] = labels;
  if (labels.length !== 2) return nxdomain;
  const address = [dashed.replaceAll('-', '.'), dashed.replaceAll('-', ':')].find(
    (text) => isIPv4(text) || isIPv6(text),
  );
  return address ? found(addressRecords(name, type, [address])) : nxdomain;
}

function resolveReverse(
  name: string,
  type: string,
  address: string,
  view: ClusterView,
  options: ZoneOptions,
): ZoneAnswer {
  const isOurs = options.ownNetworks.some((network) => networkContains(network, parseAddress(address)));
  if (isOurs && !view.isReady) return { kind: 'unknown-yet' };
  const self = ({ name: service, namespace }: ServiceRecord) => `${service}.${namespace}.svc.${options.domain}`;
  const names = [
    ...view.servicesWithIp(address).map(self),
    ...view.endpointsWithIp(address).map(({ service, endpoint }) => `${endpoint.hostname}.${self(service)}`),
  ];
  if (names.length === 0) return isOurs ? nxdomain : { kind: 'foreign' };
  return type === 'PTR' ? found([...new Set(names)].map((data) => ({ type: 'PTR', name, data }))) : nothing;
}

/** `5.0.64.10.in-addr.arpa` → `10.64.0.5`; undefined when the name is no whole address. */
export function addressOfReverseName(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const address = name.slice(0, -'.in-addr.arpa'.length).split('.').toReversed().join('.');
    return isIPv4(address) ? address : undefined;
  }
  if (!name.endsWith('.ip6.arpa')) return undefined;
  const digits = name.slice(0, -'.ip6.arpa'.length).split('.').toReversed();
  if (digits.length !== 32 || !digits.every((digit) => /^[0-9a-f]$/.test(digit))) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) =>
    Number.parseInt(digits.slice(i * 4, i * 4 + 4).join(''), 16).toString(16),
  );
  return shortestIpv6(groups.join(':'));
}

/** Addresses are compared as the API writes them. */
function shortestIpv6(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

function addressesOf(service: ServiceRecord, endpoints: readonly EndpointRecord[]): readonly string[] {
  return service.isHeadless ? endpoints.map((each) => each.address) : service.clusterIps;
}

function addressRecords(name: string, type: string, addresses: readonly string[]): readonly ZoneRecord[] {
  const wanted = (data: string): 'A' | 'AAAA' => (data.includes(':') ? 'AAAA' : 'A');
  return addresses
    .filter((data) => type === 'ANY' || type === wanted(data))
    .map((data) => ({ type: wanted(data), name, data }));
}

function found(answers: readonly ZoneRecord[], additionals: readonly ZoneRecord[] = []): ZoneAnswer {
  return { kind: 'found', answers, additionals };
}
