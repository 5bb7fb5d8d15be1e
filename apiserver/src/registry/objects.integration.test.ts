import type { ConfigMap, Namespace, Pod } from '@slipway/api/types';
import { startTestServer, type TestRequest, type TestServer } from '../testing/start-test-server.ts';

let test: TestServer;
beforeAll(async () => {
  test = await startTestServer();
  await test.fetch('/api/v1/namespaces/default/serviceaccounts', {
    method: 'POST',
    body: { metadata: { name: 'default' } },
  });
});
afterAll(() => test.stop());

const maps = '/api/v1/namespaces/default/configmaps';
const create = (path: string, body: unknown, options: TestRequest = {}) =>
  test.fetch(path, { method: 'POST', body, ...options });
const put = (path: string, body: unknown) => test.fetch(path, { method: 'PUT', body });
const remove = (path: string, body?: unknown) => test.fetch(path, { method: 'DELETE', body });
const aMap = (name: string, more: object = {}) => ({ metadata: { name }, data: { a: '1' }, ...more });
const aPod = (name: string, more: object = {}) => ({
  metadata: { name, ...more },
  spec: { containers: [{ name: 'c', image: 'i' }], terminationGracePeriodSeconds: 20 },
});

describe('create', () => {
  it('answers the object with what the server adds', async () => {
    const { status, body } = await create(maps, aMap('created'));
    expect(status).toBe(201);
    expect(body).toMatchObject({
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'created', namespace: 'default', uid: expect.any(String), resourceVersion: expect.any(String) },
      data: { a: '1' },
    });
    expect((await test.fetch(`${maps}/created`)).body).toEqual(body);
  });

  it.each([
    ['a name that is taken', aMap('created'), 409, 'configmaps "created" already exists'],
    [
      'a bad name',
      aMap('Bad_Name'),
      422,
      /^ConfigMap "Bad_Name" is invalid: metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      'no name',
      { data: {} },
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    [
      'another namespace',
      aMap('x', { metadata: { name: 'x', namespace: 'other' } }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'another version',
      { ...aMap('x'), apiVersion: 'apps/v1' },
      400,
      'the API version in the data (apps/v1) does not match the expected API version (v1)',
    ],
    [
      'a resourceVersion',
      { metadata: { name: 'x', resourceVersion: '1' } },
      500,
      'resourceVersion should not be set on objects to be created',
    ],
    [
      'a wrong type',
      { ...aMap('x'), data: { a: 1 } },
      400,
      /cannot unmarshal number into Go struct field ConfigMap.data of type string/,
    ],
  ])('refuses %s', async (_what, body, code, message) => {
    const response = await create(maps, body);
    expect(response.status).toBe(code);
    const { message: said } = response.body as { message: string };
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
  });

  it('needs a namespace that exists', async () => {
    const { status, body } = await create('/api/v1/namespaces/nowhere/configmaps', aMap('x'));
    expect(status).toBe(404);
    expect(body).toMatchObject({
      message: 'namespaces "nowhere" not found',
      details: { kind: 'namespaces', name: 'nowhere' },
    });
  });

  it('makes names from a prefix', async () => {
    const { body } = await create(maps, { metadata: { generateName: 'gen-' } });
    expect((body as ConfigMap).metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  it('writes nothing in a dry run', async () => {
    expect((await create(`${maps}?dryRun=All`, aMap('dry'))).status).toBe(201);
    expect((await test.fetch(`${maps}/dry`)).status).toBe(404);
    expect((await create(`${maps}?dryRun=Some`, aMap('dry'))).status).toBe(422);
  });

  it('warns of unknown fields, refuses or ignores them, as asked', async () => {
    const body = { ...aMap('fields'), foo: 1 };
    const warned = await create(`${maps}?dryRun=All`, body);
    expect(warned.headers.warning).toBe('299 - "unknown field \\"foo\\""');
    const refused = await create(`${maps}?dryRun=All&fieldValidation=Strict`, body);
    expect(refused.status).toBe(400);
    expect((await create(`${maps}?dryRun=All&fieldValidation=Ignore`, body)).headers.warning).toBeUndefined();
  });

  it('reads YAML', async () => {
    const text = 'metadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const { status } = await create(maps, text, { headers: { 'content-type': 'application/yaml' } });
    expect(status).toBe(201);
  });
});

describe('update', () => {
  it('refuses a stale version and keeps what it may not touch', async () => {
    const first = (await create(maps, aMap('updated'))).body as ConfigMap;
    const second = await put(`${maps}/updated`, { ...first, data: { a: '2' } });
    expect(second.status).toBe(200);
    expect((second.body as ConfigMap).metadata.uid).toBe(first.metadata.uid);
    const stale = await put(`${maps}/updated`, first);
    expect(stale.status).toBe(409);
    expect(stale.body).toMatchObject({
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on configmaps "updated": the object has been modified; please apply your changes to the latest version and try again',
    });
  });

  it('writes nothing when nothing changes, whatever the order of fields', async () => {
    const first = (await create(maps, { metadata: { name: 'same' }, data: { a: '1', b: '2' } })).body as ConfigMap;
    const again = await put(`${maps}/same`, { data: { b: '2', a: '1' }, metadata: first.metadata });
    expect((again.body as ConfigMap).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('takes an update without a version, and refuses changed identities', async () => {
    const first = (await create(maps, aMap('free'))).body as ConfigMap;
    expect((await put(`${maps}/free`, aMap('free', { data: { a: '9' } }))).status).toBe(200);
    const other = await put(`${maps}/free`, { ...first, metadata: { name: 'free', uid: 'other' } });
    expect(other.status).toBe(409);
    expect(other.body).toMatchObject({
      message: expect.stringContaining('Precondition failed: UID in precondition: other'),
    });
    expect((await put(`${maps}/other`, aMap('free'))).body).toMatchObject({
      message: 'the name of the object (free) does not match the name on the URL (other)',
    });
    expect((await put(`${maps}/missing`, aMap('missing'))).status).toBe(404);
  });
});

describe('patch', () => {
  const patch = (name: string, type: string, body: unknown) =>
    test.fetch(`${maps}/${name}`, { method: 'PATCH', body, headers: { 'content-type': type } });

  it('merges, edits and applies', async () => {
    await create(maps, aMap('patched'));
    const merged = await patch('patched', 'application/merge-patch+json', { data: { b: '2', a: null } });
    expect((merged.body as ConfigMap).data).toEqual({ b: '2' });
    const edited = await patch('patched', 'application/json-patch+json', [{ op: 'add', path: '/data/c', value: '3' }]);
    expect((edited.body as ConfigMap).data).toEqual({ b: '2', c: '3' });
    const strategic = await patch('patched', 'application/strategic-merge-patch+json', {
      metadata: { labels: { x: 'y' } },
    });
    expect((strategic.body as ConfigMap).metadata.labels).toEqual({ x: 'y' });
  });

  it('takes concurrent patches without losing one', async () => {
    await create(maps, aMap('raced'));
    const names = Array.from({ length: 20 }, (_, index) => `k${index}`);
    const answers = await Promise.all(
      names.map((name) => patch('raced', 'application/merge-patch+json', { data: { [name]: 'x' } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    const { data } = (await test.fetch(`${maps}/raced`)).body as ConfigMap;
    expect(Object.keys(data ?? {}).sort()).toEqual(['a', ...names].sort());
  });

  it('creates by server-side apply, keeps owners, and refuses to take a field', async () => {
    const apply = (manager: string, data: object, more = '') =>
      test.fetch(`${maps}/applied?fieldManager=${manager}${more}`, {
        method: 'PATCH',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied' }, data },
        headers: { 'content-type': 'application/apply-patch+yaml' },
      });
    expect((await apply('one', { a: '1' })).status).toBe(201);
    const again = await apply('one', { a: '1' });
    expect(again.status).toBe(200);
    const contested = await apply('two', { a: '2' });
    expect(contested.status).toBe(409);
    expect(contested.body).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
      details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] },
    });
    expect((await apply('two', { a: '2' }, '&force=true')).status).toBe(200);
    expect((await apply('', { a: '2' })).body).toMatchObject({
      message: expect.stringContaining('is required for apply patch'),
    });
  });

  it('refuses a patch that does not fit, and a type that it does not know', async () => {
    expect((await patch('patched', 'application/json-patch+json', [{ op: 'remove', path: '/x/y' }])).status).toBe(422);
    expect((await patch('patched', 'application/json', {})).status).toBe(415);
    expect(
      (await patch('patched', 'application/merge-patch+json', { metadata: { resourceVersion: '1' } })).status,
    ).toBe(409);
  });
});

describe('delete', () => {
  it('answers a status, and honours preconditions', async () => {
    const made = (await create(maps, aMap('gone'))).body as ConfigMap;
    expect((await remove(`${maps}/gone`, { preconditions: { uid: 'other' } })).status).toBe(409);
    const removed = await remove(`${maps}/gone`);
    expect(removed.body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps', uid: made.metadata.uid },
    });
    expect((await remove(`${maps}/gone`)).status).toBe(404);
  });

  it('keeps what a finalizer holds until the last one goes', async () => {
    await create(maps, aMap('held', { metadata: { name: 'held', finalizers: ['test.dev/x'] } }));
    await remove(`${maps}/held`);
    const held = (await test.fetch(`${maps}/held`)).body as ConfigMap;
    expect(held.metadata.deletionTimestamp).toEqual(expect.any(String));
    const more = await put(`${maps}/held`, {
      ...held,
      metadata: { ...held.metadata, finalizers: ['test.dev/x', 'test.dev/y'] },
    });
    expect(more.body).toMatchObject({
      message: expect.stringContaining('no new finalizers can be added if the object is being deleted'),
    });
    expect((await put(`${maps}/held`, { ...held, metadata: { ...held.metadata, finalizers: [] } })).status).toBe(200);
    expect((await test.fetch(`${maps}/held`)).status).toBe(404);
  });

  it('deletes a pod on a node in two steps', async () => {
    await create('/api/v1/namespaces/default/pods', aPod('graceful'));
    const pod = '/api/v1/namespaces/default/pods/graceful';
    const bound = await create(`${pod}/binding`, { target: { kind: 'Node', name: 'n1' } });
    expect(bound.status).toBe(201);
    const marked = (await remove(pod)).body as Pod;
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 20, deletionTimestamp: expect.any(String) });
    expect((await test.fetch(pod)).status).toBe(200);
    expect((await remove(pod, { gracePeriodSeconds: 0 })).status).toBe(200);
    expect((await test.fetch(pod)).status).toBe(404);
  });

  it('deletes a collection by selector', async () => {
    for (const name of ['one', 'two']) await create(maps, { metadata: { name, labels: { set: 'x' } } });
    await create(maps, { metadata: { name: 'three', labels: { set: 'y' } } });
    const { body } = await remove(`${maps}?labelSelector=set=x`);
    expect((body as { items: unknown[] }).items).toHaveLength(2);
    expect((await test.fetch(`${maps}/three`)).status).toBe(200);
    expect((await test.fetch(`${maps}/one`)).status).toBe(404);
  });
});

describe('pods', () => {
  it('bind once', async () => {
    await create('/api/v1/namespaces/default/pods', aPod('bound'));
    const path = '/api/v1/namespaces/default/pods/bound';
    await create(`${path}/binding`, { metadata: { name: 'bound' }, target: { name: 'n1' } });
    const pod = (await test.fetch(path)).body as Pod;
    expect(pod.spec.nodeName).toBe('n1');
    expect(pod.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
    const again = await create(`${path}/binding`, { target: { name: 'n2' } });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({
      message: 'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "n1"',
    });
  });

  it('bind with amounts that defaults bring into another form', async () => {
    const resources = { limits: { memory: '0.5Gi', cpu: '0.1' } };
    const pod = aPod('measured');
    await create('/api/v1/namespaces/default/pods', {
      ...pod,
      spec: {
        ...pod.spec,
        resources,
        containers: [{ name: 'c', image: 'i', resources }],
        volumes: [{ name: 'v', emptyDir: { sizeLimit: '0.5Gi' } }, { name: 'w' }],
      },
    });
    const path = '/api/v1/namespaces/default/pods/measured';
    expect((await create(`${path}/binding`, { target: { name: 'n1' } })).status).toBe(201);
    expect(((await test.fetch(path)).body as Pod).spec.volumes?.[0]?.emptyDir).toEqual({ sizeLimit: '512Mi' });
  });

  it('keep their spec on the status endpoint and their status on the main one', async () => {
    const path = '/api/v1/namespaces/default/pods/bound';
    const pod = (await test.fetch(path)).body as Pod;
    const changed = { ...pod, spec: { ...pod.spec, nodeName: 'other' }, status: { ...pod.status, phase: 'Running' } };
    const answered = (await put(`${path}/status`, changed)).body as Pod;
    expect(answered.status?.phase).toBe('Running');
    expect(answered.spec.nodeName).toBe('n1');
    const back = (await put(path, { ...answered, status: { phase: 'Failed' } })).body as Pod;
    expect(back.status?.phase).toBe('Running');
  });

  it('are evicted', async () => {
    await create('/api/v1/namespaces/default/pods', aPod('evicted'));
    const path = '/api/v1/namespaces/default/pods/evicted';
    const { status } = await create(`${path}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'evicted' },
    });
    expect(status).toBe(201);
    expect((await test.fetch(path)).status).toBe(404);
  });

  it('get a service account and its token volume', async () => {
    const pod = (await test.fetch('/api/v1/namespaces/default/pods/bound')).body as Pod;
    expect(pod.spec.serviceAccountName).toBe('default');
    expect(pod.spec.volumes?.[0]?.name).toMatch(/^kube-api-access-/);
    expect(pod.spec.tolerations).toHaveLength(2);
    await create('/api/v1/namespaces', { metadata: { name: 'bare' } });
    const refused = await create('/api/v1/namespaces/bare/pods', aPod('a'));
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      message:
        'pods "a" is forbidden: error looking up service account bare/default: serviceaccount "default" not found',
    });
  });
});

describe('namespaces', () => {
  it('wait for their content, and refuse new content meanwhile', async () => {
    await create('/api/v1/namespaces', { metadata: { name: 'ending' } });
    const marked = (await remove('/api/v1/namespaces/ending')).body as Namespace;
    expect(marked.status?.phase).toBe('Terminating');
    const refused = await create('/api/v1/namespaces/ending/configmaps', aMap('late'));
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      message:
        'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
    await put('/api/v1/namespaces/ending/finalize', { ...marked, spec: { finalizers: [] } });
    expect((await test.fetch('/api/v1/namespaces/ending')).status).toBe(404);
    expect((await remove('/api/v1/namespaces/kube-system')).status).toBe(403);
  });
});

describe('scale', () => {
  it('reads and writes replicas', async () => {
    const labels = { app: 'web' };
    await create('/apis/apps/v1/namespaces/default/deployments', {
      metadata: { name: 'web' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    });
    const path = '/apis/apps/v1/namespaces/default/deployments/web';
    const scale = (await test.fetch(`${path}/scale`)).body as { spec: { replicas: number } };
    expect(scale).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 1 } });
    await put(`${path}/scale`, { ...scale, spec: { replicas: 3 } });
    expect((await test.fetch(path)).body).toMatchObject({ spec: { replicas: 3 }, metadata: { generation: 2 } });
    expect((await put(`${path}/scale`, { ...scale, spec: { replicas: 4 } })).status).toBe(409);
  });
});

describe('events', () => {
  it('are one store under two versions', async () => {
    const event = {
      metadata: { name: 'e1' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'bound' },
      reason: 'Tested',
      message: 'it was tested',
      type: 'Normal',
      source: { component: 'test' },
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    };
    expect((await create('/api/v1/namespaces/default/events', event)).status).toBe(201);
    const { body } = await test.fetch('/apis/events.k8s.io/v1/namespaces/default/events/e1');
    expect(body).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: { name: 'bound' },
      note: 'it was tested',
      deprecatedCount: 1,
    });
    const list = await test.fetch('/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=bound');
    expect((list.body as { items: unknown[] }).items).toHaveLength(1);
  });
});
