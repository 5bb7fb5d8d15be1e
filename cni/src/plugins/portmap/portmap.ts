import { neverAborted } from '@slipway/kit/abort';
import { type Host, KernelError } from '../../host/host.ts';
import type { NftElement } from '../../host/netlink/set-messages.ts';
import type { CniPlugin, CniRequest } from '../../skeleton/plugin.ts';
import { CniError } from '../../spec/cni-error.ts';
import type { CniResult } from '../../spec/types.ts';
import { checkFailed } from '../container-link/check-container-link.ts';
import { attachmentComment, attachmentKey, clusterIdOf, networkKey } from '../names.ts';
import { isCommentOf, removeElementsWhere } from '../owned-elements.ts';
import { type Mapping, parsePortmapConfig, type PortmapConfig } from './portmap-config.ts';
import {
  type ContainerAddresses,
  portmapElements,
  portmapRuleset,
  portmapSets,
  portmapTable,
  rulesMarker,
} from './portmap-ruleset.ts';

type Request = CniRequest<PortmapConfig>;

/** Ports of the host that lead to ports of the container. Chained after the plugin that made the interface. */
export const portmap: CniPlugin<PortmapConfig> = {
  name: 'portmap',
  delegatesIpam: false,
  parseConfig: parsePortmapConfig,

  async add(request, host, undo) {
    const { config, previous, signal } = request;
    if (!previous) throw new CniError('invalidNetworkConfig', 'portmap must be called as chained plugin');
    const elements = elementsOf(request, previous);
    if (elements.length === 0) return previous;
    await addElements(request, elements, host);
    undo.push('remove the port mappings', () => removeOwn(request, host, neverAborted));
    if (config.snat) await allowLocalhost(previous, host, signal);
    await forgetUdp(config.mappings, host, signal);
    return previous;
  },

  async check(request, previous, host) {
    const { signal } = request;
    const expected = elementsOf(request, previous);
    if (expected.length === 0) return;
    const present = await host.nftListElements(tableOf(request), portmapSets, { signal });
    const identityOf = ({ set, key, comment }: NftElement) => `${set} ${Buffer.from(key).toString('hex')} ${comment}`;
    const identities = new Set((present ?? []).map(identityOf));
    const missing = expected.find((element) => !identities.has(identityOf(element)));
    if (missing) throw checkFailed(`port mappings of ${request.containerId} are missing in ${missing.set}`);
  },

  async del(request, host) {
    // With its result known, the mappings are known as well: none means that there is nothing to search for.
    if (request.previous && request.config.mappings.length === 0) return;
    await removeOwn(request, host, request.signal);
    await forgetUdp(request.config.mappings, host, request.signal);
  },

  async gc(request, valid, host) {
    const { network, signal } = request;
    const keep = new Set(valid.map(({ containerID, ifname }) => attachmentKey(network.name, containerID, ifname)));
    const isLost = ({ comment }: NftElement) =>
      comment?.startsWith(networkKey(network.name)) === true && !keep.has(comment.split(' ')[0] ?? '');
    await removeElementsWhere(host, { table: tableOf(request), sets: portmapSets }, isLost, signal);
  },
};

function tableOf(request: Pick<Request, 'network'>) {
  return portmapTable(clusterIdOf(request.network));
}

function elementsOf(request: Request, previous: CniResult): readonly NftElement[] {
  const addresses = containerAddresses(previous, request.netns);
  return portmapElements(request.config, addresses, attachmentComment(request));
}

/** The table is made when it turns out to be missing, or to have rules of another version of ours. */
async function addElements(request: Request, elements: readonly NftElement[], host: Host): Promise<void> {
  const { signal, config } = request;
  const table = tableOf(request);
  const memory = `portmap/${table.name}`;
  const ensure = () =>
    host.once(memory, async () => {
      if (await host.nftHasSet(table, rulesMarker(table.name), { signal: neverAborted })) return;
      await host.nft(portmapRuleset(table.name), { signal: neverAborted });
    });
  const add = () => host.nftElements({ table, add: elements, remove: [] }, { signal });
  await ensure();
  try {
    await add();
  } catch (error) {
    if (!(error instanceof KernelError && error.isMissing)) throw explained(error, config.mappings);
    host.forget(memory); // somebody removed the table
    await ensure();
    await add();
  }
}

function removeOwn(request: Request, host: Host, signal: AbortSignal): Promise<void> {
  const key = attachmentKey(request.network.name, request.containerId, request.ifName);
  const isOwn = ({ comment }: NftElement) => isCommentOf(comment, key);
  return removeElementsWhere(host, { table: tableOf(request), sets: portmapSets }, isOwn, signal);
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
