import { kinds } from '@slipway/client/kinds';
import { triggerOn } from '../../runtime/controller-definition.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { servicesOfPod } from '../endpoint-slice/controller.ts';
import { observeEndpoints } from './observe.ts';
import { planEndpoints } from './plan.ts';

/** The older form of endpoint slices, one object per Service, for the clients that still read it (kubectl before 1.33, proxies of others). */
export const endpointsController = definitionFrom({
  name: 'endpoints',
  component: 'endpoint-controller',
  account: 'endpoint-controller',
  primary: kinds.services,
  triggers: [
    triggerOn(kinds.pods, servicesOfPod),
    triggerOn(kinds.endpoints, ({ metadata }) => [`${metadata.namespace}/${metadata.name}`]),
  ],
  observe: observeEndpoints,
  plan: planEndpoints,
});
