import type { DeviceClass } from '@slipway/api/types';
import { validateConfigurations, validateSelectors } from '@slipway/api/validation/device-claim';
import type { FieldError } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

export const deviceClassStrategy: Strategy<DeviceClass> = {
  resource: descriptorOf('resource.k8s.io', 'v1', 'deviceclasses'),
  defaults(draft) {
    draft.spec ??= {};
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.spec, old.spec),
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateSelectors(errors, spec.selectors, 'spec.selectors');
    validateConfigurations(errors, spec.config, 'spec.config');
    return errors;
  },
};
