import { matcherOf } from '@slipway/api/selector';
import type { Job, Pod } from '@slipway/api/types';
import { keyFrom, keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn, triggerOn } from '../../runtime/controller-definition.ts';
import { controllerOf, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { jobNameLabel } from './job-pods.ts';
import {
  failedPodsIndex,
  failedPodsOf,
  labelledOrphansIndex,
  labelledOrphansOf,
  namedJobKey,
  observeJob,
  openPodsIndex,
  openPodsOf,
  trackedPodsIndex,
  trackedPodsOf,
} from './observe.ts';
import { planGoneJob, planJob } from './plan.ts';

const manualSelectorIndex = 'jobs-with-own-selector';

export const jobIndexes = [
  indexOn(kinds.pods, openPodsIndex, openPodsOf),
  indexOn(kinds.pods, failedPodsIndex, failedPodsOf),
  indexOn(kinds.pods, trackedPodsIndex, trackedPodsOf),
  indexOn(kinds.pods, labelledOrphansIndex, labelledOrphansOf),
  indexOn(kinds.pods, orphanIndex, orphanNamespace),
  indexOn(kinds.jobs, manualSelectorIndex, ({ metadata, spec }: Job) =>
    spec.manualSelector ? [metadata.namespace ?? ''] : [],
  ),
];

/** Runs pods until as many have succeeded as a Job asks for. */
export const jobController = definitionFrom({
  name: 'job',
  component: 'job-controller',
  account: 'job-controller',
  primary: kinds.jobs,
  triggers: [{ on: kinds.pods, via: 'owner' }, triggerOn(kinds.pods, possibleOwners)],
  indexes: jobIndexes,
  observe: observeJob,
  plan: planJob,
  planGone: planGoneJob,
});

/** A pod that nobody controls may be a job's to adopt, or to let go of. */
function possibleOwners(pod: Pod, caches: Caches): ObjectKey[] {
  if (controllerOf(pod)) return [];
  const { namespace = '', labels } = pod.metadata;
  const name = labels?.[jobNameLabel];
  const named = namedJobKey(pod) ?? (name === undefined ? undefined : keyFrom({ namespace, name }));
  const selecting = caches
    .byIndex(kinds.jobs, manualSelectorIndex, namespace)
    .filter((job) => matcherOf(job.spec.selector).matches(labels))
    .map(keyOf);
  return named === undefined ? selecting : [named, ...selecting];
}
