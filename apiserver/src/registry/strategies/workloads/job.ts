import { dnsLabelProblems } from '@slipway/api/names';
import { matcherOf, SelectorError } from '@slipway/api/selector';
import type { Container, Job, JobSpec, PodTemplateSpec } from '@slipway/api/types';
import { type FieldError, invalid, required } from '@slipway/api/validation/field-error';
import { validateJobSpec } from '@slipway/api/validation/job';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import { validateMatch } from '@slipway/api/validation/pod-template';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { defaultTemplate, templateWarnings } from './workload.ts';
import { validateJobStatus } from './job-status.ts';

const uidLabel = 'batch.kubernetes.io/controller-uid';
const nameLabel = 'batch.kubernetes.io/job-name';
/** The same two as they were called before labels had prefixes; pods are still found by them. */
const oldUidLabel = 'controller-uid';
const oldNameLabel = 'job-name';
const retriesMax = 2 ** 31 - 1;

export const jobStrategy: Strategy<Job> = {
  resource: descriptorOf('batch', 'v1', 'jobs'),
  // Who deletes one without a word about its pods keeps them, as from the beginning.
  defaultPropagation: 'Orphan',
  defaults(draft) {
    draft.spec ??= {} as JobSpec;
    defaultSpec(draft.spec);
    const { metadata, spec } = draft;
    const labels = spec.template?.metadata?.labels;
    if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  },
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
    if (!draft.spec.manualSelector) generateSelector(draft);
  },
  renamed({ metadata, spec }, oldName) {
    const labels = spec.template?.metadata?.labels ?? {};
    for (const key of [nameLabel, oldNameLabel]) {
      if (labels[key] === oldName && metadata.name) labels[key] = metadata.name;
    }
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate(draft) {
    const errors: FieldError[] = [];
    const { metadata, spec } = draft;
    if (!spec.manualSelector) validateGeneratedSelector(errors, draft);
    validateJobSpec(errors, spec, 'spec');
    if (spec.selector) {
      validateLabelSelector(errors, spec.selector, 'spec.selector');
      if (spec.template) validateMatch(errors, spec.selector, spec.template, 'spec');
    } else errors.push(required('spec.selector'));
    if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
      const longest = `${metadata.name}-${(spec.completions ?? 0) - 1}`;
      if (dnsLabelProblems(longest).length > 0) {
        const detail = `will not able to create pod with invalid DNS label: ${longest}`;
        errors.push(invalid('metadata.name', metadata.name, detail));
      }
    }
    return errors;
  },
  validateUpdate: validateFixed,
  warnings(draft, old) {
    const isNew = old?.metadata.generation !== draft.metadata.generation;
    return [...templateWarnings(draft, old, draft.spec.template), ...(isNew ? jobSpecWarnings(draft.spec) : [])];
  },
  status: {
    validateUpdate: (draft, old) => validateJobStatus(draft, old),
  },
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
};

function defaultSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : retriesMax;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  }
  defaultTemplate(spec.template);
}

/** Pods of a Job are found by its uid, which no other Job's pods carry. */
function generateSelector({ metadata, spec }: Job): void {
  const { name = '', uid = '' } = metadata;
  const { template } = spec;
  if (template) {
    template.metadata ??= {};
    const given = template.metadata.labels ?? {};
    template.metadata.labels = {
      [oldNameLabel]: name,
      [nameLabel]: name,
      [oldUidLabel]: uid,
      [uidLabel]: uid,
      ...given,
    };
  }
  spec.selector ??= {};
  spec.selector.matchLabels = { [uidLabel]: uid, ...spec.selector.matchLabels };
}

