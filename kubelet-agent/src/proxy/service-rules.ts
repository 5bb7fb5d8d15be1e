import { isIPv6 } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '@slipway/api/types';
import { commentText, contentName, type Family, protocolNumbers } from './ruleset.ts';
import { type Backend, type Backends, backendsOf, type ProxyPlace } from './service-endpoints.ts';

export interface ProxyNode extends ProxyPlace {
  /** All pods' addresses: traffic from elsewhere to a ClusterIP is masqueraded, so that the answer comes back here. */
  readonly clusterCidr: string;
}

/** A chain, set or element of one service, before services are put together. */
export interface ServiceRules {
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly affinitySets: ReadonlyMap<string, string>;
  readonly elements: readonly ServiceElement[];
  /** Where UDP is answered, for forgetting flows that lead to what is gone: `10.96.0.10 53` or `* 30053` → addresses. */
  readonly udp: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface ServiceElement {
  /** Map or set, with its family: `services4`. */
  readonly into: string;
  readonly key: string;
  /** `goto CHAIN`, or `ADDRESS . PORT` of a pod; undefined in sets. */
  readonly data: string | undefined;
  readonly comment: string;
}

/** What upstream defaults ClientIP affinity to. */
const affinitySecondsDefault = 10_800;

/** Pure: everything that one service puts into the table. Headless and ExternalName services put nothing. */
export function serviceRules(service: Service, slices: readonly EndpointSlice[], node: ProxyNode): ServiceRules {
  const builder = new RulesBuilder(service, node);
  for (const address of clusterIpsOf(service)) {
    const family: Family = isIPv6(address) ? 6 : 4;
    for (const port of service.spec.ports ?? []) {
      builder.addPort(port, family, address, backendsOf(port, family, slices, node));
    }
  }
  return builder;
}

export function clusterIpsOf({ spec }: Service): readonly string[] {
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return [];
  const list = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return list.filter((address) => address !== '' && address !== 'None');
}

/** Numbers of the local pods begin here, where a destination has both all pods and the local ones under it. */
const localNumbers = 1_048_576;

interface PortContext {
  readonly family: Family;
  readonly ip: 'ip' | 'ip6';
  readonly protocol: number;
  /** `default/web:http` */
  readonly comment: string;
  readonly port: ServicePort;
}

/** A destination, by address or by node port. */
interface Front {
  readonly by: 'address' | 'port';
  /** Absent by port. */
  readonly address?: string;
  readonly port: number;
}

interface Outcome {
  readonly chain: string | undefined;
  readonly refusal: string | undefined;
}

class RulesBuilder implements ServiceRules {
  readonly chains = new Map<string, readonly string[]>();
  readonly affinitySets = new Map<string, string>();
  readonly elements: ServiceElement[] = [];
  readonly udp = new Map<string, Set<string>>();
  readonly #service: Service;
  readonly #node: ProxyNode;

  constructor(service: Service, node: ProxyNode) {
    this.#service = service;
    this.#node = node;
  }

  addPort(port: ServicePort, family: Family, clusterIp: string, backends: Backends): void {
    const { metadata, spec } = this.#service;
    const protocol = protocolNumbers[port.protocol ?? 'TCP'] ?? 6;
    const comment = commentText(`${metadata.namespace}/${metadata.name}${port.name ? `:${port.name}` : ''}`);
    const context = { family, ip: family === 4 ? 'ip' : 'ip6', protocol, comment, port } as const;
    const byAddress = (address: string): Front => ({ by: 'address', address, port: port.port });

    this.#addInternal(byAddress(clusterIp), backends, context);
    for (const address of ofFamily(spec.externalIPs ?? [], family)) {
      this.#addExternal(byAddress(address), backends, context);
    }
    for (const address of ofFamily(balancerIpsOf(this.#service), family)) {
      this.#addExternal(byAddress(address), backends, context, this.#allowedSources(family));
      this.elements.push({ into: `balanced${family}`, key: address, data: undefined, comment });
    }
    if (port.nodePort) this.#addExternal({ by: 'port', port: port.nodePort }, backends, context);
    for (const { address } of backends.local) {
      this.elements.push({ into: `hairpin${family}`, key: `${address} . ${address}`, data: undefined, comment });
    }
    this.#noteUdp(clusterIp, backends.all, context);
  }

  /** Its chains lead to sets of its own clients. */
  get #isSticky(): boolean {
    return this.#service.spec.sessionAffinity === 'ClientIP';
  }

  #addInternal(front: Front, { all, local }: Backends, context: PortContext): void {
    const isLocal = this.#service.spec.internalTrafficPolicy === 'Local';
    const chain = this.#balance(front, isLocal ? local : all, 0, context);
    const refusal = chain ? undefined : isLocal && all.length > 0 ? 'ignore' : 'refuse';
    this.#addFront(front, { chain: chain && this.#internalChain(chain, context), refusal }, context);
  }

