import type { ReplicaSet, ReplicaSetSpec } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import { validateSelectorAndTemplate } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { replicasStrategy } from './replicas.ts';
import { defaultTemplate, selectorText } from './workload.ts';

export const replicaSetStrategy: Strategy<ReplicaSet> = {
  ...replicasStrategy<ReplicaSet>(({ spec }) => selectorText(spec.selector)),
  resource: descriptorOf('apps', 'v1', 'replicasets'),
  defaults(draft) {
    draft.spec ??= {} as ReplicaSetSpec;
    draft.spec.replicas ??= 1;
    defaultTemplate(draft.spec.template);
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
};
