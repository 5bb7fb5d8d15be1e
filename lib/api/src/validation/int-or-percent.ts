import { type IntOrString, percentOf, percentProblems } from '../int-or-string.ts';
import { validateNonNegative } from './counts.ts';
import { type FieldError, invalid, pushInvalid } from './field-error.ts';

/** A count that is not negative, or a percentage. */
export function validateIntOrPercent(errors: FieldError[], value: IntOrString, path: string): void {
  if (typeof value === 'number') validateNonNegative(errors, value, path);
  else pushInvalid(errors, path, value, percentProblems(value));
}

export function validateAtMostAll(errors: FieldError[], value: IntOrString, path: string): void {
  if ((percentOf(value) ?? 0) > 100) errors.push(invalid(path, value, 'must not be greater than 100%'));
}

/** `0` and `"0%"`; a string that is no percentage counts as none too, for it is refused elsewhere. */
export function isZero(value: IntOrString): boolean {
  return (typeof value === 'number' ? value : (percentOf(value) ?? 0)) === 0;
}
