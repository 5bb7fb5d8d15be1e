import type { IngressClass, IngressClassSpec } from '@slipway/api/types';
import { validateDomainPath } from '@slipway/api/validation/domain-path';
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '@slipway/api/validation/field-error';
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
    if (controller.length > controllerMax) errors.push(tooLong('spec.controller', controllerMax));
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
  { kind, name, scope = '', namespace }: NonNullable<IngressClassSpec['parameters']>,
  path: string,
): void {
  if (!kind) errors.push(required(`${path}.kind`, 'kind is required'));
  if (!name) errors.push(required(`${path}.name`, 'name is required'));
  if (scope === '') errors.push(required(`${path}.scope`));
  else if (!scopes.includes(scope)) errors.push(notSupported(`${path}.scope`, scope, scopes));
  if (scope === 'Namespace' && !namespace) {
    errors.push(required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'"));
  }
  if (scope === 'Cluster' && namespace !== undefined) {
    errors.push(forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
  }
}
