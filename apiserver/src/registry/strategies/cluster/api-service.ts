/**
 * Who serves which version of a group. Ours are local; the server keeps them in step with what it serves (`bootstrap/local-api-services.ts`).
 * One that names a service is stored, so that manifests with one can be applied, and is said to be unavailable: this server does not lead
 * requests on to others. Aggregation belongs here.
 */
import { dns1035LabelProblems, dnsSubdomainProblems, portNumberProblems } from '@slipway/api/names';
import type { APIService } from '@slipway/api/types';
import { type FieldError, invalid, pushInvalid, required } from '@slipway/api/validation/field-error';
import { formatTime } from '@slipway/kit/clock';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

const groupPriorityMax = 20_000;
const versionPriorityMax = 1_000;
const servicePortDefault = 443;

const localCondition = {
  type: 'Available',
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};
const remoteCondition = {
  type: 'Available',
  status: 'False',
  reason: 'AggregationNotSupported',
  message: 'this server does not lead requests on to other API servers: the group is not served',
};

export const apiServiceStrategy: Strategy<APIService> = {
  resource: descriptorOf('apiregistration.k8s.io', 'v1', 'apiservices'),
  allowUnconditionalUpdate: false,
  /** Only one name is right, and `validate` knows which. */
  validateName: () => [],
  defaults({ spec }) {
    if (spec?.service) spec.service.port ??= servicePortDefault;
  },
  prepareCreate(draft, { nowMs }) {
    dropGeneration(draft);
    const condition = draft.spec?.service ? remoteCondition : localCondition;
    draft.status = { conditions: [{ ...condition, lastTransitionTime: formatTime(nowMs) }] };
  },
  prepareUpdate: keepStatus,
  validate({ metadata, spec }) {
    const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
    const errors: FieldError[] = [];
    const name = `${version}.${group}`;
    if (metadata.name !== name) {
      errors.push(
        invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`),
      );
    }
    if (group !== '') pushInvalid(errors, 'spec.group', group, dnsSubdomainProblems(group));
    else if (version !== 'v1') {
      errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
    }
    pushInvalid(errors, 'spec.version', version, dns1035LabelProblems(version));
    if (groupPriorityMinimum <= 0 || groupPriorityMinimum > groupPriorityMax) {
      const detail = `must be positive and less than ${groupPriorityMax}`;
      errors.push(invalid('spec.groupPriorityMinimum', groupPriorityMinimum, detail));
    }
    if (versionPriority <= 0 || versionPriority > versionPriorityMax) {
      const detail = `must be positive and less than ${versionPriorityMax}`;
      errors.push(invalid('spec.versionPriority', versionPriority, detail));
    }
    validateTarget(errors, spec ?? {});
    return errors;
  },
  warnings: ({ metadata, spec }, old) =>
    spec?.service && !old ? [`APIService ${metadata.name} is stored, but ${remoteCondition.message}`] : [],
};

function validateTarget(errors: FieldError[], spec: Partial<APIService['spec']>): void {
  const { service, caBundle = '', insecureSkipTLSVerify: isInsecure = false } = spec;
  if (!service) {
    if (caBundle !== '') {
      const bytes = `${Buffer.from(caBundle, 'base64').length} bytes`;
      errors.push(invalid('spec.caBundle', bytes, 'local APIServices may not have a caBundle'));
    }
    if (isInsecure) {
      const detail = 'local APIServices may not have insecureSkipTLSVerify';
      errors.push(invalid('spec.insecureSkipTLSVerify', isInsecure, detail));
    }
    return;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  const { port = servicePortDefault } = service;
  const problems = portNumberProblems(port);
  if (problems.length > 0) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${problems.join(',')}`));
  }
  if (isInsecure && caBundle !== '') {
    errors.push(invalid('spec.insecureSkipTLSVerify', isInsecure, 'may not be true if caBundle is present'));
  }
}
