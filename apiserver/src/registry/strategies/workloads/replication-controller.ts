import type { PodTemplateSpec, ReplicationController } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, required } from '@slipway/api/validation/field-error';
import { validateEndless, validateMatch, validatePodTemplate } from '@slipway/api/validation/pod-template';
import { matcherOfLabels } from '@slipway/api/selector';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { replicasStrategy } from './replicas.ts';
import { defaultTemplate } from './workload.ts';

export const replicationControllerStrategy: Strategy<ReplicationController> = {
  ...replicasStrategy<ReplicationController>(({ spec }) => matcherOfLabels(spec.selector ?? {}).toString()),
  resource: descriptorOf('', 'v1', 'replicationcontrollers'),
  // Who deletes one without a word about its pods keeps them, as from the beginning.
  defaultPropagation: 'Orphan',
  defaults(draft) {
    draft.spec ??= {};
    const { spec, metadata } = draft;
    spec.replicas ??= 1;
    defaultTemplate(spec.template);
    const labels = spec.template?.metadata?.labels;
    if (!labels) return;
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateNonNegative(errors, spec.minReadySeconds, 'spec.minReadySeconds');
    if (Object.keys(spec.selector ?? {}).length === 0) errors.push(required('spec.selector'));
    validateNonNegative(errors, spec.replicas, 'spec.replicas');
    if (spec.template) validateTemplate(errors, spec.template, spec.selector);
    else errors.push(required('spec.template'));
    return errors;
  },
};

function validateTemplate(
  errors: FieldError[],
  template: PodTemplateSpec,
  selector: Record<string, string> = {},
): void {
  validateMatch(errors, { matchLabels: selector }, template, 'spec');
  validatePodTemplate(errors, template, 'spec.template');
  validateEndless(errors, template, 'spec.template', 'ReplicationController');
}
