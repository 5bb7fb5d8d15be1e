import type { DaemonSet, DaemonSetSpec } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { isZero, validateAtMostAll, validateIntOrPercent } from '@slipway/api/validation/int-or-percent';
import { isEmptySelector, validateLabelSelector } from '@slipway/api/validation/label-selector';
import { validateEndless, validateMatch, validatePodTemplate } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { defaultTemplate, templateWarnings } from './workload.ts';

/** A count of the template alone, kept for clients of the API's first versions. The server counts; nobody else may. */
const templateGeneration = 'deprecated.daemonset.template.generation';

export const daemonSetStrategy: Strategy<DaemonSet> = {
  resource: descriptorOf('apps', 'v1', 'daemonsets'),
  defaults(draft) {
    draft.spec ??= {} as DaemonSetSpec;
    const { spec } = draft;
    spec.revisionHistoryLimit ??= 10;
    spec.updateStrategy ??= {};
    const strategy = spec.updateStrategy;
    strategy.type ||= 'RollingUpdate';
    if (strategy.type === 'RollingUpdate') {
      strategy.rollingUpdate ??= {};
      strategy.rollingUpdate.maxUnavailable ??= 1;
      strategy.rollingUpdate.maxSurge ??= 0;
    }
    defaultTemplate(spec.template);
  },
  prepareCreate(draft) {
    draft.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    startGeneration(draft);
    setTemplateGeneration(draft, Math.max(1, templateGenerationOf(draft)));
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
    const isSame = semanticEqual(draft.spec.template, old.spec.template);
    setTemplateGeneration(draft, templateGenerationOf(old) + (isSame ? 0 : 1));
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { selector, template } = spec;
    validateLabelSelector(errors, selector, 'spec.selector');
    if (!template) errors.push(required('spec.template'));
    else if (!selector) {
      const detail = '`selector` does not match template `labels`';
      errors.push(invalid('spec.template.metadata.labels', template.metadata?.labels, detail));
    } else validateMatch(errors, selector, template, 'spec');
    if (selector && isEmptySelector(selector)) {
      errors.push(invalid('spec.selector', selector, 'empty selector is invalid for daemonset'));
    }
    if (template) {
      validatePodTemplate(errors, template, 'spec.template');
      validateEndless(errors, template, 'spec.template', 'DaemonSet');
    }
    validateNonNegative(errors, spec.minReadySeconds, 'spec.minReadySeconds');
    validateUpdateStrategy(errors, spec.updateStrategy ?? {}, 'spec.updateStrategy');
    validateNonNegative(errors, spec.revisionHistoryLimit, 'spec.revisionHistoryLimit');
    return errors;
  },
  validateUpdate(draft, old) {
    if (semanticEqual(draft.spec.selector, old.spec.selector)) return [];
    return [invalid('spec.selector', draft.spec.selector, 'field is immutable')];
  },
  warnings: (draft, old) => templateWarnings(draft, old, draft.spec.template),
  status: {
    validateUpdate({ status }, old) {
      const errors: FieldError[] = [];
      for (const [field, value] of Object.entries(status ?? {})) {
        if (typeof value === 'number') validateNonNegative(errors, value, `status.${field}`);
      }
      if ((status?.collisionCount ?? 0) < (old.status?.collisionCount ?? 0)) {
        errors.push(invalid('status.collisionCount', status?.collisionCount ?? 0, 'cannot be decremented'));
      }
      return errors;
    },
  },
};

function templateGenerationOf({ metadata }: DaemonSet): number {
  const count = Number(metadata.annotations?.[templateGeneration] ?? 0);
  return Number.isSafeInteger(count) ? count : 0;
}

function setTemplateGeneration({ metadata }: DaemonSet, count: number): void {
  if (count > 0) metadata.annotations = { ...metadata.annotations, [templateGeneration]: String(count) };
}

function validateUpdateStrategy(
  errors: FieldError[],
  strategy: NonNullable<DaemonSetSpec['updateStrategy']>,
  path: string,
): void {
  const { type, rollingUpdate } = strategy;
  if (type === 'OnDelete') return;
  const at = `${path}.rollingUpdate`;
  if (type !== 'RollingUpdate') errors.push(notSupported(path, strategy, ['RollingUpdate', 'OnDelete']));
  else if (!rollingUpdate) errors.push(required(at));
  else {
    const { maxUnavailable = 1, maxSurge = 0 } = rollingUpdate;
    validateIntOrPercent(errors, maxUnavailable, `${at}.maxUnavailable`);
    validateIntOrPercent(errors, maxSurge, `${at}.maxSurge`);
    validateAtMostAll(errors, maxUnavailable, `${at}.maxUnavailable`);
    validateAtMostAll(errors, maxSurge, `${at}.maxSurge`);
    if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
      errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
    } else if (isZero(maxUnavailable) && isZero(maxSurge)) {
      errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
    }
  }
}
