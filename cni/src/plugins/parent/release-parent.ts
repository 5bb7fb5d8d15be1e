import { neverAborted } from '@slipway/kit/abort';
import { type Host, type HostOptions, type IpObject, KernelError, type LinkInfo } from '../../host/host.ts';
import type { CniRequest } from '../../skeleton/plugin.ts';
import type { Attachment, NetworkConfig } from '../../spec/types.ts';
import {
  attachmentDigest,
  clusterUsePrefix,
  isOwnParent,
  networkUsePrefix,
  type ParentUse,
  parentGroup,
  useName,
  usesOf,
} from './parent-names.ts';

type AttachmentOfNetwork = Pick<CniRequest<unknown>, 'network' | 'containerId' | 'ifName'>;

export async function isUserOfParent(
  request: AttachmentOfNetwork,
  use: ParentUse,
  host: Host,
  signal: AbortSignal,
): Promise<boolean> {
  return (await host.linkInfo({ alternativeName: useName(request, use) }, { signal })) !== undefined;
}

/** The attachment is no user of a parent any more; a parent of ours goes with its last one. Idempotent. */
export function releaseParent(
  request: AttachmentOfNetwork,
  use: ParentUse,
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const alternativeName = useName(request, use);
  const release = async () => {
    const link = await host.linkInfo({ alternativeName }, { signal });
    if (link) await removeUses(link, [alternativeName], host, { signal });
  };
  return host.exclusively(release, { signal });
}

/** Of the attachments of a network, only the valid ones stay users. Parents of ours that nobody uses go. */
export async function collectParents(
  network: NetworkConfig,
  valid: readonly Attachment[],
  host: Host,
  options: HostOptions,
): Promise<void> {
  const prefix = networkUsePrefix(network);
  const kept = new Set(valid.map(({ containerID, ifname }) => `${prefix}${attachmentDigest(containerID, ifname)}`));
  const isLost = (use: string) => use.startsWith(prefix) && !kept.has(use.split('-').slice(0, -2).join('-'));
  await removeUsesEverywhere(isLost, host, options);
}

/** Nothing of the cluster stays a user. */
export async function releaseParentsOfCluster(clusterId: string, host: Host, options: HostOptions): Promise<void> {
  const prefix = clusterUsePrefix(clusterId);
  await removeUsesEverywhere((use) => use.startsWith(prefix), host, options);
}

/** After an attempt that made it and went no further. Under the host's lock. */
export async function removeUnusedParent(name: string, host: Host): Promise<void> {
  const options = { signal: neverAborted };
  const link = await host.linkInfo({ name }, options);
  if (link && isOwnParent(link)) await removeUses(link, [], host, options);
}

async function removeUsesEverywhere(isLost: (use: string) => boolean, host: Host, options: HostOptions): Promise<void> {
  if (!(await host.ipShow(['link', 'show'], options)).some(isParent)) return;
  await host.exclusively(async () => {
    for (const shown of await host.ipShow(['link', 'show'], options)) {
      if (!isParent(shown)) continue;
      const link = await host.linkInfo({ name: String(shown.ifname) }, options);
      if (link) await removeUses(link, usesOf(link).filter(isLost), host, options);
    }
  }, options);
}

function isParent(shown: IpObject): boolean {
  const names = (shown.altnames as readonly string[] | undefined) ?? [];
  // `ip` shows a group that has no name as a number.
  return Number(shown.group) === parentGroup || usesOf({ alternativeNames: names }).length > 0;
}

/** Under the host's lock. Without uses to remove it removes a parent of ours that has none: a crash left it. */
async function removeUses(link: LinkInfo, uses: readonly string[], host: Host, options: HostOptions): Promise<void> {
  const isLast = usesOf(link).every((use) => uses.includes(use));
  const ignoreMissing = (error: unknown) => {
    if (!(error instanceof KernelError && error.isMissing)) throw error;
  };
  if (isOwnParent(link) && isLast) {
    await host.link([{ step: 'deleteLink', name: link.name }], options).catch(ignoreMissing);
    return;
  }
  for (const alternativeName of uses) {
    await host.link([{ step: 'deleteAlternativeName', alternativeName }], options).catch(ignoreMissing);
  }
}
