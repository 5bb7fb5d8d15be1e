import { canonicalList } from '@slipway/api/defaults/resource-list';
import type { ResourceQuota, ResourceQuotaSpec } from '@slipway/api/types';
import { type FieldError, invalid, required } from '@slipway/api/validation/field-error';
import {
  isPodComputeResource,
  isQuotaResource,
  validateQuotaAmount,
  validateQuotaResourceName,
} from '@slipway/api/validation/resource-names';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';
import type { Strategy } from '../../strategy.ts';
import { descriptorOf } from '../descriptor.ts';
import { dropGeneration, keepStatus } from '../generation.ts';

/** Which pods (or claims) a quota counts. */
const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];
const excluding = [
  ['BestEffort', 'NotBestEffort'],
  ['NotTerminating', 'Terminating'],
] as const;
/** These either hold or not: there is nothing to compare with. */
const scopesWithoutValues = [
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
];

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  resource: descriptorOf('', 'v1', 'resourcequotas'),
  answersDeletedObject: true,
  defaults(draft) {
    draft.spec ??= {};
    for (const amounts of [draft.spec.hard, draft.status?.hard, draft.status?.used]) {
      if (amounts) canonicalList(amounts);
    }
  },
  prepareCreate(draft) {
    dropGeneration(draft);
    draft.status = {};
  },
  prepareUpdate: keepStatus,
  validate({ spec, status }) {
    const errors: FieldError[] = [];
    validateAmounts(errors, spec.hard, 'spec.hard');
    validateScopes(errors, spec, 'spec.scopes');
    validateScopeSelector(errors, spec, 'spec.scopeSelector');
    validateAmounts(errors, status?.hard, 'status.hard');
    validateAmounts(errors, status?.used, 'status.used');
    return errors;
  },
  validateUpdate({ spec }, { spec: old }) {
    const sorted = ({ scopes = [] }: ResourceQuotaSpec) => [...new Set(scopes)].sort();
    if (semanticEqual(sorted(spec), sorted(old))) return [];
    return [invalid('spec.scopes', spec.scopes, 'field is immutable')];
  },
};

function validateAmounts(errors: FieldError[], amounts: Readonly<Record<string, string>> = {}, path: string): void {
  for (const [name, text] of Object.entries(amounts)) {
    validateQuotaResourceName(errors, name, `${path}[${name}]`);
    validateQuotaAmount(errors, name, text, `${path}[${name}]`);
  }
}

function validateScopes(errors: FieldError[], spec: ResourceQuotaSpec, path: string): void {
  const given = spec.scopes ?? [];
  for (const scope of given) {
    if (!scopes.includes(scope)) errors.push(invalid(path, given, 'unsupported scope'));
    for (const name of Object.keys(spec.hard ?? {})) {
      if (!counts(scope, name)) errors.push(invalid(path, given, 'unsupported scope applied to resource'));
    }
  }
  for (const pair of excluding) {
    if (pair.every((scope) => given.includes(scope))) errors.push(invalid(path, given, 'conflicting scopes'));
  }
}

/** Whether a resource can be counted under a scope. Resources of others are their own business. */
function counts(scope: string, name: string): boolean {
  if (!isQuotaResource(name)) return true;
  switch (scope) {
    case 'BestEffort':
      return name === 'pods';
    case 'Terminating':
    case 'NotTerminating':
    case 'NotBestEffort':
    case 'PriorityClass':
    case 'CrossNamespacePodAffinity':
      return name === 'pods' || isPodComputeResource(name);
    case 'VolumeAttributesClass':
      return name === 'persistentvolumeclaims' || name === 'requests.storage';
    default:
      return true;
  }
}

function validateScopeSelector(errors: FieldError[], spec: ResourceQuotaSpec, path: string): void {
  const given = spec.scopeSelector?.matchExpressions ?? [];
  const at = `${path}.matchExpressions`;
  for (const { scopeName = '', operator = '', values = [] } of given) {
    if (!scopes.includes(scopeName)) errors.push(invalid(`${at}.scopeName`, scopeName, 'unsupported scope'));
    for (const name of Object.keys(spec.hard ?? {})) {
      if (!counts(scopeName, name)) {
        errors.push(invalid(at, spec.scopeSelector, 'unsupported scope applied to resource'));
      }
    }
    if (scopesWithoutValues.includes(scopeName) && operator !== 'Exists') {
      const detail =
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
      errors.push(invalid(`${at}.operator`, operator, detail));
    }
    validateOperator(errors, operator, values, at);
  }
  const names = given.map(({ scopeName }) => scopeName);
  for (const pair of excluding) {
    if (pair.every((scope) => names.includes(scope))) errors.push(invalid(at, names, 'conflicting scopes'));
  }
}

function validateOperator(errors: FieldError[], operator: string, values: readonly string[], path: string): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
        errors.push(required(`${path}.values`, detail));
      }
      return;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
        errors.push(invalid(`${path}.values`, values, detail));
      }
      return;
    default:
      errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  }
}
