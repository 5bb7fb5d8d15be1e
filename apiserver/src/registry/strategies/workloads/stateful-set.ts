import { defaultClaimSpec } from '@slipway/api/defaults/persistent-volume';
import { labelName } from '@slipway/api/names';
import type {
  PersistentVolumeClaimSpec,
  PodTemplateSpec,
  StatefulSet,
  StatefulSetSpec,
  StatefulSetStatus,
} from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, forbidden, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { isZero, validateAtMostAll, validateIntOrPercent } from '@slipway/api/validation/int-or-percent';
import { isEmptySelector, validateLabelSelector } from '@slipway/api/validation/label-selector';
import { validateEndless, validateMatch, validatePodTemplate } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { defaultTemplate, selectorText, templateWarnings } from './workload.ts';

export const statefulSetStrategy: Strategy<StatefulSet> = {
  resource: descriptorOf('apps', 'v1', 'statefulsets'),
  validateName: labelName,
  defaults(draft) {
    draft.spec ??= {} as StatefulSetSpec;
    const { spec } = draft;
    spec.podManagementPolicy ||= 'OrderedReady';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    defaultUpdateStrategy(spec);
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
    defaultTemplate(spec.template);
    for (const claim of spec.volumeClaimTemplates ?? []) defaultClaim(claim);
  },
  prepareCreate(draft) {
    draft.status = { replicas: 0, availableReplicas: 0 };
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    validateSpec(errors, draft.spec, 'spec');
    return errors;
  },
  validateUpdate: (draft, old) => validateFixedSpec(draft.spec, old.spec),
  warnings(draft, old) {
    const warnings = templateWarnings(draft, old, draft.spec.template);
    if ((draft.spec.revisionHistoryLimit ?? 0) < 0) {
      const detail = 'a negative value retains all historical revisions; a value >= 0 is recommended';
      warnings.push(`spec.revisionHistoryLimit: ${detail}`);
    }
    return warnings;
  },
  status: { validateUpdate: (draft, old) => validateStatus(draft.status, old.status) },
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

function defaultUpdateStrategy(spec: StatefulSetSpec): void {
  spec.updateStrategy ??= {};
  const strategy = spec.updateStrategy;
  if (!strategy.type) {
    strategy.type = 'RollingUpdate';
    strategy.rollingUpdate ??= {};
  }
  if (strategy.type !== 'RollingUpdate' || !strategy.rollingUpdate) return;
  strategy.rollingUpdate.partition ??= 0;
  strategy.rollingUpdate.maxUnavailable ??= 1;
}

/** Claim templates travel as whole objects. */
function defaultClaim(claim: NonNullable<StatefulSetSpec['volumeClaimTemplates']>[number]): void {
  claim.apiVersion ||= 'v1';
  claim.kind ||= 'PersistentVolumeClaim';
  claim.metadata ??= {};
  claim.spec ??= {} as PersistentVolumeClaimSpec;
  defaultClaimSpec(claim.spec);
  claim.status ??= {};
  claim.status.phase ||= 'Pending';
}

function validateSpec(errors: FieldError[], spec: StatefulSetSpec, path: string): void {
  const { podManagementPolicy = '', selector, template } = spec;
  if (podManagementPolicy !== 'OrderedReady' && podManagementPolicy !== 'Parallel') {
    const detail = "must be 'OrderedReady' or 'Parallel'";
    errors.push(invalid(`${path}.podManagementPolicy`, podManagementPolicy, detail));
  }
  validateUpdateStrategy(errors, spec.updateStrategy ?? {}, `${path}.updateStrategy`);
  validateRetention(errors, spec, `${path}.persistentVolumeClaimRetentionPolicy`);
  validateNonNegative(errors, spec.replicas, `${path}.replicas`);
  validateNonNegative(errors, spec.minReadySeconds, `${path}.minReadySeconds`);
  validateNonNegative(errors, spec.ordinals?.start, `${path}.ordinals.start`);
  if (!selector) errors.push(required(`${path}.selector`));
  else {
    validateLabelSelector(errors, selector, `${path}.selector`);
    if (isEmptySelector(selector)) {
      errors.push(invalid(`${path}.selector`, selector, 'empty selector is invalid for statefulset'));
    }
  }
  if (!template) {
    errors.push(required(`${path}.template`));
    return;
  }
  validateMatch(errors, selector, template, path);
  validatePodTemplate(errors, withClaims(template, spec), `${path}.template`);
  validateEndless(errors, template, `${path}.template`, 'StatefulSet');
}

/** The template as its pods will be: the controller gives them a volume for each claim. */
function withClaims(template: PodTemplateSpec, { volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { spec } = template;
  if (!spec || volumeClaimTemplates.length === 0) return template;
  const volumes = [...(spec.volumes ?? [])];
  for (const { metadata } of volumeClaimTemplates) {
    const { name = '' } = metadata ?? {};
    if (volumes.some((volume) => volume.name === name)) continue;
    volumes.push({ name, persistentVolumeClaim: { claimName: name } });
  }
  return { ...template, spec: { ...spec, volumes } };
}

function validateUpdateStrategy(
  errors: FieldError[],
  strategy: NonNullable<StatefulSetSpec['updateStrategy']>,
  path: string,
): void {
  const { type = '', rollingUpdate } = strategy;
  const at = `${path}.rollingUpdate`;
  if (type === 'OnDelete') {
    if (rollingUpdate) errors.push(invalid(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"));
  } else if (type !== 'RollingUpdate') {
    errors.push(invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'"));
  } else if (rollingUpdate) {
    const { partition, maxUnavailable } = rollingUpdate;
    validateNonNegative(errors, partition, `${at}.partition`);
    if (maxUnavailable === undefined) return;
    validateIntOrPercent(errors, maxUnavailable, `${at}.maxUnavailable`);
    validateAtMostAll(errors, maxUnavailable, `${at}.maxUnavailable`);
    if (isZero(maxUnavailable)) errors.push(invalid(`${at}.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  }
}

const retentions = ['Retain', 'Delete'];

function validateRetention(errors: FieldError[], spec: StatefulSetSpec, path: string): void {
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  if (!policy) return;
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = policy[field] ?? '';
    if (!retentions.includes(value)) errors.push(notSupported(`${path}.${field}`, value, retentions));
  }
}

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

function validateFixedSpec(spec: StatefulSetSpec, old: StatefulSetSpec): FieldError[] {
  const now = { ...spec };
  const before = { ...old };
  for (const field of changeable) {
    delete now[field];
    delete before[field];
  }
  if (semanticEqual(now, before)) return [];
  const named = changeable.map((field) => `'${field}'`);
  const list = `${named.slice(0, -1).join(', ')} and ${named.at(-1)}`;
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

function validateStatus(status: Partial<StatefulSetStatus> = {}, old: Partial<StatefulSetStatus> = {}): FieldError[] {
  const errors: FieldError[] = [];
  const counts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;
  for (const field of ['replicas', ...counts, 'observedGeneration', 'collisionCount'] as const) {
    validateNonNegative(errors, status[field], `status.${field}`);
  }
  for (const field of counts) {
    const value = status[field] ?? 0;
    if (value > (status.replicas ?? 0)) {
      errors.push(invalid(`status.${field}`, value, 'cannot be greater than status.replicas'));
    }
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    const detail = 'cannot be greater than status.readyReplicas';
    errors.push(invalid('status.availableReplicas', status.availableReplicas, detail));
  }
  if ((status.collisionCount ?? 0) < (old.collisionCount ?? 0)) {
    errors.push(invalid('status.collisionCount', status.collisionCount ?? 0, 'cannot be decremented'));
  }
  return errors;
}
