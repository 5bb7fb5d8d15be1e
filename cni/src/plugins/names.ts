import { createHash } from 'node:crypto';
import type { CniRequest } from '../skeleton/plugin.ts';
import { CniError } from '../spec/cni-error.ts';
import type { NetworkConfig } from '../spec/types.ts';

/** How our kernel objects are called, so that they are recognised as ours and lead back to the pod they serve. */

export const interfacePrefix = 'sw';
/** Bytes of a comment that nftables keeps with a rule or an element. */
const commentLengthMax = 127;

/** Under `slipway.clusterId` in a plugin's configuration; networks of other runtimes share one name. */
export function clusterIdOf(network: NetworkConfig): string {
  const own = network.slipway;
  const id = typeof own === 'object' && own !== null ? (own as Record<string, unknown>).clusterId : undefined;
  if (id === undefined) return 'cni';
  if (typeof id === 'string' && /^[a-z0-9]{1,16}$/.test(id)) return id;
  throw new CniError('invalidNetworkConfig', `invalid slipway.clusterId ${JSON.stringify(id)}`);
}

/** `sw` and 11 hex digits of a hash: unique per attachment, and found again without any memory. */
export function hostInterfaceName(containerId: string, ifName: string): string {
  return `${interfacePrefix}${digest(`${containerId}/${ifName}`).slice(0, 11)}`;
}

/** The pod's UID where the runtime says it, else the sandbox. */
export function ownerOf(request: Pick<CniRequest<unknown>, 'args' | 'containerId'>): string {
  return request.args.get('K8S_POD_UID') || request.containerId;
}

/** `slipway:CLUSTER/NETWORK/CONTAINERID/IFNAME/OWNER`, kept as the alias of the host's end. */
export function interfaceAlias(request: CniRequest<unknown>): string {
  const parts = [
    clusterIdOf(request.network),
    request.network.name,
    request.containerId,
    request.ifName,
    ownerOf(request),
  ];
  return `slipway:${parts.map(word).join('/')}`;
}

/** The bridge's own alias: a network, but no attachment. */
export function bridgeAlias(clusterId: string, network: string): string {
  return `slipway:${clusterId}/${word(network)}`;
}

/** Whether a link with this alias was made for the cluster. */
export function isAliasOfCluster(alias: unknown, clusterId: string): boolean {
  return typeof alias === 'string' && alias.startsWith(`slipway:${clusterId}/`);
}

export function parseInterfaceAlias(
  alias: unknown,
): { network: string; containerId: string; ifName: string } | undefined {
  if (typeof alias !== 'string' || !alias.startsWith('slipway:')) return undefined;
  const [, network, containerId, ifName] = alias.slice('slipway:'.length).split('/');
  return network && containerId && ifName ? { network, containerId, ifName } : undefined;
}

/** `NETWORK/CONTAINERID/IFNAME OWNER`: the attachment to search for, and the pod for a reader. */
export function attachmentComment(
  request: Pick<CniRequest<unknown>, 'args' | 'containerId' | 'ifName' | 'network'>,
): string {
  const key = attachmentKey(request.network.name, request.containerId, request.ifName);
  return `${key} ${word(ownerOf(request))}`.slice(0, commentLengthMax);
}

/** Long names are cut, and told apart by a hash, so that the key always fits into a comment with the pod's UID. */
export function attachmentKey(network: string, containerId: string, ifName: string): string {
  return `${shortened(network, 24)}/${shortened(containerId, 32)}/${ifName}`;
}

/** The part of a comment that all attachments of the network have. */
export function networkKey(network: string): string {
  return `${shortened(network, 24)}/`;
}

function shortened(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 8)}${digest(text).slice(0, 8)}`;
}

/** A locally administered unicast address that depends on `seed` alone, so that nothing has to be read back. */
export function macFrom(seed: string): string {
  const hex = digest(seed);
  return ['0a', hex.slice(0, 2), hex.slice(2, 4), hex.slice(4, 6), hex.slice(6, 8), hex.slice(8, 10)].join(':');
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** What `ip -batch` and `nft` take as one word without quoting. */
function word(text: string): string {
  return text.replace(/[^a-zA-Z0-9_.:-]/g, '_');
}
