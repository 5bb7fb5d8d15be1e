import type { JsonObject, JsonValue } from '@slipway/api/patch/json-value';
import { type FieldError, fieldErrorText } from '@slipway/api/validation/field-error';
import { parseJsonPath } from '../json-path.ts';
import { compileDefaults } from './defaults.ts';
import type { JsonSchema } from './json-schema.ts';
import { pruner } from './pruning.ts';
import { compileRules } from './rules.ts';
import { structuralSchema } from './to-structural.ts';
import { compileValidation } from './validate.ts';

function problems(schema: JsonSchema, value: JsonValue, old?: JsonValue): string[] {
  const errors: FieldError[] = [];
  compileValidation({ type: 'object', properties: { x: schema } })(
    { x: value },
    old === undefined ? undefined : { x: old },
    '',
    errors,
  );
  return errors.map(fieldErrorText);
}

describe('validation', () => {
  it('tells what is wrong in the order of the schema, not of the object', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        a: { type: 'integer' },
        b: { type: 'object', properties: { c: { type: 'string' }, d: { type: 'string' } } },
        e: { type: 'integer' },
      },
    };
    const found = problems(schema, { e: 'x', b: { d: 1, c: 2 }, a: 'x' });
    expect(found.map((text) => text.split(':', 1)[0])).toEqual(['x.a', 'x.b.c', 'x.b.d', 'x.e']);
  });

  it.each<[JsonSchema, JsonValue, string]>([
    [{ type: 'string', minLength: 2 }, 'a', 'x: Invalid value: "a": x in body should be at least 2 chars long'],
    [{ type: 'number', exclusiveMaximum: true, maximum: 5 }, 5, 'x: Invalid value: 5: x in body should be less than 5'],
    [{ type: 'number', multipleOf: 0.1 }, 0.25, 'x: Invalid value: 0.25: x in body should be a multiple of 0.1'],
    [
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      [],
      'x: Invalid value: 0: x in body should have at least 1 items',
    ],
    [
      { type: 'array', items: { type: 'integer' } },
      [1, 'a'],
      'x[1]: Invalid value: "string": x[1] in body must be of type integer: "string"',
    ],
    [
      { type: 'object', additionalProperties: { type: 'boolean' } },
      { a: 1 },
      'x.a: Invalid value: "integer": x.a in body must be of type boolean: "integer"',
    ],
    [{ type: 'string' }, null, 'x: Invalid value: "null": x in body must be of type string: "null"'],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      'x: Invalid value: "boolean": x in body must be of type integer,string: "boolean"',
    ],
    [
      { type: 'integer', format: 'int32' },
      2_147_483_648,
      'x: Invalid value: 2147483648: Checked value must be of type integer with format int32 in x',
    ],
    [
      { type: 'integer' },
      1e19,
      'x: Invalid value: 10000000000000000000: Checked value must be of type integer (default format) in x',
    ],
    [
      { type: 'number', format: 'float' },
      1e39,
      'x: Invalid value: 1e+39: Checked value must be of type number with format float in x',
    ],
    ...[
      ['isbn10', '0-306-40615-3'],
      ['isbn13', '978-0-306-40615-8'],
      ['creditcard', '4111 1111 1111 1112'],
      ['ssn', '12-345-6789'],
      ['rgbcolor', 'rgb(0,256,0)'],
      ['hexcolor', '#12345'],
      ['uuid4', 'a987fbc9-4bed-4078-1f07-9141ba07c9f3'],
      ['k8s-short-name', 'A.b'],
      ['hostname', '-a.b'],
    ].map(([format, text]): [JsonSchema, JsonValue, string] => [
      { type: 'string', format: format ?? '' },
      text ?? '',
      `x: Invalid value: "${text}": x in body must be of type ${format}: "${text}"`,
    ]),
    [{ type: 'string', format: 'ipv4' }, '::1', 'x: Invalid value: "::1": x in body must be of type ipv4: "::1"'],
    [{ type: 'integer', not: { enum: [5] } }, 5, 'x: Invalid value: 5: x in body must not validate the schema (not)'],
  ])('%j refuses %j', (schema, value, problem) => {
    expect(problems(schema, value)).toContain(problem);
  });

  it.each<[JsonSchema, JsonValue]>([
    [{ type: 'string', nullable: true }, null],
    [{ type: 'integer' }, 5.0],
    [{ type: 'number', multipleOf: 0.1 }, 0.3],
    [{ type: 'string', maxLength: 2 }, '😀😀'],
    [{ type: 'string', format: 'unheard-of' }, 'x'],
    [{ type: 'string', format: 'isbn10' }, '0-306-40615-2'],
    [{ type: 'string', format: 'isbn' }, '978-0-306-40615-7'],
    [{ type: 'string', format: 'creditcard' }, '4111 1111 1111 1111'],
    [{ type: 'string', format: 'ssn' }, '123-45-6789'],
    [{ type: 'string', format: 'rgbcolor' }, 'rgb( 0, 128 ,255)'],
    [{ type: 'string', format: 'hexcolor' }, '#a0B1c2'],
    [{ type: 'string', format: 'uuid4' }, 'A987FBC9-4BED-4078-8F07-9141BA07C9F3'],
    [{ type: 'string', format: 'hostname' }, 'Ünïcode.example'],
    [{ type: 'integer', format: 'int32' }, 2_147_483_647],
    [{ type: 'integer', format: 'int64' }, 9_007_199_254_740_991],
    [{ type: 'number', format: 'double' }, 1e308],
    [{ 'x-kubernetes-int-or-string': true }, '80'],
    [{ type: 'object', properties: {} }, { constructor: 1 }],
  ])('%j takes %j', (schema, value) => {
    expect(problems(schema, value)).toEqual([]);
  });

  it('lets pass what is as it was before', () => {
    const schema: JsonSchema = {
      type: 'object',
      properties: { a: { type: 'string', maxLength: 1 }, b: { type: 'string' } },
    };
    expect(problems(schema, { a: 'long', b: 'new' }, { a: 'long', b: 'old' })).toEqual([]);
    expect(problems(schema, { a: 'longer' }, { a: 'long' })).toHaveLength(1);
  });

  it('tries nested alternatives once each', () => {
    let schema: JsonSchema = { type: 'string' };
    for (let depth = 0; depth < 40; depth++) schema = { anyOf: [schema] };
    expect(problems(schema, 5).length).toBeGreaterThan(0);
  });
});

