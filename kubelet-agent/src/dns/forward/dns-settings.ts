import { isIP, isIPv4 } from 'node:net';
import type { ConfigMap } from '@slipway/api/types';
import type { Upstream } from './exchange.ts';

/** The ConfigMap that kube-dns defined and clouds still document, in `kube-system`. */
export const settingsName = 'kube-dns';

/** What users set about names outside the cluster. */
export interface DnsSettings {
  /** Domain, in lower case, → the servers that know it. */
  readonly stubDomains: ReadonlyMap<string, readonly Upstream[]>;
  /** In place of the node's own resolvers; empty = those. */
  readonly upstreams: readonly Upstream[];
}

export const noSettings: DnsSettings = { stubDomains: new Map(), upstreams: [] };

const upstreamsMax = 3;
const domainsMax = 100;
const dnsPort = 53;

/**
 *     stubDomains: |
 *       {"corp.example": ["10.0.0.53", "10.0.0.54:5353"]}
 *     upstreamNameservers: |
 *       ["9.9.9.9"]
 *
 * Pure. What cannot be understood is left out; `problems` says what and why.
 */
export function parseDnsSettings(config: ConfigMap | undefined): {
  readonly settings: DnsSettings;
  readonly problems: readonly string[];
} {
  const problems: string[] = [];
  const servers = (where: string, value: unknown): Upstream[] => {
    if (!Array.isArray(value) || value.length > upstreamsMax) {
      problems.push(`${where}: must be a list of at most ${upstreamsMax} addresses`);
      return [];
    }
    return value.flatMap((text) => {
      const upstream = upstreamFrom(String(text));
      if (!upstream) problems.push(`${where}: ${JSON.stringify(text)} is not an IP address, with or without a port`);
      return upstream ?? [];
    });
  };
  const stubDomains = new Map<string, readonly Upstream[]>();
  const domains = parsed('stubDomains', config, problems) ?? {};
  if (typeof domains !== 'object' || Array.isArray(domains)) problems.push('stubDomains: must be an object of lists');
  else {
    for (const [domain, value] of Object.entries(domains).slice(0, domainsMax)) {
      const known = servers(`stubDomains[${domain}]`, value);
      if (known.length > 0) stubDomains.set(domain.toLowerCase().replace(/\.$/, ''), known);
    }
  }
  const upstreams = servers('upstreamNameservers', parsed('upstreamNameservers', config, problems) ?? []);
  return { settings: { stubDomains, upstreams }, problems };
}

function parsed(key: string, config: ConfigMap | undefined, problems: string[]): unknown {
  const text = config?.data?.[key];
  if (!text?.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    problems.push(`${key}: ${(error as Error).message}`);
    return undefined;
  }
}

/** `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:5353` */
function upstreamFrom(text: string): Upstream | undefined {
  if (isIP(text)) return { address: text, port: dnsPort };
  const [, address = '', port = ''] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  const isPort = Number(port) > 0 && Number(port) < 65_536;
  const isAddress = isIPv4(address) || (isIP(address) === 6 && text.startsWith('['));
  return isAddress && isPort ? { address, port: Number(port) } : undefined;
}

/** The servers of the longest domain that the name is in; undefined when it is in none of them. */
export function stubServersFor(name: string, { stubDomains }: DnsSettings): readonly Upstream[] | undefined {
  if (stubDomains.size === 0) return undefined;
  for (let rest = name; rest !== ''; ) {
    const found = stubDomains.get(rest);
    if (found) return found;
    const dot = rest.indexOf('.');
    rest = dot < 0 ? '' : rest.slice(dot + 1);
  }
  return undefined;
}
