/** A reference to an object of any kind: `apiGroup`, `kind` and `name`, whose kind nobody here has to know. */
import { dnsSubdomainProblems, pathSegmentProblems } from '../names.ts';
import { type FieldError, pushInvalid, required } from './field-error.ts';

interface KindAndName {
  readonly kind?: string;
  readonly name?: string;
}

export function validateKindAndName(errors: FieldError[], reference: KindAndName, path: string): void {
  for (const field of ['kind', 'name'] as const) {
    const value = reference[field] ?? '';
    if (value === '') errors.push(required(`${path}.${field}`));
    else pushInvalid(errors, `${path}.${field}`, value, pathSegmentProblems(value, false));
  }
}

export function validateTypedReference(
  errors: FieldError[],
  reference: KindAndName & { readonly apiGroup?: string },
  path: string,
): void {
  const { apiGroup } = reference;
  if (apiGroup !== undefined) pushInvalid(errors, `${path}.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup));
  validateKindAndName(errors, reference, path);
}
