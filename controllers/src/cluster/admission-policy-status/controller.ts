import { kinds } from '@slipway/client/kinds';
import { definitionFrom } from '../../runtime/plan-reconciler.ts';
import { planPolicyStatus } from './plan.ts';

/** Says of each policy up to which generation its expressions were looked at. The API server refuses those that do not compile. */
export const admissionPolicyStatusController = definitionFrom({
  name: 'validatingadmissionpolicy-status',
  component: 'validatingadmissionpolicy-status-controller',
  account: 'validatingadmissionpolicy-status-controller',
  primary: kinds.validatingAdmissionPolicies,
  triggers: [],
  observe: (key, caches) => caches.get(kinds.validatingAdmissionPolicies, key),
  plan: planPolicyStatus,
});
