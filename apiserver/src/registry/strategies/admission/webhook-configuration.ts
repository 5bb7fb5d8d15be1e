/** MutatingWebhookConfiguration and ValidatingWebhookConfiguration. */
import { dnsSubdomainProblems } from '@slipway/api/names';
import type {
  KubeObject,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '@slipway/api/types';
import { duplicate, type FieldError, invalid, notSupported, required } from '@slipway/api/validation/field-error';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

const group = 'admissionregistration.k8s.io';
const timeoutSecondsDefault = 10;
const timeoutSecondsMax = 30;
const servicePort = 443;

interface WebhookConfiguration extends KubeObject {
  webhooks?: MutatingWebhook[];
}

function strategyOf<T extends WebhookConfiguration>(resource: string): Strategy<T> {
  return {
    resource: descriptorOf(group, 'v1', resource),
    defaults(draft) {
      for (const webhook of draft.webhooks ?? []) defaultWebhook(webhook, resource.startsWith('mutating'));
    },
    prepareCreate: startGeneration,
    prepareUpdate: (draft, old) => countGeneration(draft, old, draft.webhooks, old.webhooks),
    validate(draft) {
      const errors: FieldError[] = [];
      const names = new Set<string>();
      for (const [i, webhook] of (draft.webhooks ?? []).entries()) {
        const path = `webhooks[${i}]`;
        validateWebhook(errors, webhook, path);
        if (names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
        names.add(webhook.name);
      }
      return errors;
    },
  };
}

export const mutatingWebhookConfigurationStrategy = strategyOf<MutatingWebhookConfiguration>(
  'mutatingwebhookconfigurations',
);
export const validatingWebhookConfigurationStrategy = strategyOf<
  ValidatingWebhookConfiguration & { webhooks?: MutatingWebhook[] }
>('validatingwebhookconfigurations');

function defaultWebhook(webhook: MutatingWebhook, isMutating: boolean): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= timeoutSecondsDefault;
  if (isMutating) webhook.reinvocationPolicy ??= 'Never';
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= servicePort;
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

function validateWebhook(errors: FieldError[], webhook: MutatingWebhook, path: string): void {
  const problems = dnsSubdomainProblems(webhook.name ?? '');
  if (!webhook.name) errors.push(required(`${path}.name`));
  else if (problems.length > 0 || webhook.name.split('.').length < 3) {
    errors.push(
      invalid(`${path}.name`, webhook.name, 'should be a domain with at least three segments separated by dots'),
    );
  }
  for (const [i, rule] of (webhook.rules ?? []).entries()) {
    for (const list of ['operations', 'apiGroups', 'apiVersions', 'resources'] as const) {
      if (!rule[list]?.length) errors.push(required(`${path}.rules[${i}].${list}`));
    }
    for (const [at, operation] of (rule.operations ?? []).entries()) {
      if (operations.includes(operation)) continue;
      errors.push(notSupported(`${path}.rules[${i}].operations[${at}]`, operation, operations));
    }
    if (rule.scope !== undefined && !['*', 'Cluster', 'Namespaced'].includes(rule.scope)) {
      errors.push(notSupported(`${path}.rules[${i}].scope`, rule.scope, ['*', 'Cluster', 'Namespaced']));
    }
  }
  oneOf(errors, `${path}.failurePolicy`, webhook.failurePolicy, ['Fail', 'Ignore']);
  oneOf(errors, `${path}.matchPolicy`, webhook.matchPolicy, ['Equivalent', 'Exact']);
  if (webhook.sideEffects === undefined) {
    errors.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  } else oneOf(errors, `${path}.sideEffects`, webhook.sideEffects, ['None', 'NoneOnDryRun']);
  const { timeoutSeconds = timeoutSecondsDefault } = webhook;
  if (timeoutSeconds < 1 || timeoutSeconds > timeoutSecondsMax) {
    errors.push(
      invalid(`${path}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  }
  if (!webhook.admissionReviewVersions?.length) {
    errors.push(required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  } else if (!webhook.admissionReviewVersions.some((version) => version === 'v1' || version === 'v1beta1')) {
    errors.push(
      invalid(
        `${path}.admissionReviewVersions`,
        webhook.admissionReviewVersions,
        'must include at least one of v1, v1beta1',
      ),
    );
  }
  validateClient(errors, webhook.clientConfig, `${path}.clientConfig`);
}

function oneOf(errors: FieldError[], path: string, value: string | undefined, supported: readonly string[]): void {
  if (value !== undefined && !supported.includes(value)) errors.push(notSupported(path, value, supported));
}

function validateClient(errors: FieldError[], client: MutatingWebhook['clientConfig'] | undefined, path: string): void {
  if ((client?.url === undefined) === (client?.service === undefined)) {
    errors.push(required(path, 'exactly one of url or service is required'));
    return;
  }
  if (client?.url !== undefined) validateUrl(errors, client.url, `${path}.url`);
  const { service } = client ?? {};
  if (!service) return;
  if (!service.name) errors.push(required(`${path}.service.name`, 'service name is required'));
  if (!service.namespace) errors.push(required(`${path}.service.namespace`, 'service namespace is required'));
  if (service.path !== undefined && !service.path.startsWith('/')) {
    errors.push(invalid(`${path}.service.path`, service.path, "must start with a '/'"));
  }
  const { port = servicePort } = service;
  if (port < 1 || port > 65535) {
    errors.push(invalid(`${path}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'));
  }
}

const form = '; desired format: https://host[/path]';

function validateUrl(errors: FieldError[], text: string, path: string): void {
  const url = URL.parse(text);
  if (!url) {
    errors.push(required(path, `url must be a valid URL: ${JSON.stringify(text)}${form}`));
    return;
  }
  if (url.protocol !== 'https:') {
    errors.push(invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`));
  }
  if (url.host === '') errors.push(invalid(path, url.host, `host must be specified${form}`));
  if (url.username !== '') errors.push(invalid(path, url.username, 'user information is not permitted in the URL'));
  if (url.hash !== '') errors.push(invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '')
    errors.push(invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL'));
}
