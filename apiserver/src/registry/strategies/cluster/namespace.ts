import { labelName } from '@slipway/api/names';
import type { Namespace } from '@slipway/api/types';
import type { FieldError } from '@slipway/api/validation/field-error';
import { validateFinalizer } from '@slipway/api/validation/object-meta';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

const nameLabel = 'kubernetes.io/metadata.name';
/** Holds a namespace until everything in it is gone. */
const contentFinalizer = 'kubernetes';

export const namespaceStrategy: Strategy<Namespace> = {
  resource: descriptorOf('', 'v1', 'namespaces'),
  validateName: labelName,
  defaults(draft) {
    draft.spec ??= {};
    const { metadata } = draft;
    if (metadata.name && metadata.labels?.[nameLabel] !== metadata.name) {
      metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
    }
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = { phase: 'Active' };
    const finalizers = draft.spec.finalizers ?? [];
    if (!finalizers.includes(contentFinalizer)) draft.spec = { finalizers: [...finalizers, contentFinalizer] };
  },
  prepareUpdate(draft, old) {
    draft.spec = { ...draft.spec, finalizers: old.spec.finalizers };
    keepStatus(draft, old);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    for (const finalizer of draft.spec.finalizers ?? []) validateFinalizer(errors, finalizer, 'spec.finalizers', true);
    return errors;
  },
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  otherFinalizers: (namespace) => namespace.spec?.finalizers ?? [],
  prepareDeletion(draft) {
    draft.status = { ...draft.status, phase: 'Terminating' };
  },
};
