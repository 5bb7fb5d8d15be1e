import type { PodTemplate } from '@slipway/api/types';
import type { FieldError } from '@slipway/api/validation/field-error';
import { validatePodTemplate } from '@slipway/api/validation/pod-template';
import { podSpecWarnings } from '@slipway/api/validation/pod-warnings';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';
import { defaultTemplate } from './workload.ts';

export const podTemplateStrategy: Strategy<PodTemplate> = {
  resource: descriptorOf('', 'v1', 'podtemplates'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.template ??= {};
    defaultTemplate(draft.template);
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.template, old.template),
  validate(draft) {
    const errors: FieldError[] = [];
    validatePodTemplate(errors, draft.template ?? {}, 'template');
    return errors;
  },
  warnings(draft, old) {
    const isNew = old?.metadata.generation !== draft.metadata.generation;
    const spec = draft.template?.spec;
    return isNew && spec ? podSpecWarnings(spec, 'template.spec') : [];
  },
};
