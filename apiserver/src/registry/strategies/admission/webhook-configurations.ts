/** Webhooks of admission: those that change objects, and those that judge them. One rule apart they are the same. */
import { dns1035LabelProblems, dnsSubdomainProblems } from '@slipway/api/names';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '@slipway/api/types';
import {
  failurePolicies,
  matchPolicies,
  reinvocationPolicies,
  validateMatchConditions,
  validateRule,
  validateWord,
} from '@slipway/api/validation/admission-rules';
import {
  type FieldError,
  duplicate,
  invalid,
  notSupported,
  pushInvalid,
  required,
} from '@slipway/api/validation/field-error';
import { validateLabelSelector } from '@slipway/api/validation/label-selector';
import { validateWebhookClient } from '@slipway/api/validation/webhook-client';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

const group = 'admissionregistration.k8s.io';
const timeoutSecondsMax = 30;
const sideEffects = ['None', 'NoneOnDryRun'];
/** Of the AdmissionReview that is sent to the webhook. */
const reviewVersions = ['v1', 'v1beta1'];

export const validatingWebhookConfigurationStrategy: Strategy<ValidatingWebhookConfiguration> = {
  resource: descriptorOf(group, 'v1', 'validatingwebhookconfigurations'),
  allowUnconditionalUpdate: false,
  defaults: ({ webhooks = [] }) => webhooks.forEach(defaultWebhook),
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.webhooks, old.webhooks),
  validate({ webhooks = [] }) {
    const errors: FieldError[] = [];
    validateWebhooks(errors, webhooks);
    return errors;
  },
};

export const mutatingWebhookConfigurationStrategy: Strategy<MutatingWebhookConfiguration> = {
  resource: descriptorOf(group, 'v1', 'mutatingwebhookconfigurations'),
  allowUnconditionalUpdate: false,
  defaults({ webhooks = [] }) {
    for (const webhook of webhooks) {
      defaultWebhook(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.webhooks, old.webhooks),
  validate({ webhooks = [] }) {
    const errors: FieldError[] = [];
    validateWebhooks(errors, webhooks);
    webhooks.forEach(({ reinvocationPolicy }, i) => {
      validateWord(errors, reinvocationPolicy, reinvocationPolicies, `webhooks[${i}].reinvocationPolicy`);
    });
    return errors;
  },
};

function defaultWebhook(webhook: ValidatingWebhook | MutatingWebhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
}

function validateWebhooks(errors: FieldError[], webhooks: readonly (ValidatingWebhook | MutatingWebhook)[]): void {
  const names = new Set<string>();
  webhooks.forEach((webhook, i) => {
    const at = `webhooks[${i}]`;
    validateWebhook(errors, webhook, at);
    validateReviewVersions(errors, webhook.admissionReviewVersions ?? [], `${at}.admissionReviewVersions`);
    const { name = '' } = webhook;
    if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  });
}

function validateWebhook(errors: FieldError[], webhook: ValidatingWebhook | MutatingWebhook, path: string): void {
  validateFullName(errors, webhook.name ?? '', `${path}.name`);
  webhook.rules?.forEach((rule, i) => {
    validateRule(errors, rule, `${path}.rules[${i}]`);
  });
  validateWord(errors, webhook.failurePolicy, failurePolicies, `${path}.failurePolicy`);
  validateWord(errors, webhook.matchPolicy, matchPolicies, `${path}.matchPolicy`);
  const effects = webhook.sideEffects;
  if (effects === undefined) {
    errors.push(required(`${path}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`));
  } else if (!sideEffects.includes(effects)) errors.push(notSupported(`${path}.sideEffects`, effects, sideEffects));
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > timeoutSecondsMax)) {
    const detail = `the timeout value must be between 1 and ${timeoutSecondsMax} seconds`;
    errors.push(invalid(`${path}.timeoutSeconds`, seconds, detail));
  }
  validateLabelSelector(errors, webhook.namespaceSelector, `${path}.namespaceSelector`);
  validateLabelSelector(errors, webhook.objectSelector, `${path}.objectSelector`);
  validateWebhookClient(errors, webhook.clientConfig ?? {}, `${path}.clientConfig`);
  validateMatchConditions(errors, webhook.matchConditions, `${path}.matchConditions`);
}

function validateFullName(errors: FieldError[], name: string, path: string): void {
  if (name === '') {
    errors.push(required(path));
    return;
  }
  const problems = dnsSubdomainProblems(name);
  if (problems.length > 0) errors.push(invalid(path, name, problems.join(',')));
  else if (name.split('.').length < 3) {
    errors.push(invalid(path, name, 'should be a domain with at least three segments separated by dots'));
  }
}

function validateReviewVersions(errors: FieldError[], versions: readonly string[], path: string): void {
  const accepted = reviewVersions.join(', ');
  if (versions.length === 0) {
    errors.push(required(path, `must specify one of ${accepted}`));
    return;
  }
  versions.forEach((version, i) => {
    if (versions.indexOf(version) !== i) errors.push(duplicate(`${path}[${i}]`, version));
    pushInvalid(errors, `${path}[${i}]`, version, dns1035LabelProblems(version));
  });
  if (!versions.some((version) => reviewVersions.includes(version))) {
    errors.push(invalid(path, versions, `must include at least one of ${accepted}`));
  }
}
