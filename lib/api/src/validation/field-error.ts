/**
 * What is wrong with one field of an object, in upstream's words: `spec.containers[0].image: Required value`.
 *
 * Paths are plain strings, put together on the way down (`` `${path}.name` ``, `` `${path}[${i}]` ``): joining strings costs
 * next to nothing in V8, and most paths are never shown.
 */
import { StatusError } from '../status-error.ts';

const words = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooShort: 'Too short',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  FieldValueTypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
} as const;

export type FieldErrorType = keyof typeof words;

export interface FieldError {
  readonly type: FieldErrorType;
  /** `spec.containers[0].image`. */
  readonly field: string;
  /** Without the field: `Invalid value: "x": must be no more than 63 bytes`. */
  readonly body: string;
}

export function required(field: string, detail = ''): FieldError {
  return fieldError('FieldValueRequired', field, detail);
}

/** `value` as the API shows it: strings quoted, other values as JSON, nothing as "null". */
export function invalid(field: string, value: unknown, detail: string): FieldError {
  return fieldErrorWithValue('FieldValueInvalid', field, value, detail);
}

/** Where the value would say nothing: a whole object of which parts exclude each other. */
export function invalidWithoutValue(field: string, detail: string): FieldError {
  return fieldError('FieldValueInvalid', field, detail);
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return fieldErrorWithValue('FieldValueTypeInvalid', field, value, detail);
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const detail = supported.length === 0 ? '' : `supported values: ${supported.map(quoted).join(', ')}`;
  return fieldErrorWithValue('FieldValueNotSupported', field, value, detail);
}

export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return fieldErrorWithValue('FieldValueDuplicate', field, value, detail);
}

export function notFound(field: string, value: unknown): FieldError {
  return fieldErrorWithValue('FieldValueNotFound', field, value, '');
}

export function forbidden(field: string, detail: string): FieldError {
  return fieldError('FieldValueForbidden', field, detail);
}

export function tooLong(field: string, limitBytes: number): FieldError {
  return fieldError(
    'FieldValueTooLong',
    field,
    `may not be more than ${limitBytes} byte${limitBytes === 1 ? '' : 's'}`,
  );
}

export function tooMany(field: string, actual: number, limit: number): FieldError {
  const detail = `must have at most ${limit} item${limit === 1 ? '' : 's'}`;
  return fieldErrorWithValue('FieldValueTooMany', field, actual, detail);
}

export function internalError(field: string, detail: string): FieldError {
  return fieldError('InternalError', field, detail);
}

/** One `invalid` per message: the usual way to report what a name rule found. */
export function pushInvalid(errors: FieldError[], field: string, value: unknown, problems: readonly string[]): void {
  for (const problem of problems) errors.push(invalid(field, value, problem));
}

function fieldError(type: FieldErrorType, field: string, detail: string): FieldError {
  return { type, field, body: detail === '' ? words[type] : `${words[type]}: ${detail}` };
}

function fieldErrorWithValue(type: FieldErrorType, field: string, value: unknown, detail: string): FieldError {
  const shown = `${words[type]}: ${display(value)}`;
  return { type, field, body: detail === '' ? shown : `${shown}: ${detail}` };
}

function display(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (value === undefined || value === null) return 'null';
  return JSON.stringify(value) ?? String(value);
}

const controlCharacters = /\p{Cc}/gu;
const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** As Go quotes a string. */
export function quoted(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  const shown = escaped.replace(
    controlCharacters,
    (character) => escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `"${shown}"`;
}

/** `spec.containers[0].image: Required value` */
export function fieldErrorText({ field, body }: FieldError): string {
  return `${field}: ${body}`;
}

/** One text as it is; several in brackets, each once. */
export function fieldErrorsText(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(fieldErrorText))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** The 422 that clients show as `Deployment.apps "x" is invalid: spec.selector: Required value`. */
export function invalidError(kind: string, group: string, name: string, errors: readonly FieldError[]): StatusError {
  const qualifiedKind = group === '' ? kind : `${kind}.${group}`;
  const message = `${qualifiedKind} ${quoted(name)} is invalid`;
  return new StatusError('Invalid', errors.length === 0 ? message : `${message}: ${fieldErrorsText(errors)}`, {
    details: {
      name,
      ...(group === '' ? {} : { group }),
      kind,
      causes: errors.map(({ type, field, body }) => ({ reason: type, message: body, field })),
    },
  });
}
