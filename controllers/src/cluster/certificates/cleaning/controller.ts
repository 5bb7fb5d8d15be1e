import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../../runtime/plan-reconciler.ts';
import { observeCsr } from './observe.ts';
import { planCleaning } from './plan.ts';

export const csrCleaningController = definitionFrom({
  name: 'csrcleaner',
  component: 'certificatesigningrequest-cleaner-controller',
  account: 'certificate-controller',
  primary: kinds.certificateSigningRequests,
  triggers: [],
  observe: observeCsr,
  plan: planCleaning,
});
