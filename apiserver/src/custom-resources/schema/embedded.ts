/** Objects inside objects (`x-kubernetes-embedded-resource`): they say what they are, and their metadata follows the rules of any metadata. */
import { isJsonObject, type JsonValue, ownValue } from '@slipway/api/patch/json-value';
import type { ObjectMeta } from '@slipway/api/types';
import { type FieldError, required } from '@slipway/api/validation/field-error';
import { validateAnnotations, validateLabels } from '@slipway/api/validation/object-meta';
import { isObjectSchema, type JsonSchema } from './json-schema.ts';
import { childPath } from './validate.ts';

type EmbeddedCheck = (value: JsonValue, path: string, errors: FieldError[]) => void;

/** Undefined when the schema embeds nothing. */
export function compileEmbedded(schema: JsonSchema): EmbeddedCheck | undefined {
  const own = schema['x-kubernetes-embedded-resource'] ? checkResource : undefined;
  const inside = partsCheck(schema);
  if (!own || !inside) return own ?? inside;
  return (value, path, errors) => {
    own(value, path, errors);
    inside(value, path, errors);
  };
}

function partsCheck({ properties, items, additionalProperties }: JsonSchema): EmbeddedCheck | undefined {
  const fields = Object.entries(properties ?? {}).flatMap(([name, part]) => {
    const check = compileEmbedded(part);
    return check ? [[name, check] as const] : [];
  });
  const each = items && compileEmbedded(items);
  const values = isObjectSchema(additionalProperties) ? compileEmbedded(additionalProperties) : undefined;
  if (fields.length === 0 && !each && !values) return undefined;
  return (value, path, errors) => {
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) each?.(item, `${path}[${i}]`, errors);
    } else if (isJsonObject(value)) {
      for (const [name, check] of fields) {
        const part = ownValue(value, name);
        if (part !== undefined) check(part, childPath(path, name), errors);
      }
      if (values) for (const key of Object.keys(value)) values(value[key] as JsonValue, `${path}[${key}]`, errors);
    }
  };
}

function checkResource(value: JsonValue, path: string, errors: FieldError[]): void {
  if (!isJsonObject(value)) return;
  for (const name of ['apiVersion', 'kind']) {
    if (!ownValue(value, name)) errors.push(required(childPath(path, name), 'must not be empty'));
  }
  const metadata = ownValue(value, 'metadata') as ObjectMeta | undefined;
  if (!metadata) return;
  validateLabels(errors, metadata.labels, `${path}.metadata.labels`);
  validateAnnotations(errors, metadata.annotations, `${path}.metadata.annotations`);
}