function validateGeneratedSelector(errors: FieldError[], { metadata, spec }: Job): void {
  if (!spec.selector) return;
  const { name = '', uid = '' } = metadata;
  if (uid === '') errors.push(required('metadata.uid'));
  const labels = spec.template?.metadata?.labels ?? {};
  const expected: Readonly<Record<string, string>> = {
    [uidLabel]: uid,
    [nameLabel]: name,
    [oldUidLabel]: uid,
    [oldNameLabel]: name,
  };
  for (const [key, value] of Object.entries(expected)) {
    const path = `spec.template.metadata.labels[${key}]`;
    if (labels[key] === undefined) errors.push(required(path, `must be '${value}'`));
    else if (labels[key] !== value) errors.push(invalid(path, labels, `must be '${value}'`));
  }
  if (!selects(spec.selector, expected)) {
    errors.push(invalid('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
}

/** What is wrong with the selector itself is said elsewhere. */
function selects(selector: NonNullable<JobSpec['selector']>, labels: Readonly<Record<string, string>>): boolean {
  try {
    return matcherOf(selector).matches(labels);
  } catch (error) {
    if (error instanceof SelectorError) return true;
    throw error;
  }
}

const immutable = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

function validateFixed({ spec }: Job, old: Job): FieldError[] {
  const errors: FieldError[] = [];
  validateCompletions(errors, spec, old.spec);
  const refuse = (field: keyof JobSpec) => errors.push(invalid(`spec.${field}`, spec[field], 'field is immutable'));
  if (!semanticEqual(spec.selector, old.spec.selector)) refuse('selector');
  const template = mayChangeTemplate(old) ? withChoicesOf(old.spec.template, spec.template) : old.spec.template;
  if (!semanticEqual(spec.template, template)) refuse('template');
  for (const field of immutable) if (!semanticEqual(spec[field], old.spec[field])) refuse(field);
  return errors;
}

/** While it is suspended and nothing of it runs, a queue may say where its pods go and what they get. */
function mayChangeTemplate({ spec, status = {} }: Job): boolean {
  const { conditions = [], startTime, active = 0 } = status;
  const isSuspended = conditions.some(({ type, status: holds }) => type === 'Suspended' && holds === 'True');
  return spec.suspend === true && active === 0 && (startTime === undefined || isSuspended);
}

/** An indexed Job grows and shrinks as a whole; of another the number is fixed. */
function validateCompletions(errors: FieldError[], spec: JobSpec, old: JobSpec): void {
  if (spec.completions === old.completions) return;
  if (spec.completionMode !== 'Indexed') {
    errors.push(invalid('spec.completions', spec.completions, 'field is immutable'));
  } else if (spec.completions !== spec.parallelism || old.completions !== old.parallelism) {
    const detail = 'can only be modified in tandem with spec.parallelism';
    errors.push(invalid('spec.completions', spec.completions, detail));
  }
}

/** The old template with the new one's labels, annotations, scheduling directives and containers' resources. */
function withChoicesOf(old: PodTemplateSpec, draft: PodTemplateSpec): PodTemplateSpec {
  if (!old?.spec || !draft?.spec) return old;
  const { nodeSelector, tolerations, schedulingGates, affinity, containers, initContainers } = draft.spec;
  const { labels, annotations } = draft.metadata ?? {};
  const nodeAffinity = affinity?.nodeAffinity;
  const oldAffinity = { ...old.spec.affinity, nodeAffinity };
  const isNone = Object.values(oldAffinity).every((part) => part === undefined);
  const kept = isNone && !affinity ? undefined : oldAffinity;
  const spec = {
    ...old.spec,
    nodeSelector,
    tolerations,
    schedulingGates,
    affinity: kept,
    containers: withResourcesOf(old.spec.containers, containers),
    initContainers: withResourcesOf(old.spec.initContainers, initContainers),
  };
  return { ...old, metadata: { ...old.metadata, labels, annotations }, spec } as PodTemplateSpec;
}

function withResourcesOf(old: Container[] | undefined, draft: Container[] | undefined): Container[] | undefined {
  return old?.map((container, i) => ({ ...container, resources: draft?.[i]?.resources }) as Container);
}

const manyIndexes = 100_000;
const manyAtOnce = 10_000;

/** Also of the Jobs that a CronJob makes. */
export function jobSpecWarnings(spec: JobSpec | undefined): string[] {
  const { completionMode, completions = 0, parallelism = 0 } = spec ?? {};
  if (completionMode !== 'Indexed' || completions <= manyIndexes || parallelism <= manyAtOnce) return [];
  return [
    'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail',
  ];
}
