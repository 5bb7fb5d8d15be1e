import { type LabelMatcher, matcherOfLabels } from '@slipway/api/selector';
import type { EndpointSlice, Pod, Service } from '@slipway/api/types';
import { keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';

/** Cache index of the slices that we manage, by the key of their service. */
export const serviceIndex = 'managed-by-service';

export interface ObservedService {
  readonly service: Service;
  /** Pods that its selector matches. */
  readonly pods: readonly Pod[];
  /** The slices that we made for it. */
  readonly slices: readonly EndpointSlice[];
  /** Node → zone, for the nodes that have one. */
  readonly zones: ReadonlyMap<string, string>;
}

/** Undefined also for services that somebody else gives endpoints: without a selector, or an external name. */
export function observeService(key: ObjectKey, caches: Caches): ObservedService | undefined {
  const service = caches.get(kinds.services, key);
  const matcher = service && podMatcherOf(service);
  if (!matcher) return undefined;
  const pods = caches
    .inNamespace(kinds.pods, service.metadata.namespace ?? '')
    .filter((pod) => matcher.matches(pod.metadata.labels));
  return {
    service,
    pods,
    slices: caches.byIndex(kinds.endpointSlices, serviceIndex, keyOf(service)),
    zones: zonesOf(pods, caches),
  };
}

/** Undefined when the service selects no pods by itself. */
export function podMatcherOf({ spec }: Service): LabelMatcher | undefined {
  const { selector, type } = spec;
  if (!selector || Object.keys(selector).length === 0 || type === 'ExternalName') return undefined;
  return matcherOfLabels(selector);
}

export function serviceOfSlice(slice: EndpointSlice): readonly string[] {
  const { labels, namespace } = slice.metadata;
  const service = labels?.[serviceNameLabel];
  return service && labels?.[managedByLabel] === managedBy ? [`${namespace}/${service}`] : [];
}

function zonesOf(pods: readonly Pod[], caches: Caches): ReadonlyMap<string, string> {
  const zones = new Map<string, string>();
  for (const nodeName of new Set(pods.map((pod) => pod.spec.nodeName))) {
    const zone = nodeName && caches.get(kinds.nodes, nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'];
    if (nodeName && zone) zones.set(nodeName, zone);
  }
  return zones;
}
