import fc from 'fast-check';
import { isStatus } from '../status-error.ts';
import { builtInSchemas } from './built-in-schemas.ts';
import { type DecodeOptions, decodeObject } from './decode.ts';
import { depthMax } from './decode-context.ts';
import { duplicateFields } from './duplicate-fields.ts';
import type { ObjectSchema, Schema } from './structural-schema.ts';

function schemaOf(kind: string, group = '', version = 'v1'): ObjectSchema {
  const schema = builtInSchemas.kind({ group, version, kind });
  if (!schema) throw new Error(`no schema of ${kind}`);
  return schema;
}

const pod = schemaOf('Pod');

function decodePod(fields: object, options: DecodeOptions = { fieldValidation: 'Strict' }) {
  return decodeObject(pod, { apiVersion: 'v1', kind: 'Pod', ...fields }, options);
}

function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isStatus(error, 'BadRequest')) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('decodeObject', () => {
  it('returns a good object as it is, without copying', () => {
    const value = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    };
    expect(decodeObject(pod, value, { fieldValidation: 'Strict' }).object).toBe(value);
  });

  it('prunes unknown fields, and leaves the input alone', () => {
    const input = { spec: { foo: 1, containers: [{ name: 'a' }, { name: 'b', bar: {} }] }, baz: true };
    const before = structuredClone(input);
    const { object, warnings } = decodePod(input, { fieldValidation: 'Warn' });
    expect(object).toEqual({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'a' }, { name: 'b' }] } });
    expect(warnings).toEqual([
      'unknown field "spec.foo"',
      'unknown field "spec.containers[1].bar"',
      'unknown field "baz"',
    ]);
    expect(input).toEqual(before);
  });

  it('says nothing in mode Ignore', () => {
    expect(
      decodePod({ spec: { foo: 1 } }, { fieldValidation: 'Ignore', duplicates: ['duplicate field "spec"'] }),
    ).toEqual({
      object: { apiVersion: 'v1', kind: 'Pod', spec: {} },
      warnings: [],
    });
  });

  it.each([
    [{ spec: { foo: 1, bar: 2 } }, 'strict decoding error: unknown field "spec.foo", unknown field "spec.bar"'],
    [
      { spec: { containers: {} } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [{ spec: [] }, 'json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec'],
    [
      { spec: { containers: [{ env: [{ name: 1 }] }] } },
      'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.name of type string',
    ],
    [
      { metadata: { labels: { a: true } } },
      'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      { metadata: { labels: 'x' } },
      'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      { spec: { priority: 2147483648 } },
      'json: cannot unmarshal number 2147483648 into Go struct field PodSpec.spec.priority of type int32',
    ],
    [
      { spec: { containers: [{ resources: { limits: { cpu: 'lots' } } }] } },
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      { metadata: { creationTimestamp: 'soon' } },
      'parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006"',
    ],
    [
      { spec: { containers: [{ readinessProbe: { httpGet: { port: false } } }] } },
      'json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.readinessProbe.httpGet.port of type int32',
    ],
  ])('refuses %j in the words of upstream', (fields, reason) => {
    expect(refusalOf(() => decodePod(fields))).toBe(`Pod in version "v1" cannot be handled as a Pod: ${reason}`);
  });

  it('refuses replicas that are a string', () => {
    const value = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: '3' } };
    expect(refusalOf(() => decodeObject(schemaOf('Deployment', 'apps'), value, { fieldValidation: 'Ignore' }))).toBe(
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    );
  });

  it('refuses data of a secret that is not base64', () => {
    const value = { apiVersion: 'v1', kind: 'Secret', data: { a: 'YQ==', b: 'a$==' } };
    expect(refusalOf(() => decodeObject(schemaOf('Secret'), value, { fieldValidation: 'Ignore' }))).toContain(
      'illegal base64 data at input byte 1',
    );
  });

  it('treats null as Go does: absent in structs, the zero value in lists and maps', () => {
    const { object } = decodePod({
      metadata: { creationTimestamp: null, labels: { a: null }, ownerReferences: null },
      spec: { containers: [{ name: 'a', args: ['x', null] }, null], nodeSelector: null },
      status: null,
    });
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { labels: { a: '' } },
      spec: { containers: [{ name: 'a', args: ['x', ''] }, {}] },
    });
  });

  it('brings quantities to strings, and times to UTC', () => {
    const { object } = decodePod({
      metadata: { creationTimestamp: '2024-05-01T12:00:00.5+02:00' },
      spec: {
        containers: [{ name: 'a', resources: { limits: { cpu: 2, memory: '1024Mi' }, requests: { cpu: '1500m' } } }],
      },
    });
    expect(object).toMatchObject({
      metadata: { creationTimestamp: '2024-05-01T10:00:00Z' },
      spec: { containers: [{ resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '1500m' } } }] },
    });
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      spec: { renewTime: '2024-05-01T12:00:00.5Z' },
    };
    const decoded = decodeObject(schemaOf('Lease', 'coordination.k8s.io'), lease, { fieldValidation: 'Strict' });
    expect(decoded.object).toMatchObject({ spec: { renewTime: '2024-05-01T12:00:00.500000Z' } });
  });

  it('keeps hostile names harmless', () => {
    const value = JSON.parse(
      '{"apiVersion":"v1","kind":"ConfigMap","__proto__":{"x":1},"constructor":1,"data":{"__proto__":"a","n":null}}',
    );
    const { object, warnings } = decodeObject(schemaOf('ConfigMap'), value, { fieldValidation: 'Warn' });
    expect(warnings).toEqual(['unknown field "__proto__"', 'unknown field "constructor"']);
    expect(JSON.stringify(object)).toBe('{"apiVersion":"v1","kind":"ConfigMap","data":{"__proto__":"a","n":""}}');
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  it('checks schemas inside custom resource definitions, to a depth', () => {
    const crd = schemaOf('CustomResourceDefinition', 'apiextensions.k8s.io');
    const withSchema = (openAPIV3Schema: object) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema } }] },
    });
    const nested = withSchema({
      items: { typo: 1, additionalProperties: true, 'x-kubernetes-int-or-string': true, default: { any: null } },
    });
    expect(decodeObject(crd, nested, { fieldValidation: 'Warn' }).warnings).toEqual([
      'unknown field "spec.versions[0].schema.openAPIV3Schema.items.typo"',
    ]);
    let deep: object = {};
    for (let level = 0; level < depthMax; level++) deep = { not: deep };
    expect(refusalOf(() => decodeObject(crd, withSchema(deep), { fieldValidation: 'Ignore' }))).toContain(
      'exceeded max depth',
    );
    let opaque: object = {};
    for (let level = 0; level < depthMax; level++) opaque = [opaque];
    expect(
      refusalOf(() => decodeObject(crd, withSchema({ default: opaque }), { fieldValidation: 'Ignore' })),
    ).toContain('exceeded max depth');
  });

  it('prunes custom resources without judging their types', () => {
    const leaf = { patchStrategy: [], patchMergeKey: undefined, nullable: false };
    const schema: ObjectSchema = {
      ...leaf,
      type: 'object',
      name: '',
      required: [],
      atomic: false,
      preserveUnknownFields: false,
      fields: new Map<string, Schema>([['size', { ...leaf, type: 'int32' }]]),
    };
    const decoded = decodeObject(
      schema,
      { size: 'x', other: 1, none: null },
      { fieldValidation: 'Ignore', typing: 'unstructured' },
    );
    expect(decoded.object).toEqual({ size: 'x' });
    expect(decodeObject(schema, { size: null }, { fieldValidation: 'Ignore', typing: 'unstructured' }).object).toEqual({
      size: null,
    });
  });

  it('refuses what is no object', () => {
    expect(refusalOf(() => decodeObject(pod, [1], { fieldValidation: 'Ignore' }))).toContain('must be of type Pod');
  });
});

