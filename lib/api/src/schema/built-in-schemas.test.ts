import { builtInResources } from '../resources.ts';
import { builtInSchemas } from './built-in-schemas.ts';
import type { Schema } from './structural-schema.ts';

function fieldOf(definition: string, ...path: string[]): Schema | undefined {
  let schema: Schema | undefined = builtInSchemas.definition(definition);
  for (const name of path) {
    while (schema?.type === 'list') schema = schema.items;
    schema = schema?.type === 'object' ? schema.fields.get(name) : undefined;
  }
  return schema;
}

describe('builtInSchemas', () => {
  it('has every built-in kind', () => {
    const missing = builtInResources.filter((resource) => !builtInSchemas.kind(resource));
    expect(missing).toEqual([]);
  });

  it('has the kinds of subresources and of the machinery', () => {
    expect(builtInSchemas.kind({ group: 'autoscaling', version: 'v1', kind: 'Scale' })?.fields.has('spec')).toBe(true);
    expect(builtInSchemas.kind({ group: 'policy', version: 'v1', kind: 'Eviction' })?.fields.has('deleteOptions')).toBe(
      true,
    );
    expect(builtInSchemas.kind({ group: '', version: 'v1', kind: 'Status' })?.fields.has('details')).toBe(true);
    expect(
      builtInSchemas.definition('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions')?.fields.has('preconditions'),
    ).toBe(true);
  });

  it('carries the semantics of lists and patches', () => {
    expect(fieldOf('io.k8s.api.core.v1.PodSpec', 'containers')).toMatchObject({
      type: 'list',
      listType: 'map',
      listMapKeys: ['name'],
      patchStrategy: ['merge'],
      patchMergeKey: 'name',
    });
    expect(fieldOf('io.k8s.api.core.v1.PodSpec', 'volumes')?.patchStrategy).toEqual(['merge', 'retainKeys']);
    expect(fieldOf('io.k8s.api.apps.v1.DeploymentSpec', 'strategy')).toMatchObject({
      type: 'object',
      patchStrategy: ['retainKeys'],
    });
    expect(fieldOf('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector')).toMatchObject({ atomic: true });
    expect(fieldOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', 'finalizers')).toMatchObject({ listType: 'set' });
  });

  it('knows quantities, times, bytes and ports', () => {
    expect(fieldOf('io.k8s.api.core.v1.ResourceRequirements', 'limits')).toMatchObject({
      type: 'map',
      values: { type: 'quantity' },
    });
    expect(fieldOf('io.k8s.api.core.v1.EmptyDirVolumeSource', 'sizeLimit')?.type).toBe('quantity');
    expect(fieldOf('io.k8s.api.core.v1.Secret', 'data')).toMatchObject({ type: 'map', values: { type: 'bytes' } });
    expect(fieldOf('io.k8s.api.core.v1.PodSpec', 'containers', 'livenessProbe', 'httpGet', 'port')?.type).toBe(
      'intOrString',
    );
    expect(fieldOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta', 'creationTimestamp')?.type).toBe('time');
    expect(fieldOf('io.k8s.api.coordination.v1.LeaseSpec', 'renewTime')?.type).toBe('microTime');
  });

  it('resolves every reference', () => {
    const seen = new Set<Schema>();
    const walk = (schema: Schema): void => {
      if (seen.has(schema)) return;
      seen.add(schema);
      if (schema.type === 'object') for (const field of schema.fields.values()) walk(field);
      else if (schema.type === 'list') walk(schema.items);
      else if (schema.type === 'map') walk(schema.values);
      else if (schema.type === 'union') walk(schema.object);
    };
    for (const resource of builtInResources) {
      const schema = builtInSchemas.kind(resource);
      if (schema) walk(schema);
    }
    expect(seen.size).toBeGreaterThan(700);
  });
});
