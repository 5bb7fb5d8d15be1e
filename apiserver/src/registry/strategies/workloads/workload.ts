/** What the kinds that make pods from a template share. */
import { defaultPodTemplateSpec } from '@slipway/api/defaults/pod-spec';
import { dnsLabelProblems } from '@slipway/api/names';
import { matcherOf, SelectorError } from '@slipway/api/selector';
import type { KubeObject, LabelSelector, PodSpec, PodTemplateSpec } from '@slipway/api/types';
import { podSpecWarnings } from '@slipway/api/validation/pod-warnings';

export function defaultTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  template.metadata ??= {};
  template.spec ??= {} as PodSpec;
  defaultPodTemplateSpec(template.spec);
}

/** As the scale subresource shows it; a selector that cannot be is shown as none. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    return matcherOf(selector).toString();
  } catch (error) {
    if (error instanceof SelectorError) return '';
    throw error;
  }
}

/** Said once for a template: when it comes and when it changes. */
export function templateWarnings(draft: KubeObject, old: KubeObject | undefined, template?: PodTemplateSpec): string[] {
  const warnings = old ? [] : nameWarnings(draft);
  const isNew = old?.metadata.generation !== draft.metadata.generation;
  if (isNew && template?.spec) warnings.push(...podSpecWarnings(template.spec, 'spec.template.spec'));
  return warnings;
}

/** Names of pods begin with the name of what makes them. */
export function nameWarnings({ metadata }: KubeObject): string[] {
  const problems = dnsLabelProblems(metadata.name ?? '');
  if (problems.length === 0) return [];
  const detail = 'this is used in Pod names and hostnames, which can result in surprising behavior';
  return [`metadata.name: ${detail}; a DNS label is recommended: [${problems.join(' ')}]`];
}
