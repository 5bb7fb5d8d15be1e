/** What clients do with a kind in the course of its life, for kinds whose lives have no tests of their own. */
import { definitionsPath, newDefinition } from './crd-kinds.ts';
import type { ApiObject, Tree } from './api-client.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const selected = (path: string, label: string) => `${path}?labelSelector=${encodeURIComponent(label)}`;

describe('definitions of custom kinds', () => {
  it('are listed, watched, and deleted together by their label', async () => {
    const labels = { suite: target.namespace };
    const all = [newDefinition(), newDefinition()];
    const { metadata } = await target.admin.read(definitionsPath);
    const watch = await target.admin.watch(
      `${selected(definitionsPath, `suite=${target.namespace}`)}&resourceVersion=${metadata.resourceVersion}`,
    );
    for (const { body } of all) {
      await target.admin.made(definitionsPath, { ...body, metadata: { ...(body.metadata as object), labels } });
    }
    const names = all.map(({ kind }) => kind.name).sort();
    const list = await target.admin.read(selected(definitionsPath, `suite=${target.namespace}`));
    expect(list.items.map(({ metadata: { name } }) => name).sort()).toEqual(names);
    await target.admin.delete(selected(definitionsPath, `suite=${target.namespace}`));
    const seen = new Map<string, string[]>();
    while ([...seen.values()].filter((types) => types.includes('DELETED')).length < all.length) {
      const { type, object } = await watch.next();
      seen.set(object.metadata.name, [...(seen.get(object.metadata.name) ?? []), type]);
    }
    watch.close();
    expect([...seen.keys()].sort()).toEqual(names);
    for (const types of seen.values()) expect([types[0], types.at(-1)]).toEqual(['ADDED', 'DELETED']);
  });

  it('leave the documents when one of their versions is served no more', async () => {
    const schema = {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
      },
    };
    const version = (name: string, storage: boolean) => ({ name, served: true, storage, schema });
    const { body, kind } = newDefinition({ versions: [version('v1', true), version('v2', false)] });
    await target.admin.made(definitionsPath, body);
    const document = async () => JSON.stringify((await target.admin.get('/openapi/v2')).body.paths);
    const path = (served: string) => `/apis/${kind.group}/${served}/widgets`;
    while (!(await document()).includes(path('v2')));
    await target.admin.merge(`${definitionsPath}/${kind.name}`, {
      spec: { versions: [version('v1', true), { ...version('v2', false), served: false }] },
    });
    while ((await document()).includes(path('v2')));
    expect(await document()).toContain(path('v1'));
    await target.admin.delete(`${definitionsPath}/${kind.name}`);
  });
});

describe('groups', () => {
  it('prefer one of their versions, and name those that there are', async () => {
    const { groups } = (await target.admin.get('/apis')).body as unknown as {
      groups: { name: string; versions: Tree[]; preferredVersion: Tree }[];
    };
    expect(groups.length).toBeGreaterThan(10);
    for (const { name, versions, preferredVersion } of groups) {
      // Those of other tests come and go.
      if (name.endsWith('.example.com')) continue;
      const group = await target.admin.get(`/apis/${name}`);
      expect([group.code, group.body.preferredVersion]).toEqual([200, preferredVersion]);
      expect(versions).toContainEqual(preferredVersion);
    }
  });

  it('of admission hold both kinds of webhook configurations', async () => {
    const { resources } = (await target.admin.get('/apis/admissionregistration.k8s.io/v1')).body as unknown as {
      resources: { name: string }[];
    };
    expect(resources.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']),
    );
  });
});

