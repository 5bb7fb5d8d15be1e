/** Patches that are small to send and would be long to apply. Each of these took minutes before it was bounded. */
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import { applyJsonPatch } from './json-patch.ts';
import type { JsonObject } from './json-value.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const schema = builtInSchemas.definition('io.k8s.api.core.v1.Pod');
const count = 20_000;
const many = <T>(make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));
const strategic = (document: object, patch: object) => {
  if (!schema) throw new Error('there is no Pod');
  return applyStrategicMergePatch(document as JsonObject, patch, schema);
};
const containers = (prefix: string, more: object = {}) => ({
  spec: { containers: many((index) => ({ name: `${prefix}${index}`, ...more })) },
});

describe('a patch of twenty thousand', () => {
  it('merges and deletes items by their keys', () => {
    expect(strategic(containers('c'), containers('c', { image: 'i' }))).toEqual(containers('c', { image: 'i' }));
    expect(strategic(containers('c'), containers('c', { $patch: 'delete' }))).toEqual({ spec: { containers: [] } });
    expect(strategic(containers('c'), containers('x', { $patch: 'delete' }))).toEqual(containers('c'));
  });

  it('merges and deletes scalars', () => {
    const finalizers = (prefix: string) => ({ metadata: { finalizers: many((index) => `${prefix}${index}`) } });
    const merged = strategic(finalizers('a'), finalizers('b')) as { metadata: { finalizers: string[] } };
    expect(merged.metadata.finalizers).toHaveLength(2 * count);
    const deleted = { metadata: { '$deleteFromPrimitiveList/finalizers': many((index) => `a${index}`) } };
    expect(strategic(merged, deleted)).toEqual(finalizers('b'));
  });

  it('sets the order of items', () => {
    const order = many((index) => ({ name: `c${count - 1 - index}` }));
    expect(strategic(containers('c'), { spec: { '$setElementOrder/containers': order } })).toEqual({
      spec: { containers: order },
    });
  });

  it('does not shift a long list again and again', () => {
    const args = Array.from({ length: 500_000 }, () => '');
    const operations = Array.from({ length: 10_000 }, () => ({ op: 'remove', path: '/args/0' }));
    expect(() => applyJsonPatch({ args }, operations)).toThrow('move more than 20000000 items of lists');
    const short = applyJsonPatch({ args: args.slice(0, 1_000) }, operations.slice(0, 1_000));
    expect(short).toEqual({ args: [] });
  });
});
