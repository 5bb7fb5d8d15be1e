/** Rules of `metadata` that hold for every kind. */
import {
  byteLength,
  dnsLabelProblems,
  labelValueProblems,
  type NameRule,
  qualifiedNameProblems,
  subdomainName,
} from '../names.ts';
import { parseApiVersion } from '../resources.ts';
import type { ObjectMeta } from '../types.ts';
import { type FieldError, forbidden, invalid, pushInvalid, required, tooLong } from './field-error.ts';

/** All annotations of an object together, keys included. */
export const annotationBytesMax = 256 * 1024;

/** What of a kind the rules depend on. Any Strategy is one. */
export interface MetaRules {
  readonly resource: { readonly group: string; readonly namespaced: boolean };
  /** The kind's name rule. Default: a DNS subdomain. */
  readonly validateName?: NameRule;
}

/** For create and update, after names are generated. What may not change is not looked at here. */
export function validateObjectMeta(metadata: ObjectMeta, rules: MetaRules): FieldError[] {
  const errors: FieldError[] = [];
  const nameRule = rules.validateName ?? subdomainName;
  const { name, generateName, generation } = metadata;
  if (generateName) pushInvalid(errors, 'metadata.generateName', generateName, nameRule(generateName, true));
  if (name) pushInvalid(errors, 'metadata.name', name, nameRule(name, false));
  else errors.push(required('metadata.name', 'name or generateName is required'));
  validateNamespaceOf(errors, metadata, rules.resource.namespaced);
  if (generation !== undefined && generation < 0) {
    errors.push(invalid('metadata.generation', generation, 'must be greater than or equal to 0'));
  }
  validateLabels(errors, metadata.labels, 'metadata.labels');
  validateAnnotations(errors, metadata.annotations, 'metadata.annotations');
  if (metadata.ownerReferences) validateOwnerReferences(errors, metadata.ownerReferences);
  if (metadata.finalizers) validateFinalizers(errors, metadata.finalizers, isBuiltInGroup(rules.resource.group));
  return errors;
}

function validateNamespaceOf(errors: FieldError[], { namespace }: ObjectMeta, isNamespaced: boolean): void {
  if (!isNamespaced) {
    if (namespace) errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  } else if (!namespace) errors.push(required('metadata.namespace'));
  else pushInvalid(errors, 'metadata.namespace', namespace, dnsLabelProblems(namespace));
}

/** Errors name the map, not the key, as upstream's do. */
export function validateLabels(
  errors: FieldError[],
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  if (!labels) return;
  for (const key of Object.keys(labels)) {
    const value = labels[key] ?? '';
    pushInvalid(errors, path, key, qualifiedNameProblems(key));
    if (value !== '') pushInvalid(errors, path, value, labelValueProblems(value));
  }
}

/** Keys are qualified names of any case; the size of all of them is limited. */
export function validateAnnotations(
  errors: FieldError[],
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  if (!annotations) return;
  let bytes = 0;
  for (const key of Object.keys(annotations)) {
    pushInvalid(errors, path, key, qualifiedNameProblems(key.toLowerCase()));
    bytes += byteLength(key) + byteLength(annotations[key] ?? '');
  }
  if (bytes > annotationBytesMax) errors.push(tooLong(path, annotationBytesMax));
}

function validateOwnerReferences(errors: FieldError[], owners: NonNullable<ObjectMeta['ownerReferences']>): void {
  const path = 'metadata.ownerReferences';
  let controller: string | undefined;
  for (const owner of owners) {
    if (!parseApiVersion(owner.apiVersion ?? '').version) {
      errors.push(invalid(`${path}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    }
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalid(`${path}.${field}`, '', 'must not be empty'));
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      errors.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (!owner.controller) continue;
    const named = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = named;
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${named}`;
      errors.push(invalid(path, owners, detail));
    }
  }
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion', 'customresourcecleanup.apiextensions.k8s.io'];

function validateFinalizers(errors: FieldError[], finalizers: readonly string[], isBuiltIn: boolean): void {
  const path = 'metadata.finalizers';
  for (const finalizer of finalizers) validateFinalizer(errors, finalizer, path, isBuiltIn);
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
}

/** On built-in kinds a finalizer names whose it is; custom resources may have plain ones. */
export function validateFinalizer(errors: FieldError[], finalizer: string, path: string, isBuiltIn: boolean): void {
  pushInvalid(errors, path, finalizer, qualifiedNameProblems(finalizer));
  if (isBuiltIn && !finalizer.includes('/') && !standardFinalizers.includes(finalizer)) {
    const detail = 'name is neither a standard finalizer name nor is it fully qualified';
    errors.push(invalid(path, finalizer, detail));
  }
}

/** Groups of custom resources have a dot, and those under `k8s.io` are the project's own. */
function isBuiltInGroup(group: string): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}