  #addExternal(front: Front, { all, local }: Backends, context: PortContext, sources: readonly string[] = []): void {
    const isLocal = this.#service.spec.externalTrafficPolicy === 'Local';
    const toAll = this.#balance(front, all, 0, context);
    const toLocal = isLocal ? this.#balance(front, local, localNumbers, context) : undefined;
    const open = toAll && this.#externalChain(toAll, toLocal, isLocal, context);
    const chain = open && sources.length > 0 ? this.#sourcesChain(sources, open, context) : open;
    const mayDrop = (isLocal && !toLocal) || sources.length > 0;
    this.#addFront(front, { chain, refusal: !toAll ? 'refuse' : mayDrop ? 'ignore' : undefined }, context);
  }

  /** Even chances. Without affinity, services with as many pods share the chain; with it, each pod has a set of its clients. */
  #balance(front: Front, backends: readonly Backend[], first: number, context: PortContext): string | undefined {
    if (backends.length === 0) return undefined;
    if (this.#isSticky) return this.#balanceWithAffinity(backends, context);
    const { ip, family, protocol, comment } = context;
    const name = protocolNames[protocol] ?? 'tcp';
    const into = `${front.by === 'address' ? 'backends' : 'portbackends'}-${name}${family}`;
    const destination = front.by === 'address' ? `${front.address} . ${front.port}` : `${front.port}`;
    for (const [i, { address, port, pod }] of backends.entries()) {
      this.elements.push({
        into,
        key: `${destination} . ${first + i}`,
        data: `${address} . ${port}`,
        comment: pod ? commentText(`${comment} ${pod}`) : comment,
      });
    }
    const key = `${front.by === 'address' ? `${ip} daddr . ` : ''}${name} dport`;
    const number = `numgen random mod ${backends.length}${first ? ` offset ${first}` : ''}`;
    return this.#chain('pick', [`dnat ${ip} to ${key} . ${number} map @${into}`]);
  }

