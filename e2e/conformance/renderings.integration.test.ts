/** The same objects as tables and as metadata alone. */
import type { ApiObject } from './api-client.ts';
import { configMap, deployment, pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const asTable = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const asPartial = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' };
const asPartialList = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' };

interface Table extends ApiObject {
  readonly columnDefinitions: readonly { readonly name: string; readonly type: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: ApiObject }[];
}

const tableOf = async (path: string) => (await target.admin.get(path, asTable)).body as Table;

beforeAll(async () => {
  await target.admin.made(
    `${target.core}/configmaps`,
    configMap('shown', { a: '1', b: '2' }, { labels: { set: 'shown' } }),
  );
  await target.admin.made(`${target.core}/pods`, pod('shown'));
  await target.admin.made(`${target.apps}/deployments`, deployment('shown'));
});

describe('a table', () => {
  it('of a list', async () => {
    const table = await tableOf(`${target.core}/configmaps?labelSelector=set%3Dshown`);
    expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect(table.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(table.columnDefinitions.map(({ name, type }) => `${name}:${type}`)).toEqual([
      'Name:string',
      'Data:string',
      'Age:string',
    ]);
    expect(table.rows).toHaveLength(1);
    expect(table.rows[0]?.cells.slice(0, 2)).toEqual(['shown', 2]);
    expect(table.rows[0]?.object).toMatchObject({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'shown', labels: { set: 'shown' } },
    });
    expect(table.rows[0]?.object.data).toBeUndefined();
  });

  it('of one object', async () => {
    const table = await tableOf(`${target.core}/pods/shown`);
    expect(table.columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name)).toEqual([
      'Name',
      'Ready',
      'Status',
      'Restarts',
      'Age',
    ]);
    expect(table.rows[0]?.cells.slice(0, 4)).toEqual(['shown', '0/1', 'Pending', '0']);
  });

  it('of a deployment', async () => {
    const table = await tableOf(`${target.apps}/deployments`);
    expect(table.columnDefinitions.map(({ name }) => name)).toEqual([
      'Name',
      'Ready',
      'Up-to-date',
      'Available',
      'Age',
      'Containers',
      'Images',
      'Selector',
    ]);
    expect(table.rows[0]?.cells.slice(0, 4)).toEqual(['shown', '0/0', 0, 0]);
  });

  it('carries as much of the objects as is asked for', async () => {
    const path = `${target.core}/configmaps?labelSelector=set%3Dshown&includeObject=`;
    expect((await tableOf(`${path}Object`)).rows[0]?.object).toMatchObject({ kind: 'ConfigMap', data: { a: '1' } });
    expect((await tableOf(`${path}None`)).rows[0]?.object ?? null).toBeNull();
    expect((await target.admin.get(`${path}Some`, asTable)).code).toBe(400);
  });

  it('has pages', async () => {
    const table = await tableOf(`/api/v1/namespaces?limit=1`);
    expect(table.rows).toHaveLength(1);
    expect(table.metadata.continue).toBeTruthy();
  });

  it('is watched row by row', async () => {
    const path = `${target.core}/configmaps?fieldSelector=metadata.name%3Dshown`;
    const reader = await target.admin.watch(path, asTable);
    const first = await reader.next();
    await target.admin.merge(`${target.core}/configmaps/shown`, { data: { c: '3' } });
    const second = await reader.next();
    reader.close();
    expect(first).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['shown', 2, expect.any(String)] }] },
    });
    expect((first.object as Table).columnDefinitions).toHaveLength(3);
    expect(second).toMatchObject({
      type: 'MODIFIED',
      object: { kind: 'Table', rows: [{ cells: ['shown', 3, expect.any(String)] }] },
    });
    expect((second.object as Table).columnDefinitions ?? null).toBeNull();
  });

  it('never replaces an error', async () => {
    const reply = await target.admin.get(`${target.core}/configmaps/absent`, asTable);
    expect(reply.code).toBe(404);
    expect(reply.body.kind).toBe('Status');
  });
});

describe('metadata alone', () => {
  it('of one object', async () => {
    const { body } = await target.admin.get(`${target.core}/configmaps/shown`, asPartial);
    expect(body).toMatchObject({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'shown' },
    });
    expect(body.data).toBeUndefined();
  });

  it('of a list', async () => {
    const { body } = await target.admin.get(`${target.core}/pods`, asPartialList);
    expect(body).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
    expect(body.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(body.items).toMatchObject([{ metadata: { name: 'shown', uid: expect.any(String) } }]);
    expect(body.items[0]?.spec).toBeUndefined();
  });

  it('of a watch, with bookmarks', async () => {
    const reader = await target.admin.watch(
      `${target.core}/pods?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      asPartial,
    );
    const [added, bookmark] = await reader.take(2);
    reader.close();
    expect(added).toMatchObject({
      type: 'ADDED',
      object: { kind: 'PartialObjectMetadata', metadata: { name: 'shown' } },
    });
    expect(bookmark).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
  });

  it('of a write', async () => {
    const reply = await target.admin.request('PATCH', `${target.core}/configmaps/shown`, {
      body: { metadata: { labels: { x: 'y' } } },
      headers: { ...asPartial, 'content-type': 'application/merge-patch+json' },
    });
    expect(reply.body).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { labels: { x: 'y' } } });
  });

  it('in an unknown shape is refused', async () => {
    const accept = 'application/json;as=Nothing;v=v1;g=meta.k8s.io';
    expect((await target.admin.get(`${target.core}/pods`, { accept })).code).toBe(406);
  });
});
