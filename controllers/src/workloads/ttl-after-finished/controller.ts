import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeTtl } from './observe.ts';
import { planTtl } from './plan.ts';

/** Removes finished jobs that say how long they are to be kept. */
export const ttlAfterFinishedController = definitionFrom({
  name: 'ttl-after-finished',
  component: 'ttl-after-finished-controller',
  account: 'ttl-after-finished-controller',
  primary: kinds.jobs,
  triggers: [],
  observe: observeTtl,
  plan: planTtl,
});
