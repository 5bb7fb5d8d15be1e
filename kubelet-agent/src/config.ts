import { invariant } from '@slipway/kit/invariant';

export interface AgentTls {
  /** PEM: the server's certificate and key, and the authority whose client certificates are let in. */
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
}

/** What a node agent needs to be told. */
export interface AgentSettings {
  readonly nodeName: string;
  readonly dataDir: string;
  readonly tls: AgentTls;
  /** Tells clusters on one machine apart: 1 to 8 of a-z0-9. */
  readonly clusterId: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** Address in the Node object and of the server; absent = the machine's first. */
  readonly nodeIp?: string;
  /** 0 picks a free one. */
  readonly agentPort?: number;
  readonly nodeLabels?: Readonly<Record<string, string>>;
  readonly nodeAnnotations?: Readonly<Record<string, string>>;
  /** Addresses of the cluster's DNS; absent = the tenth address of the service CIDR. Empty = none. */
  readonly clusterDns?: readonly string[];
  readonly clusterDomain?: string;
  /** The host's resolv.conf. */
  readonly resolvConf?: string;
  readonly podsMax?: number;
}

export type AgentConfig = Required<Omit<AgentSettings, 'nodeIp'>> & { readonly nodeIp: string | undefined };

/** Version that the node reports: the Kubernetes version that we speak, and whose it is. */
export const kubeletVersion = 'v1.36.0+slipway';

const agentPortDefault = 10250;
const podsMaxDefault = 110;
const clusterDnsHost = 10;

/** Fills in defaults, once. */
export function agentConfig(settings: AgentSettings): AgentConfig {
  return Object.freeze({
    ...settings,
    nodeIp: settings.nodeIp,
    agentPort: settings.agentPort ?? agentPortDefault,
    nodeLabels: settings.nodeLabels ?? {},
    nodeAnnotations: settings.nodeAnnotations ?? {},
    clusterDns: settings.clusterDns ?? [hostInCidr(settings.serviceCidr, clusterDnsHost)],
    clusterDomain: settings.clusterDomain ?? 'cluster.local',
    resolvConf: settings.resolvConf ?? '/etc/resolv.conf',
    podsMax: settings.podsMax ?? podsMaxDefault,
  });
}

/** The nth address of an IPv4 network. */
export function hostInCidr(cidr: string, index: number): string {
  const [address = '', bits = ''] = cidr.split('/');
  const parts = address.split('.').map(Number);
  invariant(
    parts.length === 4 && parts.every((part) => part >= 0 && part < 256) && bits !== '',
    `${cidr} is no IPv4 network`,
  );
  const mask = bits === '0' ? 0 : (-1 << (32 - Number(bits))) >>> 0;
  const base = parts.reduce((sum, part) => (sum << 8) | part, 0) & mask;
  const host = (base + index) >>> 0;
  return [24, 16, 8, 0].map((shift) => (host >>> shift) & 255).join('.');
}