describe('defaults', () => {
  const fill = (schema: JsonSchema, value: JsonValue) => {
    compileDefaults(schema)?.(value);
    return value;
  };
  const schema: JsonSchema = {
    type: 'object',
    properties: {
      a: { type: 'string', default: 'x' },
      n: { type: 'string', nullable: true, default: 'y' },
      o: { type: 'object', properties: { p: { type: 'integer', default: 1 } } },
      d: { type: 'object', default: {}, properties: { q: { type: 'integer', default: 2 } } },
      l: { type: 'array', items: { type: 'object', properties: { r: { type: 'boolean', default: true } } } },
      m: {
        type: 'object',
        additionalProperties: { type: 'object', properties: { s: { type: 'string', default: 's' } } },
      },
    },
  };

  it('are filled in at every depth, but no parts are made for them', () => {
    expect(fill(schema, {})).toEqual({ a: 'x', n: 'y', d: { q: 2 } });
    expect(fill(schema, { o: {}, l: [{}, { r: false }], m: { k: {} } })).toMatchObject({
      o: { p: 1 },
      l: [{ r: true }, { r: false }],
      m: { k: { s: 's' } },
    });
  });

  it('take the place of null only where null is not allowed', () => {
    expect(fill(schema, { a: null, n: null, o: null })).toEqual({ a: 'x', n: null, d: { q: 2 } });
  });

  it('are not shared between objects', () => {
    const [one, other] = [fill(schema, {}) as JsonObject, fill(schema, {}) as JsonObject];
    (one.d as JsonObject).q = 9;
    expect(other.d).toEqual({ q: 2 });
  });
});

describe('rules', () => {
  it('share one budget', () => {
    const rule = { rule: 'self.all(a, self.all(b, a + b > 0))' };
    const schema: JsonSchema = {
      type: 'object',
      properties: {
        x: { type: 'array', items: { type: 'integer' }, 'x-kubernetes-validations': new Array(40).fill(rule) },
      },
    };
    const { errors } = compileRules(schema)?.({ x: new Array(300).fill(1) }, undefined) ?? { errors: [] };
    expect(errors.map(fieldErrorText)).toEqual([
      'x: Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });
});

describe('paths', () => {
  const value = {
    spec: {
      a: 1,
      'x.y': 2,
      l: [
        { t: 'A', v: 3 },
        { t: 'B', v: 4 },
      ],
    },
  };
  it.each([
    ['.spec.a', [1]],
    [".spec['x.y']", [2]],
    ['.spec.l[1].v', [4]],
    ['.spec.l[*].v', [3, 4]],
    ['.spec.l[?(@.t=="B")].v', [4]],
    ['.spec.none.deeper', []],
    ['.spec.__proto__', []],
  ])('%s', (path, found) => {
    expect(parseJsonPath(path)?.(value)).toEqual(found);
  });
  it.each(['spec.a', '.spec.l[', '.spec..a', '.a[?(x)]'])('%s is none', (path) => {
    expect(parseJsonPath(path)).toBeUndefined();
  });
});

describe('pruning of what was stored under another schema', () => {
  const prune = pruner(
    structuralSchema({
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            a: { type: 'string' },
            list: { type: 'array', items: { type: 'object', properties: { x: { type: 'integer' } } } },
            map: { type: 'object', additionalProperties: { type: 'object', properties: { y: { type: 'string' } } } },
            free: {
              type: 'object',
              'x-kubernetes-preserve-unknown-fields': true,
              properties: { in: { type: 'object' } },
            },
          },
        },
      },
    }),
  );

  it('takes out what is unknown, at any depth, and nothing else', () => {
    const object: JsonObject = {
      apiVersion: 'a/v1',
      kind: 'A',
      metadata: { name: 'x', unknown: 1 },
      gone: 1,
      spec: {
        a: 1,
        b: 2,
        list: [{ x: 1, z: 2 }, 'text'],
        map: { k: { y: 'y', z: 1 } },
        free: { any: 1, in: { z: 1 } },
      },
    };
    expect(prune(object)).toBe(true);
    expect(object).toEqual({
      apiVersion: 'a/v1',
      kind: 'A',
      metadata: { name: 'x', unknown: 1 },
      spec: { a: 1, list: [{ x: 1 }, 'text'], map: { k: { y: 'y' } }, free: { any: 1, in: {} } },
    });
    expect(prune(object)).toBe(false);
  });
});
