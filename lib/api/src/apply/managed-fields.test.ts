import type { JsonObject } from '../patch/json-value.ts';
import { builtInSchemas } from '../schema/built-in-schemas.ts';
import type { StatusError } from '../status-error.ts';
import type { ManagedFieldsEntry } from '../types.ts';
import { applyConfiguration, ignoredFields, type ManagedObject, managedFieldsAfterUpdate } from './managed-fields.ts';

const schema = builtInSchemas.kind({ group: 'apps', version: 'v1', kind: 'Deployment' });
if (!schema) throw new Error('no schema of Deployment');

const time = '2026-01-01T00:00:00Z';
const by = (manager: string, force = false) => ({ manager, apiVersion: 'apps/v1', time, force });

interface Spec {
  readonly labels?: Record<string, string>;
  readonly replicas?: number;
  readonly containers?: readonly JsonObject[];
}

function config({ labels, replicas, containers }: Spec): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', ...(labels ? { labels } : {}) },
    ...(replicas === undefined && !containers
      ? {}
      : {
          spec: {
            ...(replicas === undefined ? {} : { replicas }),
            ...(containers ? { template: { spec: { containers: [...containers] } } } : {}),
          },
        }),
  };
}

const apply = (live: JsonObject | undefined, spec: Spec, manager: string, force = false) =>
  applyConfiguration(live as ManagedObject | undefined, config(spec), schema, by(manager, force)).object;

const entriesOf = (object: JsonObject) => (object as unknown as ManagedObject).metadata.managedFields ?? [];
const fieldsOfManager = (object: JsonObject, manager: string) =>
  entriesOf(object).find((entry) => entry.manager === manager)?.fieldsV1;

function without(object: JsonObject): JsonObject {
  const { managedFields: _, ...metadata } = object.metadata as JsonObject;
  return { ...object, metadata };
}

describe('applyConfiguration', () => {
  it('creates with the fields that the configuration names', () => {
    const object = apply(undefined, { labels: { a: '1' }, replicas: 2 }, 'm');
    expect(without(object)).toEqual(config({ labels: { a: '1' }, replicas: 2 }));
    expect(fieldsOfManager(object, 'm')).toEqual({
      'f:metadata': { 'f:labels': { 'f:a': {} } },
      'f:spec': { 'f:replicas': {} },
    });
  });

  it('removes what its manager leaves out, and only that', () => {
    const first = apply(undefined, { labels: { a: '1', b: '1' }, replicas: 2 }, 'm');
    const second = apply(first, { labels: { c: '1' } }, 'other');
    const third = apply(second, { labels: { b: '2' } }, 'm');
    expect(without(third)).toEqual(config({ labels: { b: '2', c: '1' } }));
  });

  it('keeps a field that somebody else applied too', () => {
    const shared = apply(apply(undefined, { replicas: 2 }, 'a'), { replicas: 2 }, 'b');
    expect(without(apply(shared, {}, 'a'))).toEqual(config({ replicas: 2 }));
    expect(without(apply(apply(shared, {}, 'a'), {}, 'b'))).toEqual(config({}));
  });

  it('refuses to take a field from its owner, and says whose it is', () => {
    const live = apply(undefined, { replicas: 2, containers: [{ name: 'app', image: 'x:1' }] }, 'a');
    let failure: StatusError | undefined;
    try {
      apply(live, { replicas: 3, containers: [{ name: 'app', image: 'x:2' }] }, 'b');
    } catch (error) {
      failure = error as StatusError;
    }
    expect(failure?.reason).toBe('Conflict');
    expect(failure?.message).toContain('Apply failed with 2 conflicts: conflicts with "a":\n- .spec.replicas\n');
    expect(failure?.details?.causes).toContainEqual({
      reason: 'FieldManagerConflict',
      message: 'conflict with "a"',
      field: '.spec.template.spec.containers[name="app"].image',
    });
  });

  it('takes it when forced', () => {
    const live = apply(undefined, { replicas: 2, labels: { a: '1' } }, 'a');
    const forced = apply(live, { replicas: 3 }, 'b', true);
    expect(without(forced)).toEqual(config({ replicas: 3, labels: { a: '1' } }));
    expect(fieldsOfManager(forced, 'a')).toEqual({ 'f:metadata': { 'f:labels': { 'f:a': {} } } });
  });

  it('merges keyed lists by their keys, with the default protocol', () => {
    const ports = (...list: JsonObject[]) => ({ containers: [{ name: 'c', ports: list }] });
    const first = apply(undefined, ports({ containerPort: 80, protocol: 'TCP' }), 'a');
    const second = apply(first, ports({ containerPort: 80, name: 'web' }, { containerPort: 80, protocol: 'UDP' }), 'b');
    expect(without(second)).toEqual(
      config(ports({ containerPort: 80, protocol: 'TCP', name: 'web' }, { containerPort: 80, protocol: 'UDP' })),
    );
    expect(without(apply(second, { containers: [] }, 'b'))).toEqual(
      config(ports({ containerPort: 80, protocol: 'TCP' })),
    );
  });

  it('says that nothing changed when the same is applied again', () => {
    const live = apply(undefined, { replicas: 2, labels: { a: '1' } }, 'a') as unknown as ManagedObject;
    const again = applyConfiguration(live, config({ replicas: 2, labels: { a: '1' } }), schema, {
      ...by('a'),
      time: '2026-02-02T00:00:00Z',
    });
    expect(again.changed).toBe(false);
    expect(again.object).toEqual(live);
  });

  it('treats an object that was never managed as owned by what came before', () => {
    const live = config({ replicas: 2 });
    expect(() => apply(live, { replicas: 3 }, 'a')).toThrow(
      'conflict with "before-first-apply" using apps/v1 at 2026-01-01T00:00:00Z: .spec.replicas',
    );
  });

  it('refuses managedFields in a configuration', () => {
    const bad = { ...config({}), metadata: { name: 'd', managedFields: [{ manager: 'x' }] } } as JsonObject;
    expect(() => applyConfiguration(undefined, bad, schema, by('a'))).toThrow('metadata.managedFields must be nil');
  });
});

