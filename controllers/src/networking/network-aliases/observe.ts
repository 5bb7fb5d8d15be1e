import type { EndpointSlice, Pod } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { isPodFinished } from '../../workloads/pod-readiness.ts';
import { managedByLabel } from '../endpoint-slice/observe.ts';
import { aliasesOfPod, type PodAliases } from './aliases-of-pod.ts';

/** DNS of the nodes reads slices with this mark; see `kubelet-agent/src/dns/zone/network-aliases.ts`. */
export const managedBy = 'network-aliases.slipway.dev';
export const networkAnnotation = 'slipway.dev/network';
/** An annotation and no label, since names of pods may be longer than those. */
export const podAnnotation = 'slipway.dev/pod';

/** Cache index of the slices that we manage, by the key of the pod. */
export const podIndex = 'aliases-of-pod';

export interface ObservedAliases {
  readonly pod: Pod;
  readonly aliases: readonly PodAliases[];
  /** The slices that we made for it. */
  readonly slices: readonly EndpointSlice[];
}

/** A pod has its names as long as it runs, ready or not: members of a cluster look for each other before they are. */
export function observeAliases(key: ObjectKey, caches: Caches): ObservedAliases | undefined {
  const pod = caches.get(kinds.pods, key);
  if (!pod) return undefined;
  const isThere = !pod.metadata.deletionTimestamp && !isPodFinished(pod);
  return {
    pod,
    aliases: isThere ? aliasesOfPod(pod) : [],
    slices: caches.byIndex(kinds.endpointSlices, podIndex, key),
  };
}

export function podOfSlice({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.annotations?.[podAnnotation];
  return name && metadata.labels?.[managedByLabel] === managedBy ? [`${metadata.namespace}/${name}`] : [];
}
