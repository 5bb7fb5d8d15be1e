import * as fc from 'fast-check';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import { applyJsonPatch } from './json-patch.ts';
import type { JsonObject, JsonValue } from './json-value.ts';
import { applyMergePatch } from './merge-patch.ts';
import { PatchError } from './patch-error.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

const podSchema = builtInSchemas.kind({ group: '', version: 'v1', kind: 'Pod' });
if (!podSchema) throw new Error('no schema of Pod');

const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;

describe('applyMergePatch', () => {
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [['a'], ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ] as [JsonValue, JsonValue, JsonValue][])('RFC 7386: %j with %j', (target, patch, result) => {
    expect(applyMergePatch(target, patch)).toEqual(result);
  });

  it('is idempotent and leaves its input alone', async () => {
    await fc.assert(
      fc.property(json, json, (target, patch) => {
        const before = JSON.stringify(target);
        const once = applyMergePatch(target, patch);
        expect(applyMergePatch(once, patch)).toEqual(once);
        expect(JSON.stringify(target)).toBe(before);
      }),
    );
  });

  it('never reaches the prototype', () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"x":1}}');
    applyMergePatch({}, patch);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('applyJsonPatch', () => {
  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: 1, b: 2 }, [{ op: 'remove', path: '/b' }], { a: 1 }],
    [{ 'a/b': { '~c': 1 } }, [{ op: 'replace', path: '/a~1b/~0c', value: 2 }], { 'a/b': { '~c': 2 } }],
    [{ a: { x: 1 } }, [{ op: 'move', from: '/a/x', path: '/y' }], { a: {}, y: 1 }],
    [
      { a: { x: 1 } },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'test', path: '/b/x', value: 1 },
      ],
      { a: { x: 1 }, b: { x: 1 } },
    ],
  ] as [JsonValue, unknown, JsonValue][])('RFC 6902: %j with %j', (document, patch, result) => {
    expect(applyJsonPatch(document, patch)).toEqual(result);
  });

  it.each([
    [[{ op: 'test', path: '/a', value: 2 }], 'unprocessable', 'testing path /a failed'],
    [[{ op: 'remove', path: '/x' }], 'unprocessable', 'missing path'],
    [[{ op: 'add', path: '/l/9', value: 1 }], 'unprocessable', 'out of bounds'],
    [[{ op: 'add', path: 'a', value: 1 }], 'malformed', 'must start with /'],
    [[{ op: 'burn', path: '/a' }], 'unprocessable', 'Unexpected kind: burn'],
    [{}, 'malformed', 'must be a list'],
    [[{ op: 'move', from: '/l', path: '/l/x' }], 'unprocessable', 'into itself'],
    [[{ op: 'replace', path: '/constructor', value: 1 }], 'unprocessable', 'missing path'],
  ] as const)('refuses %j', (patch, kind, message) => {
    const apply = () => applyJsonPatch({ a: 1, l: [] }, patch);
    expect(apply).toThrow(message);
    try {
      apply();
    } catch (error) {
      expect((error as PatchError).kind).toBe(kind);
    }
  });

  it('bounds what copies add up to', () => {
    const patch = [{ op: 'add', path: '/a', value: Array(100).fill(0) }];
    const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
    expect(() => applyJsonPatch({}, [...patch, ...doubling])).toThrow('the copies of this patch add more than');
  });
});

describe('applyStrategicMergePatch', () => {
  const merge = (document: JsonObject, patch: JsonObject) => applyStrategicMergePatch(document, patch, podSchema);
  const containers = (...list: JsonObject[]) => ({ spec: { containers: list } });

  it('merges containers by name and keeps the others', () => {
    expect(
      merge(containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }), containers({ name: 'b', image: '2' })),
    ).toEqual(containers({ name: 'a', image: '1' }, { name: 'b', image: '2' }));
  });

  it('deletes an item by directive and adds new ones', () => {
    expect(
      merge(
        containers({ name: 'a' }, { name: 'b' }),
        containers({ name: 'a', $patch: 'delete' }, { name: 'c', image: 'x' }),
      ),
    ).toEqual(containers({ name: 'b' }, { name: 'c', image: 'x' }));
  });

  it('replaces a list or an object by directive', () => {
    expect(merge(containers({ name: 'a' }), containers({ $patch: 'replace' }, { name: 'z' }))).toEqual(
      containers({ name: 'z' }),
    );
    expect(
      merge({ metadata: { labels: { a: '1' } } }, { metadata: { labels: { $patch: 'replace', b: '2' } } }),
    ).toEqual({ metadata: { labels: { b: '2' } } });
  });

  it('replaces lists that have no merge key', () => {
    expect(merge(containers({ name: 'a', command: ['x', 'y'] }), containers({ name: 'a', command: ['z'] }))).toEqual(
      containers({ name: 'a', command: ['z'] }),
    );
  });

  it('keeps the order that is asked for', () => {
    const patch = {
      spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a', image: '2' }] },
    };
    expect(merge(containers({ name: 'a' }, { name: 'x' }, { name: 'b' }), patch)).toEqual(
      containers({ name: 'b' }, { name: 'x' }, { name: 'a', image: '2' }),
    );
  });

  it('clears what $retainKeys does not name', () => {
    const patch = { spec: { volumes: [{ name: 'v', emptyDir: {}, $retainKeys: ['name', 'emptyDir'] }] } };
    expect(merge({ spec: { volumes: [{ name: 'v', hostPath: { path: '/' } }] } }, patch)).toEqual({
      spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    });
  });

  it('adds to and deletes from merged lists of scalars', () => {
    const document = { metadata: { finalizers: ['a', 'b'] } };
    expect(merge(document, { metadata: { finalizers: ['c', 'a'] } })).toEqual({
      metadata: { finalizers: ['a', 'b', 'c'] },
    });
    expect(merge(document, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } })).toEqual({
      metadata: { finalizers: ['b'] },
    });
  });

  it('says which item lacks its key', () => {
    expect(() => merge(containers(), containers({ image: 'x' }))).toThrow(
      'map: {"image":"x"} does not contain declared merge key: name',
    );
    expect(() => merge({}, { spec: { $patch: 'explode' } })).toThrow(PatchError);
  });

  it('is idempotent without directives', async () => {
    const items = fc.uniqueArray(fc.record({ name: fc.constantFrom('a', 'b', 'c'), image: fc.string() }), {
      selector: (item) => item.name,
    });
    await fc.assert(
      fc.property(items, items, (before, after) => {
        const once = merge(containers(...before), containers(...after));
        expect(merge(once, containers(...after))).toEqual(once);
      }),
    );
  });
});
