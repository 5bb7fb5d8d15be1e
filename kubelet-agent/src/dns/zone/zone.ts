import { isIPv4, isIPv6 } from 'node:net';
import { type IpNetwork, networkContains, parseAddress } from '@slipway/cni';
import type { DnsRecord } from '../wire/response.ts';
import type { ClusterView, EndpointRecord, PortRecord, ServiceRecord } from './cluster-view.ts';
import { addressOfReverseName } from './reverse-name.ts';

/**
 * The cluster's zone, by the Kubernetes DNS specification 1.1, and where that is silent as CoreDNS answers. Pure: a
 * question in, records out, over a view of the cluster. Names are lower case and have no dot at the end.
 *
 *     SERVICE.NAMESPACE.svc.ZONE                    A, AAAA, SRV; CNAME for ExternalName
 *     _PORT._PROTOCOL.SERVICE.NAMESPACE.svc.ZONE    SRV, A, AAAA
 *     HOSTNAME.SERVICE.NAMESPACE.svc.ZONE           A, AAAA, SRV of one endpoint
 *     1-2-3-4.NAMESPACE.pod.ZONE                    A, AAAA
 *     ALIAS.NETWORK.networks.ZONE                   A, AAAA; only for pods on that Network
 *     ALIAS.ZONE, ALIAS                             the same, on the first of the pod's Networks that has it
 *     reverse names of all these                    PTR
 */
export interface ZoneOptions {
  /** `cluster.local` */
  readonly domain: string;
  /** The DNS server's own address. */
  readonly dnsIp: string;
  /** Reverse names inside are ours alone: an unknown one does not exist, and is not asked for elsewhere. */
  readonly ownNetworks: readonly IpNetwork[];
}

export interface ZoneQuestion {
  readonly name: string;
  readonly type: string;
  /** Address of who asks. */
  readonly source: string;
}

export type ZoneAnswer =
  /** The name exists; without such a record when `answers` is empty. */
  | { readonly kind: 'found'; readonly answers: readonly DnsRecord[]; readonly additionals: readonly DnsRecord[] }
  | { readonly kind: 'nxdomain' }
  /** An alias to a name outside: whoever can, looks that up and adds it. */
  | { readonly kind: 'alias'; readonly answers: readonly DnsRecord[]; readonly target: string }
  /** Not our name. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'unknown-yet' };

const dnsSchemaVersion = '1.1.0';
const nothing: ZoneAnswer = { kind: 'found', answers: [], additionals: [] };
const nxdomain: ZoneAnswer = { kind: 'nxdomain' };
const foreign: ZoneAnswer = { kind: 'foreign' };

export function resolveInZone(question: ZoneQuestion, view: ClusterView, options: ZoneOptions): ZoneAnswer {
  const { name, type } = question;
  const { domain } = options;
  if (name.endsWith('.arpa')) {
    const address = addressOfReverseName(name);
    return address ? resolveReverse(question, address, view, options) : foreign;
  }
  if (!name.includes('.') && name !== domain) return resolveAliasOnNetworks(name, question, view) ?? foreign;
  if (name !== domain && !name.endsWith(`.${domain}`)) return foreign;
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split('.');
  const own = resolveOwnName(name, type, labels, view, options);
  if (own) return own;
  const before = labels.slice(0, -1);
  switch (labels.at(-1)) {
    case 'svc':
      return resolveServiceName(question, before, view, options);
    case 'pod':
      return resolvePod(name, type, before, view);
    case 'networks':
      return resolveNetworkName(question, before, view);
    default:
      // The end of every pod's search path: an alias is found here before it is asked for as it is.
      return (labels[0] && before.length === 0 && resolveAliasOnNetworks(labels[0], question, view)) || nxdomain;
  }
}

/** The names of the zone itself. */
function resolveOwnName(
  name: string,
  type: string,
  labels: readonly string[],
  { serial }: ClusterView,
  options: ZoneOptions,
): ZoneAnswer | undefined {
  const { domain, dnsIp } = options;
  const server = `ns.dns.${domain}`;
  switch (labels.join('.')) {
    case '':
      if (type === 'SOA') return found([zoneStart(options, serial)]);
      return type === 'NS'
        ? found([{ type: 'NS', name, data: server }], addressRecords(server, 'A', [dnsIp]))
        : nothing;
    case 'svc':
    case 'pod':
    case 'dns':
    case 'networks':
      return nothing;
    case 'ns.dns':
      return found(addressRecords(name, type, [dnsIp]));
    case 'dns-version':
      return type === 'TXT' ? found([{ type: 'TXT', name, data: dnsSchemaVersion }]) : nothing;
    default:
      return undefined;
  }
}

