import { type FieldError, duplicate, required } from '@slipway/api/validation/field-error';

/** Conditions of flow schemas and priority levels: any type, each once. */
export function validateFlowConditions(
  errors: FieldError[],
  conditions: readonly { readonly type?: string }[] = [],
  path: string,
): void {
  const seen = new Set<string>();
  conditions.forEach(({ type = '' }, i) => {
    const at = `${path}[${i}].type`;
    if (seen.has(type)) errors.push(duplicate(at, type));
    seen.add(type);
    if (type === '') errors.push(required(at, 'must not be empty'));
  });
}
