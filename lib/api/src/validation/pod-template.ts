import { matcherOf, SelectorError } from '../selector.ts';
import type { LabelSelector, PodTemplateSpec } from '../types.ts';
import { validateContainerTerms } from './container-terms.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from './field-error.ts';
import { isEmptySelector, validateLabelSelector } from './label-selector.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { validatePodSpec } from './pod-spec.ts';

export function validatePodTemplate(errors: FieldError[], template: PodTemplateSpec, path: string): void {
  const { metadata, spec } = template;
  validateLabels(errors, metadata?.labels, `${path}.labels`);
  validateAnnotations(errors, metadata?.annotations, `${path}.annotations`);
  validateContainerTerms(errors, metadata?.annotations, spec ?? {}, `${path}.annotations`);
  validatePodSpec(errors, spec ?? { containers: [] }, `${path}.spec`, { isPod: false });
  if (spec?.ephemeralContainers?.length) {
    errors.push(forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
}

/** Of kinds whose pods run for ever. */
export function validateEndless(errors: FieldError[], { spec }: PodTemplateSpec, path: string, kind: string): void {
  const restartPolicy = spec?.restartPolicy;
  if (restartPolicy !== 'Always') {
    errors.push(notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always']));
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, detail));
  }
}

interface SelectingSpec {
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
}

/** Of Deployments and ReplicaSets: the selector finds the pods of the template, and those run for ever. */
export function validateSelectorAndTemplate(errors: FieldError[], spec: SelectingSpec, path: string): void {
  const { selector, template } = spec;
  if (!selector) errors.push(required(`${path}.selector`));
  else {
    validateLabelSelector(errors, selector, `${path}.selector`);
    if (isEmptySelector(selector)) {
      errors.push(invalid(`${path}.selector`, selector, 'empty selector is invalid for deployment'));
    }
  }
  const at = `${path}.template`;
  if (!template) {
    errors.push(required(at));
    return;
  }
  validateMatch(errors, selector, template, path);
  validatePodTemplate(errors, template, at);
  validateEndless(errors, template, at, 'ReplicaSet');
}

/** The selector finds the pods of the template; `path` is where both are. An empty selector is for the kind to judge. */
export function validateMatch(
  errors: FieldError[],
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  path: string,
): void {
  if (!selector || isEmptySelector(selector)) return;
  const labels = template.metadata?.labels;
  try {
    if (matcherOf(selector).matches(labels)) return;
    const detail = '`selector` does not match template `labels`';
    errors.push(invalid(`${path}.template.metadata.labels`, labels, detail));
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    errors.push(invalid(`${path}.selector`, selector, 'invalid label selector'));
  }
}
