import type { ValidatingAdmissionPolicy } from '@slipway/api/types';
import type { Plan } from '../../runtime/step.ts';

/** Fields of objects have no types in these expressions, so that there is nothing to warn of. */
export function planPolicyStatus({
  metadata,
  status,
}: ValidatingAdmissionPolicy): Plan<ValidatingAdmissionPolicy['status']> {
  const { generation } = metadata;
  if (generation === undefined || status?.observedGeneration === generation) return { steps: [], status: 'unchanged' };
  return { steps: [], status: { ...status, observedGeneration: generation, typeChecking: {} } };
}