  #balanceWithAffinity(backends: readonly Backend[], { family, ip, protocol, comment }: PortContext): string {
    const { metadata, spec } = this.#service;
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault;
    const chains = backends.map((backend) => {
      const place = `${metadata.uid ?? comment} ${comment} ${protocol} ${endpointText(backend)} ${seconds}`;
      const set = contentName('aff', [place]);
      this.affinitySets.set(set, `{ type ipv${family}_addr; flags dynamic,timeout; timeout ${seconds}s; }`);
      const chain = this.#chain('ep', [
        `update @${set} { ${ip} saddr } comment "${comment}"`,
        `meta l4proto ${protocol} dnat ${ip} to ${endpointText(backend)}`,
      ]);
      return { set, chain };
    });
    const places = chains.map(({ chain }, i) => `${i} : goto ${chain}`).join(', ');
    return this.#chain('svc', [
      ...chains.map(({ set, chain }) => `${ip} saddr @${set} goto ${chain} comment "${comment}"`),
      `numgen random mod ${chains.length} vmap { ${places} }`,
    ]);
  }

  /** From pods as it is; from anywhere else the answer must come back through this node. */
  #internalChain(balance: string, { ip, family }: PortContext): string {
    const { clusterCidr } = this.#node;
    if (familyOfCidr(clusterCidr) !== family) return balance;
    return this.#chain(this.#isSticky ? 'own' : 'int', [
      `${ip} saddr != ${clusterCidr} jump mark-masquerade`,
      `goto ${balance}`,
    ]);
  }

  /** With the policy Local the client's address is kept, and only clients on this node see pods on others. */
  #externalChain(cluster: string, local: string | undefined, isLocal: boolean, { ip, family }: PortContext): string {
    const prefix = this.#isSticky ? 'own' : 'ext';
    if (!isLocal) return this.#chain(prefix, ['jump mark-masquerade', `goto ${cluster}`]);
    const { clusterCidr } = this.#node;
    return this.#chain(prefix, [
      ...(familyOfCidr(clusterCidr) === family ? [`${ip} saddr ${clusterCidr} goto ${cluster}`] : []),
      'fib saddr type local jump mark-masquerade',
      `fib saddr type local goto ${cluster}`,
      ...(local ? [`goto ${local}`] : []),
    ]);
  }

  /** One rule each: ranges may overlap, which a set would not have. Who comes from elsewhere falls through and is dropped. */
  #sourcesChain(sources: readonly string[], open: string, { ip }: PortContext): string {
    return this.#chain(
      'from',
      sources.map((cidr) => `${ip} saddr ${cidr} goto ${open}`),
    );
  }

  /** Of the address's family; a service that has only ranges of the other is open in this one, as upstream has it. */
  #allowedSources(family: Family): readonly string[] {
    const ranges = (this.#service.spec.loadBalancerSourceRanges ?? []).map((cidr) => cidr.trim());
    return ranges.filter((cidr) => familyOfCidr(cidr) === family);
  }

  /**
   * What is let through goes to the chain. Refusal is for what no chain gave another destination: nobody answers, so the
   * client is told (`refuse`); or somebody answers, but may not from here, so the packet is dropped (`ignore`).
   */
  #addFront(
    { by, address, port }: Front,
    { chain, refusal }: Outcome,
    { family, protocol, comment }: PortContext,
  ): void {
    const key = `${by === 'address' ? `${address} . ` : ''}${protocol} . ${port}`;
    const [into, refusedInto] = by === 'address' ? ['services', 'refused'] : ['nodeports', 'refusedports'];
    if (chain) this.elements.push({ into: `${into}${family}`, key, data: `goto ${chain}`, comment });
    if (refusal) this.elements.push({ into: `${refusedInto}${family}`, key, data: `goto ${refusal}`, comment });
  }

  #noteUdp(clusterIp: string, backends: readonly Backend[], { port, protocol, family }: PortContext): void {
    if (protocol !== protocolNumbers.UDP) return;
    const addresses = new Set(backends.map((each) => each.address));
    const { spec } = this.#service;
    const outside = ofFamily([...(spec.externalIPs ?? []), ...balancerIpsOf(this.#service)], family);
    const fronts = [clusterIp, ...outside].map((address) => `${address} ${port.port}`);
    if (port.nodePort) fronts.push(`* ${port.nodePort}`);
    for (const front of fronts) this.udp.set(front, addresses);
  }

  #chain(prefix: string, rules: readonly string[]): string {
    const name = contentName(prefix, rules);
    this.chains.set(name, rules);
    return name;
  }
}

function endpointText({ address, port }: Backend): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

const protocolNames: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

const familyOf = (address: string): Family => (isIPv6(address) ? 6 : 4);
const familyOfCidr = (cidr: string): Family => familyOf(cidr.split('/')[0] ?? '');

function ofFamily(addresses: readonly string[], family: Family): readonly string[] {
  return addresses.filter((address) => familyOf(address) === family);
}

/** Addresses of its load balancer that nodes take traffic for. */
export function balancerIpsOf({ status }: Service): readonly string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []));
}
