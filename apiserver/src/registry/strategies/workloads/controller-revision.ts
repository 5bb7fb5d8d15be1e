import type { ControllerRevision } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid, required } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration } from '../generation.ts';

/** A remembered state of a StatefulSet or DaemonSet. */
export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  resource: descriptorOf('apps', 'v1', 'controllerrevisions'),
  prepareCreate: dropGeneration,
  validate(draft) {
    const errors: FieldError[] = [];
    validateNonNegative(errors, draft.revision, 'revision');
    if (draft.data === undefined) errors.push(required('data', 'data is mandatory'));
    return errors;
  },
  validateUpdate(draft, old) {
    if (semanticEqual(draft.data, old.data)) return [];
    return [invalid('data', draft.data, 'field is immutable')];
  },
};
