import { byteLength, dnsLabelProblems } from '@slipway/api/names';
import type { IngressClass, IngressClassSpec } from '@slipway/api/types';
import { validateDomainPath } from '@slipway/api/validation/domain-path';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  pushInvalid,
  required,
  tooLong,
} from '@slipway/api/validation/field-error';
import { validateTypedReference } from '@slipway/api/validation/local-reference';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { countGeneration, startGeneration } from '../generation.ts';

const controllerMax = 250;
const scopes = ['Cluster', 'Namespace'];

export const ingressClassStrategy: Strategy<IngressClass> = {
  resource: descriptorOf('networking.k8s.io', 'v1', 'ingressclasses'),
  defaults(draft) {
    draft.spec ??= {};
    if (draft.spec.parameters) draft.spec.parameters.scope ??= 'Cluster';
  },
  prepareCreate: startGeneration,
  prepareUpdate: (draft, old) => countGeneration(draft, old, draft.spec, old.spec),
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { controller = '', parameters } = spec;
    if (byteLength(controller) > controllerMax) errors.push(tooLong('spec.controller', controllerMax));
    validateDomainPath(errors, controller, 'spec.controller');
    if (parameters) validateParameters(errors, parameters, 'spec.parameters');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    return spec.controller === old.controller
      ? []
      : [invalid('spec.controller', spec.controller, 'field is immutable')];
  },
};

function validateParameters(
  errors: FieldError[],
  reference: NonNullable<IngressClassSpec['parameters']>,
  path: string,
): void {
  validateTypedReference(errors, reference, path);
  const { scope = '', namespace } = reference;
  if (scope === '') errors.push(required(`${path}.scope`));
  else if (!scopes.includes(scope)) errors.push(notSupported(`${path}.scope`, scope, scopes));
  if (scope === 'Namespace') {
    const at = `${path}.namespace`;
    if (namespace === undefined) errors.push(required(at, "`parameters.scope` is set to 'Namespace'"));
    else pushInvalid(errors, at, namespace, dnsLabelProblems(namespace));
  }
  if (scope === 'Cluster' && namespace !== undefined) {
    errors.push(forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  }
}
