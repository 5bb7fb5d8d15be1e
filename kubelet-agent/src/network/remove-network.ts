import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import {
  type Host,
  type IpObject,
  isAliasOfCluster,
  KernelError,
  releaseParentsOfCluster,
  type SysctlRecord,
  isDirectRouteOf,
  overlayRouteProtocol,
} from '@slipway/cni';
import { balancerLabel } from '../balancer/balancer-announcer.ts';
import { bridgeName, tablePrefix } from './cluster-network.ts';

export interface RemoveNetworkOptions {
  readonly clusterId: string;
  /** The folder of `PodNetwork`. */
  readonly directory: string;
  readonly host: Host;
  readonly record: SysctlRecord;
  readonly signal: AbortSignal;
}

/**
 * Takes away everything that the cluster's network made on this machine: bridge, pairs, addresses, routes, nftables
 * tables (the service proxy's too), reservations, and our hold on settings of the kernel. Needs no memory of a process:
 * all of it is found by its name. Idempotent; runs everything and throws what failed at the end.
 */
export async function removeNetwork(options: RemoveNetworkOptions): Promise<void> {
  const failures: unknown[] = [];
  for (const step of [
    removeBalancerAddresses,
    removeLinks,
    removeDirectRoutes,
    releaseParents,
    removeTables,
    releaseSysctls,
    removeFiles,
  ]) {
    await step(options).catch((error: unknown) => void failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'remove the network', { cause: failures[0] });
}

/**
 * As one group: the kernel then waits once until nobody uses them any more, and not once for each. A pair may go at any moment
 * together with its other end, so each is put into the group on its own.
 */
async function removeLinks({ clusterId, host, signal }: RemoveNetworkOptions): Promise<void> {
  const links = await host.ipShow(['link', 'show'], { signal });
  const isOurs = (link: IpObject) => link.ifname === bridgeName(clusterId) || isAliasOfCluster(link.ifalias, clusterId);
  const names = links.filter(isOurs).map((link) => String(link.ifname));
  if (names.length === 0) return;
  const group = linkGroup(clusterId);
  try {
    await host.ip([...names.map((name) => `link set dev ${name} group ${group}`), `link del group ${group}`], {
      signal,
    });
  } catch (error) {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
    for (const name of names) await removeLink(name, host, signal);
  }
}

/** To pods of other nodes on the uplink: those are the only ones that do not go with a link of ours. */
async function removeDirectRoutes({ clusterId, host, signal }: RemoveNetworkOptions): Promise<void> {
  for (const family of ['-4', '-6']) {
    const args = [family, 'route', 'show', 'table', 'all', 'proto', String(overlayRouteProtocol)];
    const routes = await host.ipShow(args, { signal });
    const ours = routes.filter(({ metric }) => isDirectRouteOf(clusterId, Number(metric)));
    const lines = ours.map(({ dst, dev, metric }) => {
      return `route del ${dst} dev ${dev} proto ${overlayRouteProtocol} metric ${metric}`;
    });
    await host.ip(lines, { signal });
  }
}

async function removeLink(name: string, host: Host, signal: AbortSignal): Promise<void> {
  await host.ip([`link del ${name}`], { signal }).catch((error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
  });
}

/** Any number that nobody else uses; groups of other people are small. */
function linkGroup(clusterId: string): number {
  return (
    0x5100_0000 + (Number.parseInt(createHash('sha256').update(clusterId).digest('hex').slice(0, 6), 16) & 0xff_ffff)
  );
}

/** Sub-interfaces and dummies that macvlan and ipvlan hang on, unless another cluster's containers do as well. */
function releaseParents({ clusterId, host, signal }: RemoveNetworkOptions): Promise<void> {
  return releaseParentsOfCluster(clusterId, host, { signal });
}

/** Those of load balancers that this node answers for. IPv6 ones carry no mark and run out by themselves within seconds. */
async function removeBalancerAddresses({ clusterId, host, signal }: RemoveNetworkOptions): Promise<void> {
  const label = balancerLabel(clusterId);
  const [loopback] = await host.ipShow(['address', 'show', 'dev', 'lo'], { signal });
  const addresses = (loopback?.addr_info ?? []) as readonly { local?: string; label?: string }[];
  const lines = addresses.filter((each) => each.label === label).map(({ local }) => `address del ${local}/32 dev lo`);
  await host.ip(lines, { signal });
}

async function removeTables({ clusterId, host, signal }: RemoveNetworkOptions): Promise<void> {
  const listed = (await host.nftList(['tables'], { signal })) ?? [];
  const tables = listed.flatMap(({ table }) => {
    const name = String(table?.name ?? '');
    return name.startsWith(tablePrefix(clusterId)) ? [`delete table ${String(table?.family)} ${name}\n`] : [];
  });
  if (tables.length > 0) await host.nft(tables.join(''), { signal });
}

async function releaseSysctls({ host, record, signal }: RemoveNetworkOptions): Promise<void> {
  await record.releaseAll((name, original) => host.restoreSysctl(name, original, { signal }));
}

async function removeFiles({ directory }: RemoveNetworkOptions): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
