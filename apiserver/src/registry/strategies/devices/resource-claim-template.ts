import type { ResourceClaimTemplate } from '@slipway/api/types';
import { defaultDeviceClaim, validateDeviceClaim } from '@slipway/api/validation/device-claim';
import { type FieldError, invalid } from '@slipway/api/validation/field-error';
import { validateAnnotations, validateLabels } from '@slipway/api/validation/object-meta';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const resourceClaimTemplateStrategy: Strategy<ResourceClaimTemplate> = {
  resource: descriptorOf('resource.k8s.io', 'v1', 'resourceclaimtemplates'),
  defaults(draft) {
    draft.spec ??= { spec: {} };
    draft.spec.spec ??= {};
    draft.spec.spec.devices ??= {};
    defaultDeviceClaim(draft.spec.spec.devices);
  },
  prepareCreate: dropGeneration,
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateLabels(errors, spec.metadata?.labels, 'spec.metadata.labels');
    validateAnnotations(errors, spec.metadata?.annotations, 'spec.metadata.annotations');
    validateDeviceClaim(errors, spec.spec?.devices ?? {}, 'spec.spec.devices');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    return semanticEqual(spec, old) ? [] : [invalid('spec', spec, 'field is immutable')];
  },
};
