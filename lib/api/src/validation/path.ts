import { type FieldError, invalid } from './field-error.ts';

/** A path inside a volume: relative, and never out of it. */
export function validateDescendingPath(errors: FieldError[], target: string, path: string): void {
  if (target.startsWith('/')) errors.push(invalid(path, target, 'must be a relative path'));
  validateNoBacksteps(errors, target, path);
}

export function validateNoBacksteps(errors: FieldError[], target: string, path: string): void {
  if (target.includes('..') && target.split('/').includes('..')) {
    errors.push(invalid(path, target, "must not contain '..'"));
  }
}

/** A file name that a volume makes: names that begin with `..` are the volume's own. */
export function validateFilePath(errors: FieldError[], target: string, path: string): void {
  validateDescendingPath(errors, target, path);
  if (target.startsWith('..') && !target.startsWith('../')) {
    errors.push(invalid(path, target, "must not start with '..'"));
  }
}

const fileModeProblem = 'must be a number between 0 and 0777 (octal), both inclusive';

export function validateFileMode(errors: FieldError[], mode: number | undefined, path: string): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(invalid(path, mode, fileModeProblem));
}
