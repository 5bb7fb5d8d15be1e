import type { Deployment, DeploymentSpec, DeploymentStrategy } from '@slipway/api/types';
import { validateNonNegative, validateReplicaCounts } from '@slipway/api/validation/counts';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { isZero, validateAtMostAll, validateIntOrPercent } from '@slipway/api/validation/int-or-percent';
import { validateSelectorAndTemplate } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { defaultTemplate, selectorText, templateWarnings } from './workload.ts';

export const deploymentStrategy: Strategy<Deployment> = {
  resource: descriptorOf('apps', 'v1', 'deployments'),
  defaults(draft) {
    draft.spec ??= {} as DeploymentSpec;
    const { spec } = draft;
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate ??= {};
      spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
      spec.strategy.rollingUpdate.maxSurge ??= '25%';
    }
    defaultTemplate(spec.template);
  },
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    // Annotations count too: clients steer roll-outs by them, and wait for observedGeneration.
    const wanted = ({ spec, metadata }: Deployment) => [spec, metadata.annotations];
    countGeneration(draft, old, wanted(draft), wanted(old));
  },
  validate(draft) {
    const errors: FieldError[] = [];
    const { spec } = draft;
    validateNonNegative(errors, spec.replicas, 'spec.replicas');
    validateSelectorAndTemplate(errors, spec, 'spec');
    validateStrategy(errors, spec.strategy ?? {}, 'spec.strategy');
    validateNonNegative(errors, spec.minReadySeconds, 'spec.minReadySeconds');
    validateNonNegative(errors, spec.revisionHistoryLimit, 'spec.revisionHistoryLimit');
    const deadline = spec.progressDeadlineSeconds;
    validateNonNegative(errors, deadline, 'spec.progressDeadlineSeconds');
    if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
      errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
    }
    return errors;
  },
  validateUpdate(draft, old) {
    if (semanticEqual(draft.spec.selector, old.spec.selector)) return [];
    return [invalid('spec.selector', draft.spec.selector, 'field is immutable')];
  },
  warnings: (draft, old) => templateWarnings(draft, old, draft.spec.template),
  status: {
    validateUpdate(draft, old) {
      const errors: FieldError[] = [];
      const { status = {} } = draft;
      validateReplicaCounts(errors, status);
      validateNonNegative(errors, status.collisionCount, 'status.collisionCount');
      if ((status.collisionCount ?? 0) < (old.status?.collisionCount ?? 0)) {
        errors.push(invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented'));
      }
      return errors;
    },
  },
  scale: {
    replicas: ({ spec, status }) => ({
      spec: spec.replicas ?? 1,
      status: status?.replicas ?? 0,
      selector: selectorText(spec.selector),
    }),
    setReplicas(draft, replicas) {
      draft.spec.replicas = replicas;
    },
  },
};

function validateStrategy(errors: FieldError[], { type, rollingUpdate }: DeploymentStrategy, path: string): void {
  if (type === 'Recreate') {
    if (!rollingUpdate) return;
    errors.push(forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"));
  } else if (type !== 'RollingUpdate') errors.push(notSupported(`${path}.type`, type, ['Recreate', 'RollingUpdate']));
  else if (!rollingUpdate) {
    errors.push(required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil'));
  } else {
    const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate;
    const at = `${path}.rollingUpdate`;
    validateIntOrPercent(errors, maxUnavailable, `${at}.maxUnavailable`);
    validateIntOrPercent(errors, maxSurge, `${at}.maxSurge`);
    if (isZero(maxUnavailable) && isZero(maxSurge)) {
      errors.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
    }
    validateAtMostAll(errors, maxUnavailable, `${at}.maxUnavailable`);
  }
}
