import type { Schema } from './structural-schema.ts';

/** Why a value cannot be read as its schema says, in the words of Go's decoder. */
export class DecodeFailure extends Error {
  override readonly name = 'DecodeFailure';
}

/**
 * Deeper objects are refused. Upstream's decoder stops at 10,000, which fits its growing stacks; here a thousand levels stay far
 * from the end of the stack, and the deepest schemas of custom resources have about a hundred.
 */
export const depthMax = 1000;

/** As upstream: the hundredth problem is enough to see that the rest is wrong too. */
const problemsMax = 100;

/**
 * Where a decoder stands, and what it found. The path is written only on the way down and read only when there is something to
 * report, so that good objects cost nothing.
 */
export class DecodeContext {
  /** The segments above the current value: field names, list indexes, map keys. Only the first `depth` count. */
  readonly path: (string | number)[] = [];
  depth = 0;
  /** `unknown field "spec.foo"`, in the order met; stays empty when nobody asks. */
  readonly problems: string[] = [];
  readonly #root: Schema;
  readonly #collects: boolean;

  constructor(root: Schema, collects: boolean) {
    this.#root = root;
    this.#collects = collects;
  }

  /** Goes one level down; the caller sets `path[index]` before each child, and calls leave at the end. */
  enter(): number {
    if (this.depth >= depthMax) throw new DecodeFailure('json: exceeded max depth');
    return this.depth++;
  }

  leave(): void {
    this.depth--;
  }

  /** Notes that the field last set in the path is not in the schema. */
  unknownField(): void {
    if (this.#collects && this.problems.length < problemsMax)
      this.problems.push(`unknown field "${fieldPath(this.path.slice(0, this.depth))}"`);
  }

  /** The value last set in the path is of the wrong JSON type. `found` is `string`, `bool`, `number`, `number 1.5`, `object` or `array`. */
  mismatch(found: string, goType: string): never {
    const { struct, field } = this.#goField();
    const place = struct === '' ? 'Go value' : `Go struct field ${struct}.${field}`;
    throw new DecodeFailure(`json: cannot unmarshal ${found} into ${place} of type ${goType}`);
  }

  /** The innermost struct, and the path to the value through fields only, as Go's messages have them. */
  #goField(): { struct: string; field: string } {
    const fields: string[] = [];
    let struct = '';
    let schema: Schema | undefined = this.#root;
    for (const segment of this.path.slice(0, this.depth)) {
      if (schema?.type === 'union') schema = schema.object;
      if (schema?.type === 'object') {
        struct = shortName(schema.name);
        fields.push(String(segment));
        schema = schema.fields.get(String(segment));
      } else if (schema?.type === 'list') {
        schema = schema.items;
      } else if (schema?.type === 'map') {
        schema = schema.values;
      }
    }
    return { struct, field: fields.join('.') };
  }
}

/** `spec.containers[0].image` */
export function fieldPath(segments: readonly (string | number)[]): string {
  let path = '';
  for (const segment of segments)
    path += typeof segment === 'number' ? `[${segment}]` : path === '' ? segment : `.${segment}`;
  return path;
}

export function shortName(definition: string): string {
  return definition.slice(definition.lastIndexOf('.') + 1);
}

/** What Go calls the type of a schema: `[]v1.Container`, `map[string]string`. */
export function goTypeName(schema: Schema): string {
  switch (schema.type) {
    case 'object':
      return schema.name.split('.').slice(-2).join('.');
    case 'list':
      return `[]${goTypeName(schema.items)}`;
    case 'map':
      return `map[string]${goTypeName(schema.values)}`;
    case 'union':
      return goTypeName(schema.object);
    default:
      return goScalars[schema.type];
  }
}

const goScalars = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  any: 'interface {}',
} as const;

/** What Go calls the JSON type of a value. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
