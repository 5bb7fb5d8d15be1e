import { CronScheduleError, isTimeZone, parseCronSchedule } from '@slipway/api/cron-schedule';
import type { CronJob, CronJobSpec } from '@slipway/api/types';
import { validateNonNegative } from '@slipway/api/validation/counts';
import { type FieldError, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import { validateJobSpec } from '@slipway/api/validation/job';
import { podSpecWarnings } from '@slipway/api/validation/pod-warnings';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, keepStatus, startGeneration } from '../generation.ts';
import { jobSpecWarnings } from './job.ts';
import { defaultTemplate, nameWarnings } from './workload.ts';

/** The name of a Job is the CronJob's with a time behind it, and has 63 characters at most. */
const nameLengthMax = 52;
const policies = ['Allow', 'Forbid', 'Replace'];

export const cronJobStrategy: Strategy<CronJob> = {
  resource: descriptorOf('batch', 'v1', 'cronjobs'),
  defaults(draft) {
    draft.spec ??= {} as CronJobSpec;
    const { spec } = draft;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    // What is left out of the Job is defaulted when the Job is made.
    defaultTemplate(spec.jobTemplate?.spec?.template);
  },
  prepareCreate(draft) {
    draft.status = {};
    startGeneration(draft);
  },
  prepareUpdate(draft, old) {
    keepStatus(draft, old);
    countGeneration(draft, old, draft.spec, old.spec);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    validateSchedule(errors, spec, 'spec.schedule');
    validateNonNegative(errors, spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds');
    const policy = spec.concurrencyPolicy ?? '';
    if (policy === '') errors.push(required('spec.concurrencyPolicy'));
    else if (!policies.includes(policy)) errors.push(notSupported('spec.concurrencyPolicy', policy, policies));
    validateTemplate(errors, spec.jobTemplate, 'spec.jobTemplate');
    validateNonNegative(errors, spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit');
    validateNonNegative(errors, spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit');
    return errors;
  },
  validateCreate({ metadata, spec }) {
    const errors: FieldError[] = [];
    if ((metadata.name ?? '').length > nameLengthMax) {
      errors.push(invalid('metadata.name', metadata.name, `must be no more than ${nameLengthMax} characters`));
    }
    validateTimeZone(errors, spec.timeZone, 'spec.timeZone');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const errors: FieldError[] = [];
    if (spec.timeZone !== old.timeZone) validateTimeZone(errors, spec.timeZone, 'spec.timeZone');
    return errors;
  },
  warnings(draft, old) {
    const { metadata, spec } = draft;
    const warnings = old ? [] : nameWarnings(draft);
    if (old?.metadata.generation === metadata.generation) return warnings;
    const job = spec.jobTemplate?.spec;
    const podSpec = job?.template?.spec;
    warnings.push(...jobSpecWarnings(job));
    return podSpec ? [...warnings, ...podSpecWarnings(podSpec, 'spec.jobTemplate.spec.template.spec')] : warnings;
  },
};

function validateSchedule(errors: FieldError[], { schedule = '' }: CronJobSpec, path: string): void {
  if (schedule === '') {
    errors.push(required(path));
    return;
  }
  try {
    parseCronSchedule(schedule);
  } catch (error) {
    if (!(error instanceof CronScheduleError)) throw error;
    errors.push(invalid(path, schedule, error.message));
  }
  if (!schedule.includes('TZ')) return;
  errors.push(invalid(path, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'));
}

function validateTimeZone(errors: FieldError[], zone: string | undefined, path: string): void {
  if (zone === undefined) return;
  if (zone === '') errors.push(invalid(path, zone, 'timeZone must be nil or non-empty string'));
  else if (zone.toLowerCase() === 'local') {
    const detail = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones';
    errors.push(invalid(path, zone, detail));
  } else if (!isTimeZone(zone)) errors.push(invalid(path, zone, `unknown time zone ${zone}`));
}

function validateTemplate(errors: FieldError[], template: CronJobSpec['jobTemplate'] | undefined, path: string): void {
  const spec = template?.spec;
  if (!spec) {
    errors.push(required(`${path}.spec`));
    return;
  }
  if (spec.selector) errors.push(invalid(`${path}.spec.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector) {
    errors.push(notSupported(`${path}.spec.manualSelector`, spec.manualSelector, ['nil', 'false']));
  }
  validateJobSpec(errors, spec, `${path}.spec`);
}