/** The zone's SOA record; with a "no" it says how long that holds. */
export function zoneStart({ domain }: ZoneOptions, serial: number): DnsRecord {
  return {
    type: 'SOA',
    name: domain,
    data: {
      server: `ns.dns.${domain}`,
      mailbox: `hostmaster.${domain}`,
      serial,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: 5,
    },
  };
}

/** Before the cluster has been read, what we do not know may exist all the same. */
function absentIn({ isReady }: ClusterView): ZoneAnswer {
  return isReady ? nxdomain : { kind: 'unknown-yet' };
}

/** `labels` is what stands before `svc`: the namespace is its last, the service the one before. */
function resolveServiceName(
  question: ZoneQuestion,
  labels: readonly string[],
  view: ClusterView,
  options: ZoneOptions,
): ZoneAnswer {
  const { name, type } = question;
  const namespace = labels.at(-1) ?? '';
  const serviceName = labels.at(-2);
  if (serviceName === undefined) return view.hasNamespace(namespace) ? nothing : absentIn(view);
  if (labels.length > 4) return nxdomain;
  const service = view.service(namespace, serviceName);
  if (!service) return absentIn(view);
  const before = labels.slice(0, -2);
  if (service.externalName !== undefined) {
    // What leads elsewhere has ports as it has addresses: elsewhere. It has no endpoints.
    return before.length === 1 ? nxdomain : resolveAlias(question, service.externalName, view, options);
  }
  const targets = targetsOf(service, view, before, options);
  if (targets.length === 0) return absentIn(view);
  return type === 'SRV' ? srvAnswer(name, targets) : found(addressRecords(name, type, addressesOf(targets)));
}

/** Where a service name leads: one pair of name and port, with the addresses of the name. */
interface Target {
  readonly name: string;
  /** Undefined = has no port to tell. */
  readonly port: number | undefined;
  readonly addresses: readonly string[];
}

/** `before` names nothing, an endpoint, or a port and its protocol. A headless service has one target per endpoint. */
function targetsOf(
  service: ServiceRecord,
  view: ClusterView,
  before: readonly string[],
  options: ZoneOptions,
): Target[] {
  const self = `${service.name}.${service.namespace}.svc.${options.domain}`;
  const [hostname, protocol] = before;
  const isWanted = protocol === undefined ? () => true : portMatcher(hostname ?? '', protocol);
  if (!service.isHeadless && before.length !== 1) {
    const ports = service.ports.filter(isWanted);
    return ports.map(({ port }) => ({ name: self, port, addresses: service.clusterIps }));
  }
  const endpoints = view.endpoints(service.namespace, service.name);
  const named = before.length === 1 ? endpoints.filter((each) => each.hostname === hostname) : endpoints;
  return named.flatMap((endpoint) => targetsOfEndpoint(endpoint, self, isWanted, protocol === undefined));
}

function targetsOfEndpoint(
  { address, hostname, ports }: EndpointRecord,
  service: string,
  isWanted: (port: PortRecord) => boolean,
  isPortless: boolean,
): Target[] {
  const name = `${hostname}.${service}`;
  const addresses = [address];
  if (ports.length === 0) return isPortless ? [{ name, port: undefined, addresses }] : [];
  return ports.filter(isWanted).map(({ port }) => ({ name, port, addresses }));
}

function portMatcher(port: string, protocol: string): (port: PortRecord) => boolean {
  const [wantedPort, wantedProtocol] = [port, protocol].map((label) => label.replace(/^_/, ''));
  return (each) => each.name === wantedPort && each.protocol === wantedProtocol;
}

/** Shares are equal. */
function srvAnswer(name: string, targets: readonly Target[]): ZoneAnswer {
  const different = new Map(
    targets.flatMap((target) =>
      target.port === undefined ? [] : [[`${target.name}:${target.port}`, target] as const],
    ),
  );
  const weight = Math.max(1, Math.floor(100 / Math.max(1, different.size)));
  const byName = new Map([...different.values()].map((target) => [target.name, target.addresses]));
  return found(
    [...different.values()].map(({ name: target, port = 0 }) => ({
      type: 'SRV',
      name,
      data: { priority: 0, weight, port, target },
    })),
    [...byName].flatMap(([target, addresses]) => [
      ...addressRecords(target, 'A', addresses),
      ...addressRecords(target, 'AAAA', addresses),
    ]),
  );
}

