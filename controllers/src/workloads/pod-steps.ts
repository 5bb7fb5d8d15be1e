import type { KubeObject, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Step } from '../runtime/step.ts';

/** Makes a pod for its owner, who tells of it. */
export function createPod(owner: KubeObject, pod: Pod): Step {
  return {
    op: 'create',
    kind: kinds.pods,
    object: pod,
    tells: {
      about: owner,
      done: { type: 'Normal', reason: 'SuccessfulCreate', message: 'Created pod: {name}' },
      failed: { type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' },
    },
  };
}

/** Removes a pod for its owner, who tells of it. */
export function deletePod(owner: KubeObject, pod: Pod): Step {
  return {
    op: 'delete',
    kind: kinds.pods,
    target: pod,
    tells: {
      about: owner,
      done: { type: 'Normal', reason: 'SuccessfulDelete', message: 'Deleted pod: {name}' },
      failed: { type: 'Warning', reason: 'FailedDelete', message: 'Error deleting: {error}' },
    },
  };
}
