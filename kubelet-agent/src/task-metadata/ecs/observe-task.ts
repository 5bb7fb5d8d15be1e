/** Collects what the agent knows of a task: the runtime's own answers first, the API's where only that knows. */
import { type EcsTaskFacts, ecsTaskFacts } from '@slipway/api/ecs/task-metadata';
import type { Node, Pod } from '@slipway/api/types';
import type { CacheReader } from '@slipway/client/cache';
import type { Host, IpObject } from '@slipway/cni';
import type { Clock } from '@slipway/kit/clock';
import { type DnsContext, podDnsConfig } from '../../pods/dns-config.ts';
import type { ContainerStatus, RuntimeService } from '../../runtime/cri.ts';
import { isRuntimeError } from '../../runtime/cri.ts';
import type { MetadataSandbox } from '../metadata-form.ts';
import type { ObservedContainer, ObservedNetwork, ObservedTask } from './observed-task.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const regionLabel = 'topology.kubernetes.io/region';
const podInterface = 'eth0';

export interface ObserveDeps {
  readonly runtime: Pick<RuntimeService, 'listContainers' | 'containerStatus'>;
  readonly host: Host;
  readonly clock: Clock;
  /** This node's own. */
  readonly pods: CacheReader<Pod>;
  readonly ownNode: CacheReader<Node>;
  readonly nodeAddress: () => string | undefined;
  readonly dns: () => DnsContext;
}

/** Does not change as long as the sandbox is there. */
const networks = new WeakMap<MetadataSandbox, ObservedNetwork>();

/** Undefined when the sandbox has no facts: then nobody could have asked. */
export async function observeTask(
  sandbox: MetadataSandbox,
  deps: ObserveDeps,
  signal: AbortSignal,
): Promise<ObservedTask | undefined> {
  const facts = ecsTaskFacts(sandbox.annotations);
  if (!facts) return undefined;
  const { namespace, name, uid } = sandbox.pod;
  const found = deps.pods.get(`${namespace}/${name}`);
  const pod = found?.metadata.uid === uid ? found : undefined;
  const [node] = deps.ownNode.list();
  const labels = node?.metadata.labels ?? {};
  const dns = deps.dns();
  const { servers, searches } = pod ? podDnsConfig(pod, dns) : { servers: [], searches: [] };
  const nodeAddress = deps.nodeAddress();
  const ips = (pod?.status?.podIPs ?? []).flatMap(({ ip }) => ip ?? []);
  const fallback = sandbox.netns === undefined && nodeAddress !== undefined ? [nodeAddress] : [];
  return {
    observedAtMs: deps.clock.nowMs(),
    pod: sandbox.pod,
    facts,
    isEnding: pod?.metadata.deletionTimestamp !== undefined || isOver(pod),
    scheduledAt: pod?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime,
    ips: ips.length > 0 ? ips : fallback,
    node: { zone: labels[zoneLabel], region: labels[regionLabel] },
    network: facts.networkMode === 'awsvpc' ? await networkOf(sandbox, node?.spec.podCIDR, deps, signal) : undefined,
    dns: { servers, searches },
    clusterDomain: dns.clusterDomain,
    containers: await containersOf(sandbox, { facts, pod }, deps, signal),
  };
}

function isOver(pod: Pod | undefined): boolean {
  return pod?.status?.phase === 'Succeeded' || pod?.status?.phase === 'Failed';
}

async function containersOf(
  sandbox: MetadataSandbox,
  { facts, pod }: { readonly facts: EcsTaskFacts; readonly pod: Pod | undefined },
  { runtime }: ObserveDeps,
  signal: AbortSignal,
): Promise<readonly ObservedContainer[]> {
  const all = await runtime.listContainers({ podSandboxId: sandbox.id }, signal);
  const observed = await Promise.all(
    Object.entries(facts.containers).map(async ([name, own]): Promise<ObservedContainer[]> => {
      const attempts = all.filter(({ metadata }) => metadata.name === name);
      const newest = attempts.toSorted((a, b) => b.metadata.attempt - a.metadata.attempt)[0];
      const status = newest && (await statusOf(runtime, newest.id, signal));
      if (!status) return [];
      const wanted = pod?.spec.containers.find((each) => each.name === name);
      const told = pod?.status?.containerStatuses?.find((each) => each.name === name);
      return [{ facts: own, runtime: status, wanted, told }];
    }),
  );
  return observed.flat();
}

async function statusOf(
  runtime: ObserveDeps['runtime'],
  id: string,
  signal: AbortSignal,
): Promise<ContainerStatus | undefined> {
  return runtime.containerStatus(id, signal).catch((error: unknown) => {
    if (isRuntimeError(error, 'notFound')) return undefined; // has just been removed
    throw error;
  });
}

async function networkOf(
  sandbox: MetadataSandbox,
  podCidr: string | undefined,
  { host }: ObserveDeps,
  signal: AbortSignal,
): Promise<ObservedNetwork | undefined> {
  const { netns } = sandbox;
  const known = networks.get(sandbox);
  if (known || netns === undefined) return known;
  const [links, routes] = await Promise.all([
    host.ipShow(['addr', 'show', 'dev', podInterface], { netns, signal }),
    host.ipShow(['-4', 'route', 'show', 'default'], { netns, signal }),
  ]);
  const network = networkFrom(links, routes, podCidr);
  if (network) networks.set(sandbox, network);
  return network;
}

/** Pure. A pod that is routed has an address without a network; the addresses of its node are what a subnet would be. */
export function networkFrom(
  links: readonly IpObject[],
  routes: readonly IpObject[],
  podCidr: string | undefined,
): ObservedNetwork | undefined {
  const link = links[0];
  if (typeof link?.address !== 'string') return undefined;
  const addresses = Array.isArray(link.addr_info) ? (link.addr_info as IpObject[]) : [];
  const own = addresses.find(({ family }) => family === 'inet');
  const gateway = routes[0]?.gateway;
  return {
    mac: link.address,
    subnet: own ? subnetOf(String(own.local), Number(own.prefixlen), podCidr) : undefined,
    gateway: typeof gateway === 'string' ? gateway : undefined,
  };
}

function subnetOf(address: string, bits: number, podCidr: string | undefined): string | undefined {
  const cidr = bits < 32 ? `${address}/${bits}` : podCidr;
  if (cidr === undefined) return undefined;
  const value = numberFrom(address);
  const [base = '', prefix = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(numberFrom(base) / size) * size;
  if (value < first || value >= first + size) return undefined;
  const text = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
  return `${text}/${prefix}`;
}

function numberFrom(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