describe('decodeObject, of any value', () => {
  const json = fc.jsonValue({ maxDepth: 6 });
  const podLike = fc.record(
    {
      metadata: fc.record(
        { name: fc.string(), labels: fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.constant(null))) },
        { requiredKeys: [] },
      ),
      spec: fc.record(
        { containers: fc.array(fc.record({ name: fc.string(), junk: json }, { requiredKeys: [] })), junk: json },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );

  it('refuses with BadRequest, or returns what decodes to itself without a warning', () => {
    fc.assert(
      fc.property(fc.oneof(json, podLike), (value) => {
        const before = JSON.stringify(value);
        let decoded: object;
        try {
          decoded = decodeObject(pod, value, { fieldValidation: 'Warn' }).object;
        } catch (error) {
          return isStatus(error, 'BadRequest');
        }
        const again = decodeObject(pod, decoded, { fieldValidation: 'Strict' });
        return again.object === decoded && JSON.stringify(value) === before;
      }),
    );
  });
});

describe('duplicateFields', () => {
  it.each([
    ['{"a":1,"a":2}', ['duplicate field "a"']],
    ['{"spec":{"x":[{"y":1},{"y":1,"z":{},"y":2}]}}', ['duplicate field "spec.x[1].y"']],
    ['{"a":{"b":1},"b":{"b":1}}', []],
    ['{"a":"{\\"a\\":1","b":["a","a"],"c":"\\\\"}', []],
    ['{"a":1,"\\u0061":2}', ['duplicate field "a"']],
    ['[]', []],
    [`{${Array.from({ length: 40 }, (_, index) => `"k${index % 39}":{}`).join()}}`, ['duplicate field "k0"']],
  ])('%s', (text, expected) => {
    JSON.parse(text);
    expect(duplicateFields(text)).toEqual(expected);
  });

  it('finds none in what JSON.stringify writes', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => duplicateFields(JSON.stringify(value)).length === 0));
  });
});
