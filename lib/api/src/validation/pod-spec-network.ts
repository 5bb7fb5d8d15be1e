import { ipProblems } from '../ip-address.ts';
import { dnsSubdomainProblems, searchDomainProblems } from '../names.ts';
import type { HostAlias, PodDNSConfig, PodSpec } from '../types.ts';
import { type FieldError, invalid, pushInvalid, required } from './field-error.ts';

/** What libc's resolver takes. */
const nameserversMax = 3;
const searchesMax = 32;
const searchListMax = 2048;

export function validateDnsConfig(errors: FieldError[], { dnsConfig, dnsPolicy }: PodSpec, path: string): void {
  if (dnsPolicy === 'None' && !dnsConfig) {
    errors.push(required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'));
  } else if (dnsPolicy === 'None' && !dnsConfig?.nameservers?.length) {
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    errors.push(required(`${path}.nameservers`, detail));
  } else if (dnsConfig) validateResolver(errors, dnsConfig, path);
}

function validateResolver(errors: FieldError[], config: PodDNSConfig, path: string): void {
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > nameserversMax) {
    const detail = `must not have more than ${nameserversMax} nameservers`;
    errors.push(invalid(`${path}.nameservers`, nameservers, detail));
  }
  nameservers.forEach((server, i) => {
    pushInvalid(errors, `${path}.nameservers[${i}]`, server, ipProblems(server));
  });
  if (searches.length > searchesMax) {
    errors.push(invalid(`${path}.searches`, searches, `must not have more than ${searchesMax} search paths`));
  }
  if (searches.join(' ').length > searchListMax) {
    const detail = `must not have more than ${searchListMax} characters (including spaces) in the search list`;
    errors.push(invalid(`${path}.searches`, searches, detail));
  }
  searches.forEach((search, i) => {
    if (search === '.') return;
    const domain = search.endsWith('.') ? search.slice(0, -1) : search;
    pushInvalid(errors, `${path}.searches[${i}]`, domain, searchDomainProblems(domain));
  });
  options.forEach(({ name }, i) => {
    if (!name) errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  });
}

export function validateHostAliases(errors: FieldError[], aliases: readonly HostAlias[], path: string): void {
  aliases.forEach(({ ip = '', hostnames = [] }, i) => {
    pushInvalid(errors, `${path}[${i}].ip`, ip, ipProblems(ip));
    hostnames.forEach((name, j) => {
      pushInvalid(errors, `${path}[${i}].hostnames[${j}]`, name, dnsSubdomainProblems(name));
    });
  });
}

/** On the host's network a container's port is the host's port; a template may leave it to the pod's defaults. */
export function validateHostNetwork(errors: FieldError[], spec: PodSpec, path: string, isPod: boolean): void {
  spec.containers?.forEach(({ ports }, i) => {
    ports?.forEach(({ hostPort = 0, containerPort }, j) => {
      if (hostPort === (containerPort ?? 0) || (hostPort === 0 && !isPod)) return;
      const at = `${path}.containers[${i}].ports[${j}].hostPort`;
      errors.push(invalid(at, hostPort, 'must match `containerPort` when `hostNetwork` is true'));
    });
  });
}
