import { isIPv6 } from 'node:net';
import type { EndpointSlice, Service, ServicePort } from '@slipway/api/types';
import { commentText, contentName, type Family, protocolNumbers } from './ruleset.ts';
import { type Backend, type Backends, backendsOf } from './service-endpoints.ts';

export interface ProxyNode {
  readonly nodeName: string;
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
  readonly verdict: string | undefined;
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
      builder.addPort(port, family, address, backendsOf(port, family, slices, node.nodeName));
    }
  }
  return builder;
}

export function clusterIpsOf({ spec }: Service): readonly string[] {
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return [];
  const list = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  return list.filter((address) => address !== '' && address !== 'None');
}

interface PortContext {
  readonly family: Family;
  readonly ip: 'ip' | 'ip6';
  readonly protocol: number;
  /** `default/web:http` */
  readonly comment: string;
  readonly port: ServicePort;
}

interface Front {
  readonly chain: string | undefined;
  readonly refusal: string | undefined;
  readonly comment: string;
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
    const context: PortContext = {
      family,
      ip: family === 4 ? 'ip' : 'ip6',
      protocol: protocolNumbers[port.protocol ?? 'TCP'] ?? 6,
      comment: commentText(`${metadata.namespace}/${metadata.name}${port.name ? `:${port.name}` : ''}`),
      port,
    };
    const cluster = this.#balance(backends.all, context);
    const local = this.#balance(backends.local, context);

    const isInternalLocal = spec.internalTrafficPolicy === 'Local';
    const internal = isInternalLocal ? local : cluster;
    this.#addFront(`services${family}`, `refused${family}`, `${clusterIp} . ${context.protocol} . ${port.port}`, {
      chain: internal && this.#internalChain(internal, context),
      refusal: internal ? undefined : isInternalLocal && cluster ? 'ignore' : 'refuse',
      comment: context.comment,
    });

    const isExternalLocal = spec.externalTrafficPolicy === 'Local';
    const external = {
      chain: cluster && this.#externalChain(cluster, local, isExternalLocal, context),
      refusal: cluster ? (isExternalLocal && !local ? 'ignore' : undefined) : 'refuse',
      comment: context.comment,
    };
    for (const address of externalAddresses(this.#service, family)) {
      const key = `${address} . ${context.protocol} . ${port.port}`;
      this.#addFront(`services${family}`, `refused${family}`, key, external);
    }
    if (port.nodePort) {
      this.#addFront(`nodeports${family}`, `refusedports${family}`, `${context.protocol} . ${port.nodePort}`, external);
    }
    this.#noteHairpins(backends.local, context);
    this.#noteUdp(clusterIp, internal ? backends.all : [], context);
  }

  /** Even chances. Without affinity one rule does it all; with it, each backend has a chain and a set of its clients. */
  #balance(backends: readonly Backend[], context: PortContext): string | undefined {
    if (backends.length === 0) return undefined;
    const { ip, protocol, comment } = context;
    if (this.#service.spec.sessionAffinity === 'ClientIP') return this.#balanceWithAffinity(backends, context);
    const [only] = backends;
    const places = backends.map((each, i) => `${i} : ${each.address} . ${each.port}`).join(', ');
    const target =
      backends.length === 1 && only ? endpointText(only) : `numgen random mod ${backends.length} map { ${places} }`;
    return this.#chain('svc', [`meta l4proto ${protocol} dnat ${ip} to ${target} comment "${comment}"`]);
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
    if (isIPv6(clusterCidr.split('/')[0] ?? '') !== (family === 6)) return balance;
    return this.#chain('int', [`${ip} saddr != ${clusterCidr} jump mark-masquerade`, `goto ${balance}`]);
  }

  /** With the policy Local the client's address is kept, and only clients on this node see pods on others. */
  #externalChain(cluster: string, local: string | undefined, isLocal: boolean, { ip, family }: PortContext): string {
    if (!isLocal) return this.#chain('ext', ['jump mark-masquerade', `goto ${cluster}`]);
    const { clusterCidr } = this.#node;
    const isSameFamily = isIPv6(clusterCidr.split('/')[0] ?? '') === (family === 6);
    return this.#chain('ext', [
      ...(isSameFamily ? [`${ip} saddr ${clusterCidr} goto ${cluster}`] : []),
      'fib saddr type local jump mark-masquerade',
      `fib saddr type local goto ${cluster}`,
      ...(local ? [`goto ${local}`] : []),
    ]);
  }

  /**
   * What is let through goes to the chain. Refusal is for what no chain gave another destination: nobody answers, so the
   * client is told (`refuse`); or somebody answers, but may not from here, so the packet is dropped (`ignore`).
   */
  #addFront(into: string, refusedInto: string, key: string, { chain, refusal, comment }: Front): void {
    if (chain) this.elements.push({ into, key, verdict: `goto ${chain}`, comment });
    if (refusal) this.elements.push({ into: refusedInto, key, verdict: `goto ${refusal}`, comment });
  }

  #noteHairpins(backends: readonly Backend[], { family, comment }: PortContext): void {
    for (const { address } of backends) {
      this.elements.push({ into: `hairpin${family}`, key: `${address} . ${address}`, verdict: undefined, comment });
    }
  }

  #noteUdp(clusterIp: string, backends: readonly Backend[], { port, protocol, family }: PortContext): void {
    if (protocol !== protocolNumbers.UDP) return;
    const addresses = new Set(backends.map((each) => each.address));
    const fronts = [clusterIp, ...externalAddresses(this.#service, family)].map((address) => `${address} ${port.port}`);
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

function externalAddresses({ spec, status }: Service, family: Family): readonly string[] {
  const balancer = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip && ipMode !== 'Proxy' ? [ip] : [],
  );
  return [...(spec.externalIPs ?? []), ...balancer].filter((address) => isIPv6(address) === (family === 6));
}
