import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { observeCronJob } from './observe.ts';
import { planCronJob } from './plan.ts';

/** Makes jobs at the times of a schedule. */
export const cronJobController = definitionFrom({
  name: 'cronjob',
  component: 'cronjob-controller',
  account: 'cronjob-controller',
  primary: kinds.cronJobs,
  triggers: [{ on: kinds.jobs, via: 'owner' }],
  observe: observeCronJob,
  plan: planCronJob,
});
