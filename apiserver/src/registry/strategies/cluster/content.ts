/** Rules that ConfigMaps and Secrets share. */
import { type FieldError, forbidden } from '@slipway/api/validation/field-error';
import { semanticEqual } from '@slipway/api/validation/semantic-equal';

/** All values together, as bytes. Upstream's limit: a store entry should hold it. */
export const contentBytesMax = 1024 * 1024;

export function utf8Size(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}

export function base64Size(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}

const frozen = 'field is immutable when `immutable` is set';

/** Once `immutable` is set, it stays set and the content stays as it is. */
export function validateFrozen<T extends { readonly immutable?: boolean }>(
  draft: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (!old.immutable) return [];
  const errors: FieldError[] = [];
  if (!draft.immutable) errors.push(forbidden('immutable', frozen));
  for (const field of fields) if (!semanticEqual(draft[field], old[field])) errors.push(forbidden(field, frozen));
  return errors;
}
