import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { ObjectSchema, Schema } from '@slipway/api/schema/structural-schema';
import type { KubeObject } from '@slipway/api/types';
import { fieldErrorText } from '@slipway/api/validation/field-error';
import { validateObjectMeta } from '@slipway/api/validation/object-meta';
import fc from 'fast-check';
import { createServiceAllocators } from '../allocators/service-allocators.ts';
import { createBuiltInStrategies } from './built-in-kinds.ts';
import { context } from './strategy-line.fixture.ts';

const strategies = createBuiltInStrategies({
  eventTtlMs: 3_600_000,
  allocators: createServiceAllocators({ serviceCidr: '10.96.0.0/16' }),
});
const text = fc.constantFrom('', 'a', 'A b', 'example.com/x', '10.0.0.1', '1.5Gi', 'None', 'Always', 'x'.repeat(70));
const depthMax = 12;

/** Whatever the decoder lets through: right types, odd values, and most fields missing, the required ones too. */
function decoded(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'object':
      return depth > depthMax ? fc.constant({}) : fc.nat(0xffff).chain((seed) => objectOf(schema, depth, seed));
    case 'map':
      return fc.dictionary(text, decoded(schema.values, depth + 1), { maxKeys: 2 });
    case 'list':
      return fc.array(decoded(schema.items, depth + 1), { maxLength: 2 });
    case 'boolean':
      return fc.boolean();
    case 'int32':
    case 'int64':
    case 'double':
      return fc.constantFrom(-1, 0, 1, 80, 70000);
    case 'intOrString':
      return fc.oneof(text, fc.constantFrom(-1, 0, 80, '25%'));
    case 'quantity':
      return fc.constantFrom('0', '1', '-1', '1.5Gi', '100m', '1e3');
    case 'bytes':
      return fc.constantFrom('', 'eA==', 'e30=');
    case 'time':
    case 'microTime':
      return fc.constantFrom('2026-01-01T00:00:00Z');
    default:
      return text;
  }
}

/** A few fields at a time: of all at once most objects would be one deep thicket. */
function objectOf(schema: ObjectSchema, depth: number, seed: number): fc.Arbitrary<unknown> {
  const names = [...schema.fields.keys()].filter((name) => name !== 'managedFields');
  const chosen = names.filter((name, i) => schema.required.includes(name) || (seed >> (i % 16)) % 4 === 0);
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const name of chosen) {
    const field = schema.fields.get(name);
    if (field) fields[name] = decoded(field, depth + 1);
  }
  return fc.record(fields, { requiredKeys: [] });
}

describe('createBuiltInStrategies', () => {
  it('has every kind once', () => {
    const kinds = strategies.map(({ resource }) => resource.kind);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds).toEqual(expect.arrayContaining(['Pod', 'Deployment', 'Job', 'StatefulSet']));
  });

  it.each(strategies.map((strategy) => [strategy.resource.kind, strategy] as const))(
    'defaults a %s once and for all, and judges it without a throw',
    (_kind, strategy) => {
      const schema = builtInSchemas.kind(strategy.resource);
      if (!schema) throw new Error('no schema');
      const objects = decoded(schema, 0).map((given) => ({ metadata: {}, ...(given as object) }) as KubeObject);
      fc.assert(
        fc.property(objects, objects, (given, other) => {
          const draft = structuredClone(given);
          strategy.defaults?.(draft);
          const again = structuredClone(draft);
          strategy.defaults?.(again);
          expect(again).toEqual(draft);
          const old = structuredClone(other);
          strategy.defaults?.(old);
          strategy.prepareCreate?.(draft, context);
          strategy.prepareUpdate?.(again, old, context);
          const errors = [
            ...validateObjectMeta(draft.metadata, strategy),
            ...strategy.validate(draft, context),
            ...(strategy.validateCreate?.(draft, context) ?? []),
            ...(strategy.validateUpdate?.(again, old, context) ?? []),
            ...(strategy.status?.validateUpdate?.(again, old, context) ?? []),
          ];
          for (const error of errors) expect(fieldErrorText(error)).toMatch(/: /);
          strategy.warnings?.(draft, undefined);
          for (const read of Object.values(strategy.selectableFields ?? {})) expect(typeof read(draft)).toBe('string');
        }),
        { numRuns: 60 },
      );
    },
  );
});
