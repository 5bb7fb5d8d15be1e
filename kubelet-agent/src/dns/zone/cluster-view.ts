/** What the zone knows of the cluster. Names are lower case, addresses as the API writes them. */
export interface ClusterView {
  /** False until the cluster has been read once: then absence means nothing. */
  readonly isReady: boolean;
  /** Grows with each change: seconds since the epoch. */
  readonly serial: number;
  hasNamespace(namespace: string): boolean;
  service(namespace: string, name: string): ServiceRecord | undefined;
  /** Those that take traffic; an address comes again when several lists have it, with other ports. */
  endpoints(namespace: string, name: string): readonly EndpointRecord[];
  servicesWithIp(address: string): readonly ServiceRecord[];
  endpointsWithIp(address: string): readonly { readonly service: ServiceRecord; readonly endpoint: EndpointRecord }[];
  /** Names of the Networks that the pod with this address is on, in the pod's order. */
  networksOf(source: string): readonly string[];
  /** Addresses of all pods that have this alias on the Network; none when it is no alias there. */
  aliasAddresses(network: string, alias: string): readonly string[];
  aliasesWithIp(address: string): readonly { readonly network: string; readonly alias: string }[];
}

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
  /** tcp, udp, sctp */
  readonly protocol: string;
  readonly port: number;
}

export interface EndpointRecord {
  readonly address: string;
  /** The pod's, or the address with dashes. */
  readonly hostname: string;
  readonly ports: readonly PortRecord[];
}
