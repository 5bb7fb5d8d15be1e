import type { Pod } from '@slipway/api/types';

export interface PodHostname {
  readonly hostname: string;
  /** `SUBDOMAIN.NAMESPACE.svc.CLUSTER_DOMAIN`; empty without a subdomain. */
  readonly domain: string;
}

/** The kernel's limit on a host name. */
const hostnameMax = 64;
const labelMax = 63;

export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { spec, metadata } = pod;
  if (spec.hostnameOverride) return { hostname: spec.hostnameOverride, domain: '' };
  const name = (spec.hostname || metadata.name || '').slice(0, labelMax).replace(/[-.]+$/, '');
  const domain = spec.subdomain ? `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : '';
  return { hostname: name, domain };
}

/** What the kernel's host name in the pod is. Throws with upstream's words when the full name does not fit. */
export function kernelHostname(pod: Pod, { hostname, domain }: PodHostname): string {
  if (!pod.spec.setHostnameAsFQDN || !domain) return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length > hostnameMax) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (${hostnameMax} characters is the max, ${full.length} characters requested)`,
    );
  }
  return full;
}

/** /etc/hosts of a pod. `hostFile` is the host's, for pods in its network. Pure. */
export function hostsFile(pod: Pod, name: PodHostname, podIps: readonly string[], hostFile: string): string {
  const aliases = pod.spec.hostAliases ?? [];
  const own = pod.spec.hostNetwork ? managedFromHost(hostFile) : managed(name, podIps);
  const added = aliases.map(({ ip, hostnames = [] }) => [ip, ...hostnames].join('\t'));
  return aliases.length === 0 ? own : `${own}\n# Entries added by HostAliases.\n${added.join('\n')}\n`;
}

function managedFromHost(hostFile: string): string {
  return `# Kubernetes-managed hosts file (host network).\n${hostFile}`;
}

function managed({ hostname, domain }: PodHostname, podIps: readonly string[]): string {
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...podIps.map((ip) => (domain ? `${ip}\t${hostname}.${domain}\t${hostname}` : `${ip}\t${hostname}`)),
  ];
  return `${lines.join('\n')}\n`;
}
