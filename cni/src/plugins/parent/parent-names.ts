import type { LinkInfo } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import type { NetworkConfig } from '../../spec/types.ts';
import { clusterIdOf, digest, interfacePrefix } from '../names.ts';

/**
 * How parents that we made are told from others, and how their users are counted: all of it is in the kernel, so nothing can
 * differ from it after a crash.
 * - A parent of ours has a number as its link group from the moment it is made, and an alias for readers.
 * - Each attachment that needs its parent to stay is an alternative name of the parent. They go with it, and no two links
 *   can have one.
 */

/** Nobody else's: groups are small numbers that administrators choose. */
export const parentGroup = 0x5377_0001;

export function isOwnParent(link: Pick<LinkInfo, 'group'>): boolean {
  return link.group === parentGroup;
}

/** `slipway-parent:CLUSTER/NETWORK`: who needed it first; others may use it since. */
export function parentAlias(network: NetworkConfig): string {
  return `slipway-parent:${clusterIdOf(network)}/${network.name}`;
}

/** Of the parent that a network has to itself. */
export function ownParentName(network: NetworkConfig): string {
  return `${interfacePrefix}d${digest(`${clusterIdOf(network)}/${network.name}`).slice(0, 10)}`;
}

export interface ParentUse {
  readonly driver: 'macvlan' | 'ipvlan';
  /** What all users of the parent must agree on; one word. */
  readonly terms: string;
}

/** `sw-use-CLUSTER-NETWORK-ATTACHMENT-DRIVER-TERMS`, the first three as hashes. */
export function useName(request: Pick<CniRequest<unknown>, 'network' | 'containerId' | 'ifName'>, use: ParentUse) {
  return `${usePrefix(request)}${use.driver}-${use.terms}`;
}

/** Of one attachment, whatever it was made with. */
export function usePrefix({ network, ...attachment }: Pick<CniRequest<unknown>, 'network' | 'containerId' | 'ifName'>) {
  return `${networkUsePrefix(network)}${attachmentDigest(attachment.containerId, attachment.ifName)}-`;
}

export function networkUsePrefix(network: NetworkConfig): string {
  return `${clusterUsePrefix(clusterIdOf(network))}${digest(network.name).slice(0, 8)}-`;
}

export function clusterUsePrefix(clusterId: string): string {
  return `${anyUsePrefix}${digest(clusterId).slice(0, 6)}-`;
}

export function attachmentDigest(containerId: string, ifName: string): string {
  return digest(`${containerId}/${ifName}`).slice(0, 12);
}

const anyUsePrefix = `${interfacePrefix}-use-`;

export function usesOf(link: Pick<LinkInfo, 'alternativeNames'>): readonly string[] {
  return link.alternativeNames.filter((name) => name.startsWith(anyUsePrefix));
}

export function useFrom(name: string): ParentUse {
  const [driver, terms] = name.split('-').slice(-2);
  return { driver: driver === 'ipvlan' ? 'ipvlan' : 'macvlan', terms: terms ?? '' };
}
