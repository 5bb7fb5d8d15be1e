import { isIP } from 'node:net';
import type { Pod } from '@slipway/api/types';

/** Which Networks the pod asks for; of its elements only `interface` and `aliases` are read here. */
export const networksAnnotation = 'k8s.v1.cni.cncf.io/networks';
/** What it got, written by its node's agent. */
export const networkStatusAnnotation = 'k8s.v1.cni.cncf.io/network-status';

/** Names of one pod on one Network. */
export interface PodAliases {
  readonly network: string;
  readonly aliases: readonly string[];
  readonly addresses: readonly string[];
}

/** Names are told one by one, and each Network that the pod is on has a slice: this bounds it. */
const aliasesMax = 20;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Empty also when the annotations are malformed: the agent refuses such a pod, and says why. */
export function aliasesOfPod({ metadata }: Pod): readonly PodAliases[] {
  const asked = metadata.annotations?.[networksAnnotation];
  // The short form has no room for aliases.
  if (!asked?.trimStart().startsWith('[')) return [];
  const wanted = listFrom(asked).map((element, i) => ({
    interfaceName: typeof element.interface === 'string' && element.interface ? element.interface : `net${i + 1}`,
    aliases: textsFrom(element.aliases)
      .map((alias) => alias.toLowerCase())
      .filter((alias) => dnsLabel.test(alias))
      .slice(0, aliasesMax),
  }));
  const statuses = listFrom(metadata.annotations?.[networkStatusAnnotation]);
  return wanted.flatMap(({ interfaceName, aliases }) => {
    const status = statuses.find((each) => each.interface === interfaceName);
    const addresses = textsFrom(status?.ips).filter((ip) => isIP(ip) !== 0);
    if (typeof status?.name !== 'string' || aliases.length === 0 || addresses.length === 0) return [];
    return [{ network: status.name, aliases: [...new Set(aliases)], addresses }];
  });
}

function listFrom(text: string | undefined): readonly Readonly<Record<string, unknown>>[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter((each) => typeof each === 'object' && each !== null) : [];
  } catch {
    return [];
  }
}

function textsFrom(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
}