describe('managedFieldsAfterUpdate', () => {
  const update = (before: JsonObject | undefined, after: JsonObject, manager: string, extra = {}) =>
    managedFieldsAfterUpdate(before as ManagedObject | undefined, after as unknown as ManagedObject, schema, {
      ...by(manager),
      ...extra,
    });
  const withEntries = (object: JsonObject, managedFields: ManagedFieldsEntry[]) =>
    ({ ...object, metadata: { ...(object.metadata as JsonObject), managedFields } }) as unknown as JsonObject;

  it('gives a creator every field, containers of maps included', () => {
    const [entry, ...rest] = update(
      undefined,
      config({ labels: { a: '1' }, containers: [{ name: 'c', image: 'x' }] }),
      'kubectl-create',
    );
    expect(rest).toEqual([]);
    expect(entry).toEqual({
      manager: 'kubectl-create',
      operation: 'Update',
      apiVersion: 'apps/v1',
      time,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:template': {
            'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
          },
        },
      },
    });
  });

  it('moves a changed field to whoever changed it', () => {
    const before = withEntries(
      config({ replicas: 1, labels: { a: '1' } }),
      update(undefined, config({ replicas: 1, labels: { a: '1' } }), 'a'),
    );
    const after = withEntries(config({ replicas: 2, labels: { a: '1' } }), entriesOf(before));
    const entries = update(before, after, 'b');
    expect(entries.map((entry) => [entry.manager, entry.fieldsV1])).toEqual([
      ['a', { 'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } } }],
      ['b', { 'f:spec': { 'f:replicas': {} } }],
    ]);
  });

  it('keeps entries as they are when nothing changed', () => {
    const before = withEntries(config({ replicas: 1 }), update(undefined, config({ replicas: 1 }), 'a'));
    expect(update(before, before, 'b')).toEqual(entriesOf(before));
  });

  it('lets a client forget all owners', () => {
    const before = withEntries(config({ replicas: 1 }), update(undefined, config({ replicas: 1 }), 'a'));
    expect(update(before, withEntries(config({ replicas: 1 }), [{}]), 'b')).toEqual([]);
  });

  it('owns nothing that the endpoint ignores, and keeps subresources apart', () => {
    const before = config({ replicas: 1 });
    const after = { ...before, status: { replicas: 1 } };
    expect(update(before, after, 'a', { ignored: ignoredFields(['status']) })).toEqual([]);
    const [entry] = update(before, after, 'a', { subresource: 'status' });
    expect(entry).toMatchObject({ subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } });
  });

  it('folds the oldest update managers into one', () => {
    let object = config({ labels: {} });
    for (let i = 0; i < 15; i++) {
      const labels = { ...((object.metadata as JsonObject).labels as Record<string, string>), [`l${i}`]: '1' };
      const next = withEntries(config({ labels }), entriesOf(object));
      object = withEntries(config({ labels }), update(object, next, `m${i}`, { time: `2026-01-01T00:00:${10 + i}Z` }));
    }
    const managers = entriesOf(object).map((entry) => entry.manager);
    expect(managers).toHaveLength(10);
    expect(managers[0]).toBe('ancient-changes');
  });
});