describe.each([
  ['v1', (namespace: string) => `/api/v1/namespaces/${namespace}/events`],
  ['events.k8s.io/v1', (namespace: string) => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`],
])('events of %s', (group, pathIn) => {
  const path = () => pathIn(target.namespace);
  const isCore = group === 'v1';
  const event = (name: string): Tree => ({
    metadata: { name, labels: { suite: group.replace('/', '-') } },
    [isCore ? 'involvedObject' : 'regarding']: { kind: 'Pod', name: 'p', namespace: target.namespace },
    ...(isCore
      ? { message: 'said', source: { component: 'c' } }
      : {
          note: 'said',
          eventTime: '2026-01-02T03:04:05.000006Z',
          action: 'Do',
          reportingController: 'c',
          reportingInstance: 'i',
        }),
    reason: 'Testing',
    type: 'Normal',
  });

  it('are made, read, patched, written anew and deleted', async () => {
    const name = `life-${isCore ? 'old' : 'new'}`;
    const created = await target.admin.made(path(), event(name));
    const field = isCore ? 'message' : 'note';
    expect((await target.admin.merge(`${path()}/${name}`, { [field]: 'patched' })).body[field]).toBe('patched');
    const current = await target.admin.read(`${path()}/${name}`);
    const put = await target.admin.put(`${path()}/${name}`, { ...current, type: 'Warning' });
    expect([put.code, put.body.type, put.body.metadata.uid]).toEqual([200, 'Warning', created.metadata.uid]);
    await target.admin.delete(`${path()}/${name}`);
    expect((await target.admin.get(`${path()}/${name}`)).code).toBe(404);
  });

  it('are deleted together', async () => {
    for (const name of ['a', 'b', 'c']) await target.admin.made(path(), event(`${name}-${isCore ? 'old' : 'new'}`));
    const own = selected(path(), `suite=${group.replace('/', '-')}`);
    expect((await target.admin.read(own)).items).toHaveLength(3);
    await target.admin.delete(own);
    expect((await target.admin.read(own)).items).toHaveLength(0);
  });
});

describe('a namespace', () => {
  it('is labelled, and given conditions at its status', async () => {
    const name = await target.newNamespace();
    const at = `/api/v1/namespaces/${name}`;
    const labelled = await target.admin.merge(at, { metadata: { labels: { team: 'a' } } });
    expect(labelled.body.metadata.labels).toMatchObject({ team: 'a', 'kubernetes.io/metadata.name': name });
    const condition = { type: 'Checked', status: 'True', reason: 'E2E', message: 'by a test' };
    const patched = await target.admin.merge(`${at}/status`, { status: { conditions: [condition] } });
    expect(patched.body.status).toMatchObject({ phase: 'Active', conditions: [condition] });
    const read = (await target.admin.get(`${at}/status`)).body;
    const updated = await target.admin.put(`${at}/status`, {
      ...read,
      status: { ...(read.status as object), conditions: [{ ...condition, status: 'False' }] },
    });
    expect(updated.body.status).toMatchObject({ conditions: [{ status: 'False' }] });
  });
});

describe('a service account', () => {
  it('is listed, patched and deleted, and says whether pods get its token', async () => {
    const path = `${target.core}/serviceaccounts`;
    await target.admin.made(path, {
      metadata: { name: 'sa', labels: { suite: 'sa' } },
      automountServiceAccountToken: false,
    });
    const pod = (name: string, spec: object) =>
      target.admin.made(`${target.core}/pods`, {
        metadata: { name },
        spec: { serviceAccountName: 'sa', containers: [{ name: 'c', image: 'i' }], ...spec },
      });
    const volumes = ({ spec }: ApiObject) => (spec.volumes as { name: string }[] | undefined)?.length ?? 0;
    expect(volumes(await pod('sa-says-no', {}))).toBe(0);
    expect(volumes(await pod('pod-says-yes', { automountServiceAccountToken: true }))).toBe(1);
    await target.admin.merge(`${path}/sa`, { automountServiceAccountToken: null });
    expect(volumes(await pod('nobody-says', {}))).toBe(1);
    expect(volumes(await pod('pod-says-no', { automountServiceAccountToken: false }))).toBe(0);
    await target.admin.delete(selected(path, 'suite=sa'));
    expect((await target.admin.get(`${path}/sa`)).code).toBe(404);
  });
});
