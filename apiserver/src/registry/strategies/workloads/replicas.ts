/** What the registry does alike for the kinds that keep a number of pods: ReplicaSet and ReplicationController. */
import type { KubeObject, PodTemplateSpec, ReplicaSetStatus, ReplicationControllerStatus } from '@slipway/api/types';
import { validateReplicaCounts } from '@slipway/api/validation/counts';
import type { FieldError } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { templateWarnings } from './workload.ts';

interface Replicas extends KubeObject {
  spec: { replicas?: number; template?: PodTemplateSpec };
  status?: ReplicaSetStatus | ReplicationControllerStatus;
}

/** All of a strategy but names, defaults and validation of the specification. `selectorOf` writes the selector as text. */
export function replicasStrategy<T extends Replicas>(selectorOf: (object: T) => string) {
  return {
    prepareCreate(draft) {
      draft.status = { replicas: 0 };
      startGeneration(draft);
    },
    prepareUpdate(draft, old) {
      keepStatus(draft, old);
      countGeneration(draft, old, draft.spec, old.spec);
    },
    warnings: (draft, old) => templateWarnings(draft, old, draft.spec.template),
    status: {
      validateUpdate(draft) {
        const errors: FieldError[] = [];
        validateReplicaCounts(errors, draft.status ?? {});
        return errors;
      },
    },
    selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
    scale: {
      replicas: (object) => ({
        spec: object.spec.replicas ?? 1,
        status: object.status?.replicas ?? 0,
        selector: selectorOf(object),
      }),
      setReplicas(draft, replicas) {
        draft.spec.replicas = replicas;
      },
    },
  } satisfies Partial<Strategy<T>>;
}
