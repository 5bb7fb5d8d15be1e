import { type Host, KernelError } from '../../host/host.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniResult } from '../../spec/types.ts';
import { attachmentComment, attachmentKey, clusterIdOf } from '../names.ts';
import { type Mapping, parsePortmapConfig, type PortmapConfig } from './portmap-config.ts';
import {
  addScript,
  type ContainerAddresses,
  elementsFrom,
  type ListedElement,
  listedElements,
  portmapTableName,
  removeScript,
} from './portmap-ruleset.ts';

/** Ports of the host that lead to ports of the container. Chained after the plugin that made the interface. */
export const portmap: CniPlugin<PortmapConfig> = {
  name: 'portmap',
  delegatesIpam: false,
  parseConfig: parsePortmapConfig,

  async add(request, host, undo) {
    const { config, previous, signal } = request;
    if (!previous) throw new CniError('invalidNetworkConfig', 'must be called as chained plugin');
    const elements = elementsFrom(config.mappings, containerAddresses(previous, request.netns), config.snat);
    if (elements.length === 0) return previous;
    const table = portmapTableName(clusterIdOf(request.network));
    await host.nft(addScript(table, elements, attachmentComment(request)), { signal }).catch((error: unknown) => {
      throw explained(error, config.mappings);
    });
    undo.push('remove the port mappings', () => host.nft(removeScript(table, elements), { signal }));
    if (config.snat) await allowLocalhost(previous, host, signal);
    await forgetUdp(config.mappings, host, signal);
    return previous;
  },

  async check(request, previous, host) {
    const { config, signal } = request;
    const expected = elementsFrom(config.mappings, containerAddresses(previous, request.netns), config.snat);
    if (expected.length === 0) return;
    const table = portmapTableName(clusterIdOf(request.network));
    const listed = listedElements((await host.nftList(['table', 'inet', table], { signal })) ?? []);
    const key = attachmentKey(request.containerId, request.ifName);
    const present = new Set(listed.filter((each) => isOf(each, key)).map((each) => each.into));
    for (const { into } of expected) {
      if (!present.has(into))
        throw new CniError('checkFailed', `port mappings of ${request.containerId} are missing in ${into}`);
    }
  },

  async del(request, host) {
    // With its result known, the mappings are known as well: none means that there is nothing to search for.
    if (request.previous && request.config.mappings.length === 0) return;
    const key = attachmentKey(request.containerId, request.ifName);
    await removeWhere(request, host, (element) => isOf(element, key));
    await forgetUdp(request.config.mappings, host, request.signal);
  },

  async gc(request, valid, host) {
    const keep = new Set(valid.map(({ containerID, ifname }) => attachmentKey(containerID, ifname)));
    await removeWhere(request, host, (element) => !keep.has(element.comment.split(' ')[0] ?? ''));
  },
};

async function removeWhere(
  request: Pick<CniRequest<PortmapConfig>, 'network' | 'signal'>,
  host: Host,
  isMeant: (element: ListedElement) => boolean,
): Promise<void> {
  const { signal } = request;
  const table = portmapTableName(clusterIdOf(request.network));
  const listing = await host.nftList(['table', 'inet', table], { signal });
  const elements = listedElements(listing ?? []).filter(isMeant);
  if (elements.length > 0) await host.nft(removeScript(table, elements), { signal });
}

function isOf(element: ListedElement, key: string): boolean {
  return element.comment === key || element.comment.startsWith(`${key} `);
}

/** The first address of each family that is inside the container. */
function containerAddresses(previous: CniResult, netns: string): ContainerAddresses {
  const inside = previous.ips.filter((ip) => {
    const link = ip.interface === undefined ? undefined : previous.interfaces[ip.interface];
    return link === undefined || !netns || link.sandbox !== undefined;
  });
  return {
    ipv4: inside.find((ip) => !ip.address.includes(':'))?.address,
    ipv6: inside.find((ip) => ip.address.includes(':'))?.address,
  };
}

/** See the bridge's own setting; another plugin's bridge may not have it. The first link of the host leads inside. */
async function allowLocalhost(previous: CniResult, host: Host, signal: AbortSignal): Promise<void> {
  const link = previous.interfaces.find((each) => !each.sandbox);
  if (!link) return;
  await host.writeSysctl(`net/ipv4/conf/${link.name}/route_localnet`, '1', { signal }).catch((error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error; // without IPv4 there is no such setting
  });
}

/** Datagrams to the port may be tracked as going nowhere, or to the container before, and would go on doing so. */
async function forgetUdp(mappings: readonly Mapping[], host: Host, signal: AbortSignal): Promise<void> {
  for (const { protocol, hostPort } of mappings) {
    if (protocol === 'udp') await host.conntrackDelete(['-p', 'udp', '--dport', String(hostPort)], { signal });
  }
}

function explained(error: unknown, mappings: readonly Mapping[]): unknown {
  if (!(error instanceof KernelError && error.isExisting)) return error;
  const ports = mappings.map(({ hostPort, protocol }) => `${hostPort}/${protocol}`).join(', ');
  return new CniError('kernelRefused', `a host port of ${ports} is mapped to another container`, { cause: error });
}
