import fc from 'fast-check';
import type { JsonObject } from '../patch/json-value.ts';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import { encodeFields, fieldElement, pathSet } from './field-set.ts';
import { newObjectFields } from './new-object-fields.ts';
import { differenceOf } from './owned-fields.ts';

const schema = builtInSchemas.kind({ group: '', version: 'v1', kind: 'Pod' });
if (!schema) throw new Error('no schema of Pod');

const without = [['kind'], ['status'], ['metadata', 'name']]
  .map((path) => pathSet(path.map(fieldElement)))
  .reduce((all, path) => all.union(path));

const name = fc.constantFrom('a', 'b', 'c.d', '__proto__', '1', 'é');
const names = fc.array(name, { maxLength: 3 });
const texts = fc.dictionary(name, name, { maxKeys: 3 });
const anyOf = (fields: Record<string, fc.Arbitrary<unknown>>) => fc.record(fields, { requiredKeys: [] });
const container = anyOf({
  name,
  command: names,
  ports: fc.array(anyOf({ containerPort: fc.nat(3), protocol: fc.constantFrom('TCP', 'UDP'), name }), { maxLength: 3 }),
  env: fc.array(anyOf({ name, value: name, valueFrom: anyOf({ fieldRef: anyOf({ fieldPath: name }) }) }), {
    maxLength: 3,
  }),
  resources: anyOf({ limits: texts, requests: texts }),
});
const pod = anyOf({
  kind: name,
  metadata: anyOf({ name, labels: texts, annotations: texts, finalizers: names, ownerReferences: fc.constant([{}]) }),
  spec: anyOf({
    containers: fc.array(container, { maxLength: 3 }),
    nodeSelector: texts,
    tolerations: fc.array(anyOf({ key: name }), { maxLength: 2 }),
    topologySpreadConstraints: fc.array(anyOf({ topologyKey: name, labelSelector: anyOf({ matchLabels: texts }) }), {
      maxLength: 2,
    }),
    securityContext: anyOf({ sysctls: fc.constant([]) }),
  }),
  status: anyOf({ phase: name }),
  unknown: name,
}) as fc.Arbitrary<JsonObject>;

describe('newObjectFields', () => {
  it('says what the difference to nothing says', () => {
    fc.assert(
      fc.property(pod, (object) => {
        const { changed } = differenceOf({}, object, schema);
        expect(JSON.stringify(newObjectFields(object, schema, []) ?? {})).toBe(JSON.stringify(encodeFields(changed)));
      }),
    );
  });

  it('leaves out what nobody owns, and a metadata of which nothing is left', () => {
    fc.assert(
      fc.property(pod, ({ metadata, ...object }) => {
        // References without a uid are nobody's: a metadata that has nothing else is as good as empty.
        const isClaimed = Object.keys(metadata ?? {}).some((field) => field !== 'ownerReferences');
        const whole = metadata && isClaimed ? { ...object, metadata } : object;
        const { changed } = differenceOf({}, whole, schema);
        const expected = encodeFields(changed.minusBelow(without));
        expect(JSON.stringify(newObjectFields(whole, schema, [without]) ?? {})).toBe(JSON.stringify(expected));
      }),
    );
    expect(newObjectFields({ metadata: {} }, schema, [without])).toBeUndefined();
  });
});
