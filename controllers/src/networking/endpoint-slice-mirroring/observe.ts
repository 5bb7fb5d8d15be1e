import type { Endpoints, EndpointSlice } from '@slipway/api/types';
import { keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { managedByLabel, podMatcherOf, serviceNameLabel } from '../endpoint-slice/observe.ts';

export const managedBy = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
/** Endpoints that are not meant as such: old clients elect their leader with it. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

/** Cache index of the slices that we manage, by the key of the Endpoints. */
export const mirrorIndex = 'mirror-of-endpoints';

export interface ObservedEndpoints {
  readonly endpoints: Endpoints;
  readonly isMirrored: boolean;
  /** The slices that we made for it. */
  readonly slices: readonly EndpointSlice[];
}

export function observeMirror(key: ObjectKey, caches: Caches): ObservedEndpoints | undefined {
  const endpoints = caches.get(kinds.endpoints, key);
  if (!endpoints) return undefined;
  return {
    endpoints,
    isMirrored: isMirrored(endpoints, caches),
    slices: caches.byIndex(kinds.endpointSlices, mirrorIndex, key),
  };
}

/** Somebody's own Endpoints of a service that selects no pods by itself. */
function isMirrored(endpoints: Endpoints, caches: Caches): boolean {
  const { labels, annotations } = endpoints.metadata;
  if (labels?.[skipLabel] === 'true' || annotations?.[leaderAnnotation] !== undefined) return false;
  const service = caches.get(kinds.services, keyOf(endpoints));
  return service !== undefined && service.spec.type !== 'ExternalName' && !podMatcherOf(service);
}

export function endpointsOfMirror({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name && metadata.labels?.[managedByLabel] === managedBy ? [`${metadata.namespace}/${name}`] : [];
}
