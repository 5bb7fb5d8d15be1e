import type { Pod } from '@slipway/api/types';
import type { DnsConfig } from '../runtime/cri.ts';

export interface DnsContext {
  /** Addresses of the cluster's DNS service; empty when the cluster has none. */
  readonly clusterDns: readonly string[];
  /** `cluster.local`. */
  readonly clusterDomain: string;
  /** The host's own resolv.conf. */
  readonly host: DnsConfig;
}

/** The resolver reads no more of them, and upstream refuses more. */
const serversMax = 3;
const searchesMax = 32;

/** What the pod's /etc/resolv.conf says, by its dnsPolicy and dnsConfig. Pure. */
export function podDnsConfig(pod: Pod, context: DnsContext): DnsConfig {
  const { spec, metadata } = pod;
  const base = basePolicy(
    spec.dnsPolicy ?? 'ClusterFirst',
    spec.hostNetwork ?? false,
    metadata.namespace ?? '',
    context,
  );
  const own = spec.dnsConfig;
  const ownOptions = (own?.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  return {
    servers: unique([...base.servers, ...(own?.nameservers ?? [])]).slice(0, serversMax),
    searches: unique([...base.searches, ...(own?.searches ?? [])]).slice(0, searchesMax),
    options: mergeOptions(base.options, ownOptions),
  };
}

function basePolicy(policy: string, hostNetwork: boolean, namespace: string, context: DnsContext): DnsConfig {
  const { clusterDns, clusterDomain, host } = context;
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !hostNetwork);
  if (!cluster || clusterDns.length === 0) return host;
  const searches = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain];
  return { servers: clusterDns, searches: [...searches, ...host.searches], options: ['ndots:5'] };
}

function mergeOptions(base: readonly string[], own: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const option of [...base, ...own]) merged.set(option.split(':', 1)[0] ?? '', option);
  return [...merged.values()];
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** Reads what a resolv.conf says; lines of no interest are passed over. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  const options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0]) servers.push(values[0]);
    if (keyword === 'search' || keyword === 'domain') searches = values.filter((value) => value !== '.');
    if (keyword === 'options') options.push(...values);
  }
  return { servers, searches, options };
}
