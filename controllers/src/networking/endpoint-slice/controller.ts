import type { Pod } from '@slipway/api/types';
import { keyOf, kinds } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeService, podMatcherOf, serviceIndex, serviceOfSlice } from './observe.ts';
import { planEndpointSlices } from './plan.ts';

/** Writes down which pods serve a Service, and at which addresses and ports. */
export const endpointSliceController = definitionFrom({
  name: 'endpointslice',
  component: 'endpoint-slice-controller',
  account: 'endpointslice-controller',
  primary: kinds.services,
  triggers: [triggerOn(kinds.pods, servicesOfPod), triggerOn(kinds.endpointSlices, serviceOfSlice)],
  reads: [kinds.nodes],
  indexes: [indexOn(kinds.endpointSlices, serviceIndex, serviceOfSlice)],
  observe: observeService,
  plan: planEndpointSlices,
});

/** Keys of the services whose selectors match the pod. */
export function servicesOfPod(pod: Pod, caches: Caches): string[] {
  return caches
    .inNamespace(kinds.services, pod.metadata.namespace ?? '')
    .filter((service) => podMatcherOf(service)?.matches(pod.metadata.labels))
    .map(keyOf);
}
