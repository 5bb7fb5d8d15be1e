import { canonicalList } from '@slipway/api/defaults/resource-list';
import { labelName } from '@slipway/api/names';
import type { RuntimeClass } from '@slipway/api/types';
import { type FieldError, duplicate, invalid, pushInvalid } from '@slipway/api/validation/field-error';
import { validateLabels } from '@slipway/api/validation/object-meta';
import { validateResources } from '@slipway/api/validation/pod-spec-resources';
import { validateTolerations } from '@slipway/api/validation/pod-spec-scheduling';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  resource: descriptorOf('node.k8s.io', 'v1', 'runtimeclasses'),
  allowUnconditionalUpdate: false,
  defaults({ overhead }) {
    if (overhead?.podFixed) canonicalList(overhead.podFixed);
  },
  prepareCreate: dropGeneration,
  validate({ handler = '', overhead, scheduling }) {
    const errors: FieldError[] = [];
    pushInvalid(errors, 'handler', handler, labelName(handler, false));
    if (overhead?.podFixed) {
      validateResources(errors, { limits: overhead.podFixed }, 'overhead', { claimNames: new Set() });
    }
    validateLabels(errors, scheduling?.nodeSelector, 'scheduling.nodeSelector');
    const tolerations = scheduling?.tolerations ?? [];
    validateTolerations(errors, tolerations, 'scheduling.tolerations');
    tolerations.forEach((toleration, i) => {
      const isKnown = tolerations.slice(0, i).some((earlier) => semanticEqual(earlier, toleration));
      if (isKnown) errors.push(duplicate(`scheduling.tolerations[${i}]`, toleration));
    });
    return errors;
  },
  validateUpdate(draft, old) {
    return draft.handler === old.handler ? [] : [invalid('handler', draft.handler, 'field is immutable')];
  },
};
