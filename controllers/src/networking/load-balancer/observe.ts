import type { EndpointSlice, KubeObject, Node, Service } from '@slipway/api/types';
import type { Change } from '@slipway/client/cache';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { serviceNameLabel } from '../endpoint-slice/observe.ts';
import { mayAnnounce } from './announcers.ts';
import { isBalanced, isMarked, type ObservedBalancers } from './plan.ts';

/** Cache indexes: services that concern us, and slices by the key of their service. */
export const balancedIndex = 'load-balancers';
export const slicesIndex = 'slices-by-service';

export function balancedServices(service: Service): readonly string[] {
  return isBalanced(service) || isMarked(service) ? ['all'] : [];
}

export function serviceOfAnySlice({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.[serviceNameLabel];
  return name ? [`${metadata.namespace}/${name}`] : [];
}

export function observeLoadBalancers(caches: Caches): ObservedBalancers {
  const services = caches.byIndex(kinds.services, balancedIndex, 'all');
  const namespaces = new Set(services.map(({ metadata }) => metadata.namespace ?? ''));
  return {
    services: services.map((service) => ({
      service,
      slices: isLocal(service) ? caches.byIndex(kinds.endpointSlices, slicesIndex, keyOf(service)) : [],
    })),
    pools: caches.list(kinds.addressPools),
    nodes: caches.list(kinds.nodes),
    namespaceLabels: new Map(
      [...namespaces].map((name) => [name, caches.get(kinds.namespaces, name)?.metadata.labels ?? {}]),
    ),
  };
}

const isLocal = ({ spec }: Service) => spec.externalTrafficPolicy === 'Local';

/** Where a service's pods are matters for the policy Local only. */
export function concernsLocal(slice: EndpointSlice, caches: Caches): boolean {
  return serviceOfAnySlice(slice).some((key) => {
    const service = caches.get(kinds.services, key);
    return service !== undefined && isBalanced(service) && isLocal(service);
  });
}

/** Nodes report all the time; what counts is whether they can announce, and their addresses. */
export function concernsNode({ before, after }: Change): boolean {
  return factsOf(before) !== factsOf(after);
}

function factsOf(object: KubeObject | undefined): string {
  if (!object) return '';
  const node = object as Node;
  return JSON.stringify([mayAnnounce(node), node.status?.addresses]);
}