function resolveAlias(question: ZoneQuestion, target: string, view: ClusterView, options: ZoneOptions): ZoneAnswer {
  const { name, type } = question;
  const alias: DnsRecord = { type: 'CNAME', name, data: target };
  if (type === 'CNAME' || target === name) return found([alias]);
  const isChain = isAliasOfAlias(target, view, options);
  const further = isChain ? undefined : resolveInZone({ ...question, name: target }, view, options);
  if (further?.kind === 'found') return found([alias, ...further.answers], further.additionals);
  if (further?.kind === 'foreign') return { kind: 'alias', answers: [alias], target };
  return found([alias]);
}

/** An alias to an alias is left to the client, so that two that name each other are no endless loop. */
function isAliasOfAlias(target: string, view: ClusterView, { domain }: ZoneOptions): boolean {
  if (!target.endsWith(`.svc.${domain}`)) return false;
  const [service = '', namespace = ''] = target.slice(0, -`.svc.${domain}`.length).split('.').slice(-2);
  return view.service(namespace, service)?.externalName !== undefined;
}

/** The name says the address, and every name of this form is answered, as upstream's default (`pods insecure`) does. */
function resolvePod(name: string, type: string, labels: readonly string[], view: ClusterView): ZoneAnswer {
  const namespace = labels.at(-1) ?? '';
  if (labels.length > 2) return nxdomain;
  if (!view.hasNamespace(namespace)) return absentIn(view);
  const [dashed = ''] = labels;
  if (labels.length === 1) return nothing;
  const address = [dashed.replaceAll('-', '.'), dashed.replaceAll('-', ':')].find(
    (text) => isIPv4(text) || isIPv6(text),
  );
  return address ? found(addressRecords(name, type, [address])) : nxdomain;
}

/** Undefined when the alias is on none of the Networks of who asks. The first that has it counts, in the pod's order. */
function resolveAliasOnNetworks(
  alias: string,
  { name, type, source }: ZoneQuestion,
  view: ClusterView,
): ZoneAnswer | undefined {
  if (alias === '') return undefined;
  for (const network of view.networksOf(source)) {
    const addresses = view.aliasAddresses(network, alias);
    if (addresses.length > 0) return found(addressRecords(name, type, addresses));
  }
  return undefined;
}

/** Whoever is not on the Network is not told that it exists. */
function resolveNetworkName(
  { name, type, source }: ZoneQuestion,
  labels: readonly string[],
  view: ClusterView,
): ZoneAnswer {
  // A Network's name may have dots in it, an alias has none.
  const [alias = '', ...network] = labels;
  if (view.networksOf(source).includes(labels.join('.'))) return nothing;
  if (!view.networksOf(source).includes(network.join('.'))) return absentIn(view);
  const addresses = view.aliasAddresses(network.join('.'), alias);
  return addresses.length > 0 ? found(addressRecords(name, type, addresses)) : absentIn(view);
}

function resolveReverse(
  { name, type, source }: ZoneQuestion,
  address: string,
  view: ClusterView,
  options: ZoneOptions,
): ZoneAnswer {
  const isOurs = options.ownNetworks.some((network) => networkContains(network, parseAddress(address)));
  const names = namesOf(address, source, view, options.domain);
  if (names.length === 0) return isOurs ? absentIn(view) : foreign;
  return type === 'PTR' ? found(names.map((data) => ({ type: 'PTR', name, data }))) : nothing;
}

/** A service's address has its name alone; one of endpoints has one name for each service that it is behind. */
function namesOf(address: string, source: string, view: ClusterView, domain: string): readonly string[] {
  const self = ({ name: service, namespace }: ServiceRecord) => `${service}.${namespace}.svc.${domain}`;
  const [service] = view.servicesWithIp(address);
  if (service) return [self(service)];
  const endpoints = view.endpointsWithIp(address).map((each) => `${each.endpoint.hostname}.${self(each.service)}`);
  const networks = view.networksOf(source);
  const aliases = view.aliasesWithIp(address).filter(({ network }) => networks.includes(network));
  return [...new Set([...endpoints, ...aliases.map(({ alias, network }) => `${alias}.${network}.networks.${domain}`)])];
}

function addressesOf(targets: readonly Target[]): readonly string[] {
  return [...new Set(targets.flatMap(({ addresses }) => addresses))];
}

function addressRecords(name: string, type: string, addresses: readonly string[]): readonly DnsRecord[] {
  if (type !== 'A' && type !== 'AAAA') return [];
  const isWanted = (data: string) => data.includes(':') === (type === 'AAAA');
  return addresses.filter(isWanted).map((data) => ({ type, name, data }));
}

function found(answers: readonly DnsRecord[], additionals: readonly DnsRecord[] = []): ZoneAnswer {
  return { kind: 'found', answers, additionals };
}
