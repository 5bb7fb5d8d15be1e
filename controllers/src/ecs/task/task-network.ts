/** How a task is reached: its network mode, ports and names. Pure. */
import { dnsLabelProblems, dnsSubdomainProblems } from '@slipway/api/names';
import type { PortMapping } from '@slipway/api/ecs/generated/types';
import type { Task } from '@slipway/api/ecs/kinds';
import type { ContainerPort, PodSpec } from '@slipway/api/types';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';
import { hostPortFor } from './host-ports.ts';

/** Pods of this annotation have the named Network as their only one, see `docs/networks.md`. */
export const defaultNetworkAnnotation = 'slipway.dev/default-network';
/** A subnet of this name is the cluster's own network. */
const clusterNetwork = 'default';
/** The Network of tasks that have none; every cluster of ours has it. The containers share their loopback, and what the agent serves there. */
const noNetwork = 'none';

export interface TaskNetwork {
  readonly spec: Pick<PodSpec, 'hostNetwork' | 'hostname' | 'dnsPolicy' | 'dnsConfig' | 'hostAliases'>;
  readonly annotations: Readonly<Record<string, string>>;
  /** By ECS' name of the container. */
  readonly ports: ReadonlyMap<string, readonly ContainerPort[]>;
}

export function taskNetwork(definition: EffectiveDefinition, task: Task, takenPorts: ReadonlySet<number>): TaskNetwork {
  const mode = definition.networkMode ?? 'bridge';
  const network = networkName(mode, task);
  return {
    spec: {
      ...(mode === 'host' ? { hostNetwork: true } : {}),
      ...namesOf(definition.containers),
    },
    annotations: network === clusterNetwork ? {} : { [defaultNetworkAnnotation]: network },
    ports: portsOf(definition.containers, mode, task, takenPorts),
  };
}

function networkName(mode: string, { spec }: Task): string {
  if (mode === 'none') return noNetwork;
  if (mode !== 'awsvpc') return clusterNetwork;
  // ECS spreads tasks over subnets; a pod has one network as its own, the first that is named.
  return spec.networkConfiguration?.awsvpcConfiguration?.subnets[0] ?? clusterNetwork;
}

function portsOf(
  containers: readonly EffectiveContainer[],
  mode: string,
  { metadata }: Task,
  takenPorts: ReadonlySet<number>,
): ReadonlyMap<string, readonly ContainerPort[]> {
  const taken = new Set(takenPorts);
  const names = new Set<string>();
  const portOf = (mapping: PortMapping): ContainerPort => {
    const { containerPort = 0, protocol = 'tcp', name } = mapping;
    const hostPort = mode === 'bridge' ? hostPortFor(mapping, `${metadata.uid}`, taken) : undefined;
    if (hostPort !== undefined) taken.add(hostPort);
    const portName = name !== undefined && /^[a-z0-9-]{1,15}$/.test(name) && !names.has(name) ? name : undefined;
    if (portName) names.add(portName);
    return {
      containerPort,
      protocol: protocol === 'udp' ? 'UDP' : 'TCP',
      ...(portName ? { name: portName } : {}),
      ...(hostPort === undefined ? (mode === 'host' ? { hostPort: containerPort } : {}) : { hostPort }),
    };
  };
  return new Map(
    containers.map(({ name, portMappings = [] }) => [name, portMappings.flatMap(expandRange).map(portOf)]),
  );
}

/** `containerPortRange: 8000-8003` is a mapping for each of its ports. */
function expandRange(mapping: PortMapping): PortMapping[] {
  const { containerPortRange, ...rest } = mapping;
  if (!containerPortRange) return [mapping];
  const [first = 0, last = first] = containerPortRange.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => ({ ...rest, containerPort: first + i }));
}

/** A pod has one host name, one resolver and one list of hosts for all its containers. */
function namesOf(containers: readonly EffectiveContainer[]): TaskNetwork['spec'] {
  const hostname = containers.find((each) => each.hostname && isHostname(each.hostname))?.hostname;
  const nameservers = unique(containers.flatMap(({ dnsServers = [] }) => dnsServers));
  const searches = unique(containers.flatMap(({ dnsSearchDomains = [] }) => dnsSearchDomains));
  const hosts = new Map<string, Set<string>>();
  const add = (ip: string, name: string) => hosts.set(ip, (hosts.get(ip) ?? new Set()).add(name));
  for (const { extraHosts = [], links = [] } of containers) {
    for (const { hostname: name, ipAddress } of extraHosts) if (isHostsName(name)) add(ipAddress, name);
    // Containers of a pod share one address, so a linked one is here, under its name and its alias.
    for (const name of links.flatMap(linkNames)) if (isHostsName(name)) add('127.0.0.1', name);
  }
  return {
    ...(hostname ? { hostname } : {}),
    ...(nameservers.length > 0 ? { dnsPolicy: 'None' } : {}),
    ...(nameservers.length + searches.length > 0
      ? { dnsConfig: { ...(nameservers.length ? { nameservers } : {}), ...(searches.length ? { searches } : {}) } }
      : {}),
    ...(hosts.size > 0 ? { hostAliases: [...hosts].map(([ip, names]) => ({ ip, hostnames: [...names] })) } : {}),
  };
}

/** `db:database` is known by both. */
export function linkNames(link: string): string[] {
  return unique(link.split(':').filter(Boolean));
}

/** What the list of hosts of a pod can hold. */
export function isHostsName(name: string): boolean {
  return dnsSubdomainProblems(name).length === 0;
}

export function isHostname(name: string): boolean {
  return dnsLabelProblems(name).length === 0;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
