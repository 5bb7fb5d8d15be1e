import type { ReplicaSet, ReplicaSetSpec } from '@slipway/api/types';
import { validateNonNegative, validateReplicaCounts } from '@slipway/api/validation/counts';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import { validateSelectorAndTemplate } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { defaultTemplate, selectorText, templateWarnings } from './workload.ts';

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  resource: descriptorOf('apps', 'v1', 'replicasets'),
  defaults(draft) {
    draft.spec ??= {} as ReplicaSetSpec;
    draft.spec.replicas ??= 1;
    defaultTemplate(draft.spec.template);
  },
  prepareCreate(draft) {
    draft.status = { replicas: 0 };
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    validateNonNegative(errors, draft.spec.replicas, 'spec.replicas');
    validateNonNegative(errors, draft.spec.minReadySeconds, 'spec.minReadySeconds');
    validateSelectorAndTemplate(errors, draft.spec, 'spec');
    return errors;
  },
  validateUpdate(draft, old) {
    if (semanticEqual(draft.spec.selector, old.spec.selector)) return [];
    return [invalid('spec.selector', draft.spec.selector, 'field is immutable')];
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
    replicas: ({ spec, status }) => ({
      spec: spec.replicas ?? 1,
      status: status?.replicas ?? 0,
      selector: selectorText(spec.selector),
    }),
    setReplicas(draft, replicas) {
      draft.spec.replicas = replicas;
    },
  },
};
