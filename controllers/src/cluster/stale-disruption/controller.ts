import type { Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { announcedDisruption, planStaleDisruption } from './plan.ts';

/** Takes back announcements of disruptions that did not come: an eviction that failed halfway, a preemption given up. */
export const staleDisruptionController = definitionFrom({
  name: 'stale-disruption',
  component: 'controllermanager',
  account: 'disruption-controller',
  primary: kinds.pods,
  wakes: ({ after }) => after !== undefined && announcedDisruption(after as Pod) !== undefined,
  triggers: [],
  observe: (key, caches) => caches.get(kinds.pods, key),
  plan: planStaleDisruption,
});
