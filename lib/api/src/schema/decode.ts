import { parseApiVersion } from '../resources.ts';
import { StatusError } from '../status-error.ts';
import { decoderOf, type Typing } from './compile-decoder.ts';
import { DecodeContext, DecodeFailure, shortName } from './decode-context.ts';
import type { ObjectSchema } from './structural-schema.ts';

/** What to do about unknown and duplicate fields: the `fieldValidation` parameter of a request. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface Decoded {
  /** Shares its unchanged parts with the input. */
  readonly object: Record<string, unknown>;
  /** Of the mode Warn: one text per unknown field, for `Warning` headers. Empty otherwise. */
  readonly warnings: readonly string[];
}

export interface DecodeOptions {
  readonly fieldValidation: FieldValidation;
  /** Default `typed`; `unstructured` for custom resources. */
  readonly typing?: Typing;
  /** `duplicate field "spec.x"`, as duplicateFields found them in the text; they count like unknown fields. */
  readonly duplicates?: readonly string[];
  /** What the object is where it does not say so itself; only for messages. */
  readonly expected?: { readonly apiVersion: string; readonly kind: string };
}

/** Why a value is no object of the schema, without saying which kind it was to be. */
export class DecodeProblem extends Error {
  override readonly name = 'DecodeProblem';
}

/**
 * Reads parsed JSON as an object of the given schema: prunes unknown fields, refuses wrong types, drops nulls where Go would not see them, and
 * brings times and quantities to their canonical strings. Nothing is defaulted, and required fields may be missing. The input is not changed.
 *
 * Throws StatusError BadRequest, with upstream's text:
 * `Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.x of type int64`.
 */
export function decodeObject(schema: ObjectSchema, value: unknown, options: DecodeOptions): Decoded {
  const { fieldValidation, typing = 'typed', duplicates = [] } = options;
  const context = new DecodeContext(schema, fieldValidation !== 'Ignore');
  const object = decodeOrRefuse(schema, value, typing, context, options.expected);
  if (fieldValidation === 'Ignore') return { object, warnings: [] };
  const problems = [...duplicates, ...context.problems];
  if (fieldValidation === 'Warn' || problems.length === 0) return { object, warnings: problems };
  throw refusal(schema, value, `strict decoding error: ${problems.join(', ')}`, options.expected);
}

function decodeOrRefuse(
  schema: ObjectSchema,
  value: unknown,
  typing: Typing,
  context: DecodeContext,
  expected: DecodeOptions['expected'],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal(schema, value, 'json: the body is not an object', expected);
  }
  try {
    return decoderOf(schema, typing)(value, context) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof DecodeFailure)) throw error;
    throw refusal(schema, value, error.message, expected);
  }
}

function refusal(
  schema: ObjectSchema,
  value: unknown,
  reason: string,
  expected: DecodeOptions['expected'],
): StatusError {
  const said = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const apiVersion = said.apiVersion || expected?.apiVersion;
  const kind = said.kind || expected?.kind;
  const name = shortName(schema.name) || String(kind);
  const message =
    typeof apiVersion !== 'string' || typeof kind !== 'string'
      ? `the object provided is unrecognized (must be of type ${name}): ${reason} (${summary(value)})`
      : `${kind} in version "${parseApiVersion(apiVersion).version}" cannot be handled as a ${name}: ${reason}`;
  return new StatusError('BadRequest', message, { cause: new DecodeProblem(reason) });
}

/** The first thirty characters, as a hint which object it was. */
function summary(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length > 30 ? `${text.slice(0, 30)} ...` : text;
}
