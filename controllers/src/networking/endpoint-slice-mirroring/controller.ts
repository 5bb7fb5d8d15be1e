import { keyOf, kinds } from '@slipway/client/kinds';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { endpointsOfMirror, mirrorIndex, observeMirror } from './observe.ts';
import { planGoneMirror, planMirror } from './plan.ts';

/** Endpoints that somebody writes by hand are copied to slices: proxies and DNS read nothing else. */
export const endpointSliceMirroringController = definitionFrom({
  name: 'endpointslicemirroring',
  component: 'endpoint-slice-mirroring-controller',
  account: 'endpointslicemirroring-controller',
  primary: kinds.endpoints,
  triggers: [
    triggerOn(kinds.services, (service) => [keyOf(service)]),
    triggerOn(kinds.endpointSlices, endpointsOfMirror),
  ],
  indexes: [indexOn(kinds.endpointSlices, mirrorIndex, endpointsOfMirror)],
  observe: observeMirror,
  plan: planMirror,
  planGone: (key, caches) => planGoneMirror(caches.byIndex(kinds.endpointSlices, mirrorIndex, key)),
});
