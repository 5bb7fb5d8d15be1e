import { managedFieldsAfterUpdate } from '@slipway/api/apply/managed-fields';
import { builtInSchemas } from '@slipway/api/schema/built-in-schemas';
import type { KubeObject } from '@slipway/api/types';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { structuralSchema } from '../custom-resources/schema/to-structural.ts';
import { ownFields, statusFields } from './field-ownership.ts';
import type { ResourceContext } from './resource-context.ts';
import type { WriteCall } from './write-call.ts';

const schema = builtInSchemas.kind({ group: '', version: 'v1', kind: 'Pod' });
const clock = new VirtualClock();
const context = { schema, clock } as unknown as ResourceContext;
const call = { fieldManager: 'test' } as WriteCall;

const aPod = (name: string, labels: object, containers: object[], finalizers?: string[]) =>
  ({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, labels, ...(finalizers ? { finalizers } : {}) },
    spec: { containers, tolerations: [{ key: 'a', operator: 'Exists' }] },
  }) as unknown as KubeObject;

describe('ownFields', () => {
  // Each pod is owned twice, so that the second time is answered from memory; look-alikes must not be taken for one another.
  const pods = [
    aPod('a', { app: 'x' }, [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }]),
    aPod('b', { app: 'y' }, [{ name: 'c', image: 'j', ports: [{ containerPort: 80 }] }]),
    aPod('c', { other: 'x' }, [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }]),
    aPod('d', { app: 'x' }, [{ name: 'c2', image: 'i', ports: [{ containerPort: 80 }] }]),
    aPod('e', { app: 'x' }, [{ name: 'c', image: 'i', ports: [{ containerPort: 81 }] }]),
    aPod('f', { app: 'x' }, [{ name: 'c', image: 'i', ports: [{ containerPort: 80, protocol: 'UDP' }] }]),
    aPod('g', { app: 'x' }, [{ name: 'c', image: 'i' }], ['x/y']),
    aPod('h', { app: 'x' }, [{ name: 'c', image: 'i' }], ['x/z']),
    aPod('i', {}, []),
  ];

  it.each(pods)('%#: answers from memory what it would work out', (pod) => {
    const by = { manager: 'test', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', ignored: statusFields };
    if (!schema) throw new Error('no schema');
    const expected = managedFieldsAfterUpdate(undefined, pod, schema, by);
    for (const _ of [1, 2]) {
      const draft = structuredClone(pod);
      ownFields(context, { draft, old: undefined, subresource: undefined }, call);
      expect(draft.metadata.managedFields).toEqual(expected);
    }
  });

  const customSchema = structuralSchema({
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'object' } },
          rules: {
            type: 'array',
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['id'],
            items: { type: 'object', properties: { id: { type: 'integer' }, to: { type: 'object' } } },
          },
        },
      },
      status: { type: 'object', properties: { phase: { type: 'string' } } },
    },
  });
  const custom: ResourceContext = {
    ...context,
    schema: customSchema,
    mayEnd: true,
    strategy: { resource: { subresources: [] } },
  } as unknown as ResourceContext;
  const ofKind = (spec: object, status?: object) =>
    ({ kind: 'A', apiVersion: 'x/v1', metadata: { name: 'a' }, spec, ...(status ? { status } : {}) }) as KubeObject;

  it.each([
    ofKind({ tags: [{ a: { b: 1 } }] }),
    ofKind({ tags: [{ a: { b: 2 } }] }),
    ofKind({ rules: [{ id: 1, to: { x: 1 } }] }),
    ofKind({ rules: [{ id: 2, to: { x: 1 } }] }),
    ofKind({ rules: [{ id: 2 }] }),
    ofKind({ rules: [] }),
    // Its status is a field like any other, as it has no endpoint.
    ofKind({ rules: [] }, { phase: 'on' }),
  ])('of a custom resource, %#', (object) => {
    const by = { manager: 'test', apiVersion: 'x/v1', time: '2026-01-01T00:00:00Z' };
    const expected = managedFieldsAfterUpdate(undefined, object, customSchema, by);
    for (const _ of [1, 2]) {
      const draft = structuredClone(object);
      ownFields(custom, { draft, old: undefined, subresource: undefined }, call);
      expect(draft.metadata.managedFields).toEqual(expected);
    }
  });
});
