import { networkInterfaces } from 'node:os';
import { useTarget } from './target.ts';
import { type Handler, patchOf, startWebhookServer, type WebhookServer } from './webhook-server.ts';

const target = useTarget();
const group = '/apis/admissionregistration.k8s.io/v1';
const configMaps = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

let server: WebhookServer;
let made: string[] = [];
let count = 0;
beforeAll(async () => {
  server = await startWebhookServer(['hook', 'in-cluster'].map((name) => `${name}.${target.namespace}.svc`));
});
afterAll(() => server.close());
afterEach(async () => {
  for (const path of made) await target.admin.delete(path);
  made = [];
});

/** In a namespace of its own, so that webhooks of one test do not see what another one writes. */
async function configured(
  kind: 'mutating' | 'validating',
  handlers: readonly (Handler | undefined)[],
  more: object | ((i: number) => object) = {},
): Promise<{ path: string; names: string[] }> {
  const namespace = await target.newNamespace();
  const id = `h${count++}`;
  const names = handlers.map((_, i) => `${id}-${i}.example.com`);
  const webhooks = handlers.map((handler, i) => {
    if (handler) server.on(`${id}-${i}`, handler);
    return {
      name: names[i],
      clientConfig: server.clientConfig(`${id}-${i}`),
      rules: [configMaps],
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...(typeof more === 'function' ? more(i) : more),
    };
  });
  const resource = `${group}/${kind}webhookconfigurations`;
  await target.admin.made(resource, { metadata: { name: `${namespace}-${id}` }, webhooks });
  made.push(`${resource}/${namespace}-${id}`);
  return { path: `/api/v1/namespaces/${namespace}`, names: names.map((name) => name.replace('.example.com', '')) };
}

const configMap = (name: string, data: object = { a: 'b' }, labels?: object) => ({
  metadata: { name, ...(labels ? { labels } : {}) },
  data,
});

describe('a validating webhook', () => {
  it('is told what is written, by whom, and may let it be', async () => {
    const { path, names } = await configured('validating', [() => ({ allowed: true, warnings: ['think twice'] })]);
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect([reply.code, reply.warnings]).toEqual([201, ['think twice']]);
    expect((await target.admin.merge(`${path}/configmaps/x`, { data: { a: 'c' } })).code).toBe(200);
    const [created, updated] = server.seen(names[0] ?? '');
    expect(created).toMatchObject({
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      name: 'x',
      namespace: path.split('/').at(-1),
      operation: 'CREATE',
      userInfo: { username: expect.any(String), groups: expect.arrayContaining(['system:authenticated']) },
      object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'x' }, data: { a: 'b' } },
      oldObject: null,
      dryRun: false,
    });
    expect(updated).toMatchObject({
      operation: 'UPDATE',
      object: { data: { a: 'c' } },
      oldObject: { data: { a: 'b' } },
    });
  });

  it.each([
    [{ message: 'not here' }, 400, undefined, ': not here'],
    [{ code: 418, reason: 'Teapot', message: 'short and stout' }, 418, 'Teapot', ': short and stout'],
    [{ code: 403, reason: 'Forbidden' }, 403, 'Forbidden', ': Forbidden'],
    [undefined, 400, undefined, ' without explanation'],
  ])('refuses with %j', async (status, code, reason, text) => {
    const { path, names } = await configured('validating', [() => ({ allowed: false, status })]);
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect([reply.code, reply.body.reason, reply.body.message]).toEqual([
      code,
      reason,
      `admission webhook "${names[0]}.example.com" denied the request${text}`,
    ]);
    expect((await target.admin.get(`${path}/configmaps/x`)).code).toBe(404);
  });

  it('sees deletions', async () => {
    const rules = [{ ...configMaps, operations: ['DELETE'] }];
    const { path } = await configured(
      'validating',
      [({ oldObject, object }) => ({ allowed: !oldObject || object !== null })],
      {
        rules,
      },
    );
    await target.admin.made(`${path}/configmaps`, configMap('x'));
    expect((await target.admin.delete(`${path}/configmaps/x`)).code).toBe(400);
    expect((await target.admin.get(`${path}/configmaps/x`)).code).toBe(200);
  });

  it('sees each deletion of a collection by its name, and dry runs as such', async () => {
    const rules = [{ ...configMaps, operations: ['DELETE'] }];
    const { path, names } = await configured('validating', [() => ({ allowed: true })], { rules });
    for (const name of ['a', 'b']) await target.admin.made(`${path}/configmaps`, configMap(name, {}, { mine: 'yes' }));
    expect((await target.admin.delete(`${path}/configmaps/a`, { dryRun: ['All'] })).code).toBe(200);
    expect((await target.admin.delete(`${path}/configmaps?labelSelector=mine`)).code).toBe(200);
    expect(server.seen(names[0] ?? '').map(({ name, dryRun }) => [name, dryRun])).toEqual([
      ['a', true],
      ['a', false],
      ['b', false],
    ]);
  });

  it('is asked about what its selectors and rules name', async () => {
    const { path, names } = await configured('validating', [() => ({ allowed: true })], {
      objectSelector: { matchLabels: { watched: 'yes' } },
      rules: [
        { ...configMaps, scope: 'Namespaced' },
        { ...configMaps, resources: ['namespaces'], scope: 'Cluster' },
      ],
    });
    await target.admin.made(`${path}/configmaps`, configMap('a'));
    await target.admin.made(`${path}/configmaps`, configMap('b', {}, { watched: 'yes' }));
    await target.admin.made(`${path}/secrets`, { metadata: { name: 's', labels: { watched: 'yes' } } });
    // The label that it had counts as well as the one that it gets.
    await target.admin.merge(`${path}/configmaps/b`, { metadata: { labels: { watched: null } } });
    await target.admin.merge(path, { metadata: { labels: { watched: 'yes' } } });
    expect(server.seen(names[0] ?? '').map(({ operation, name }) => `${operation} ${name}`)).toEqual([
      'CREATE b',
      'UPDATE b',
      `UPDATE ${path.split('/').at(-1)}`,
    ]);
  });

  it('is told of dry runs', async () => {
    const { path, names } = await configured('validating', [() => ({ allowed: true })], {
      sideEffects: 'NoneOnDryRun',
    });
    const reply = await target.admin.post(`${path}/configmaps?dryRun=All`, configMap('x'));
    expect(reply.code).toBe(201);
    expect(server.seen(names[0] ?? '')).toMatchObject([{ dryRun: true }]);
  });

  it('sees every kind by wildcards, and never the configuration of webhooks', async () => {
    const rules = [{ ...configMaps, apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
    const { path, names } = await configured('validating', [() => ({ allowed: false })], { rules });
    expect((await target.admin.post(`${path}/secrets`, { metadata: { name: 'x' } })).code).toBe(400);
    const own = `${group}/validatingwebhookconfigurations`;
    const name = `${path.split('/').at(-1)}-other`;
    await target.admin.made(own, { metadata: { name } });
    made.push(`${own}/${name}`);
    expect(server.seen(names[0] ?? '')).toHaveLength(1);
  });
});

describe('a mutating webhook', () => {
  it('changes the object, and the next one sees the change', async () => {
    const { path } = await configured('mutating', [
      () => patchOf({ op: 'add', path: '/data/first', value: '1' }),
      ({ object }) =>
        patchOf({ op: 'add', path: '/data/second', value: `after ${Object.keys(object.data as object)}` }),
    ]);
    const reply = await target.admin.made(`${path}/configmaps`, configMap('x'));
    expect(reply.data).toEqual({ a: 'b', first: '1', second: 'after a,first' });
    expect((await target.admin.read(`${path}/configmaps/x`)).data).toEqual(reply.data);
  });

  it('is asked once more when another one changed the object after it', async () => {
    const { path, names } = await configured(
      'mutating',
      [
        ({ object }) => patchOf({ op: 'add', path: '/data/seen', value: String(Object.keys(object.data as object)) }),
        () => patchOf({ op: 'add', path: '/data/late', value: '1' }),
      ],
      (i) => (i === 0 ? { reinvocationPolicy: 'IfNeeded' } : {}),
    );
    const reply = await target.admin.made(`${path}/configmaps`, configMap('x'));
    expect(reply.data).toEqual({ a: 'b', late: '1', seen: 'a,seen,late' });
    expect(names.map((name) => server.seen(name).length)).toEqual([2, 1]);
  });

  it('changes pods before their defaults and limits are worked out again', async () => {
    const rules = [{ ...configMaps, resources: ['pods'] }];
    const sidecar = { name: 'sidecar', image: 'registry.invalid/none:1' };
    const { path } = await configured(
      'mutating',
      [() => patchOf({ op: 'add', path: '/spec/containers/-', value: sidecar })],
      {
        rules,
      },
    );
    const pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'registry.invalid/none:1' }] } };
    const { spec } = await target.admin.made(`${path}/pods`, pod);
    expect(spec.containers).toMatchObject([
      { name: 'c' },
      { name: 'sidecar', imagePullPolicy: 'IfNotPresent', volumeMounts: [{ readOnly: true }] },
    ]);
  });
});

describe('a webhook for subresources', () => {
  const rulesFor = (group: string, ...resources: string[]) => ({
    rules: [{ operations: ['*'], apiGroups: [group], apiVersions: ['v1'], resources }],
  });
  const container = { name: 'c', image: 'registry.invalid/none:1' };

  it('is told of the scale, and may set another', async () => {
    const { path, names } = await configured(
      'mutating',
      [() => patchOf({ op: 'replace', path: '/spec/replicas', value: 3 })],
      rulesFor('apps', 'deployments/scale'),
    );
    const deployments = path.replace('/api/v1', '/apis/apps/v1');
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
    const spec = { replicas: 0, selector: { matchLabels: { a: 'b' } }, template };
    await target.admin.made(`${deployments}/deployments`, { metadata: { name: 'd' }, spec });
    const reply = await target.admin.merge(`${deployments}/deployments/d/scale`, { spec: { replicas: 9 } });
    expect([reply.code, reply.body.spec]).toEqual([200, { replicas: 3 }]);
    expect(server.seen(names[0] ?? '')).toMatchObject([
      {
        operation: 'UPDATE',
        subResource: 'scale',
        kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        resource: { group: 'apps', version: 'v1', resource: 'deployments' },
        object: { kind: 'Scale', spec: { replicas: 9 } },
        oldObject: { kind: 'Scale', spec: {} },
      },
    ]);
  });

  it('is told of evictions, bindings and commands', async () => {
    const { path, names } = await configured(
      'validating',
      [() => ({ allowed: false, status: { message: 'not now' } })],
      rulesFor('', 'pods/eviction', 'pods/binding', 'pods/exec'),
    );
    await target.admin.made(`${path}/pods`, { metadata: { name: 'p' }, spec: { containers: [container] } });
    const metadata = { name: 'p' };
    const replies = [
      await target.admin.post(`${path}/pods/p/eviction`, { kind: 'Eviction', apiVersion: 'policy/v1', metadata }),
      await target.admin.post(`${path}/pods/p/binding`, { metadata, target: { kind: 'Node', name: 'n' } }),
      await target.admin.get(`${path}/pods/p/exec?command=ls&command=-l&stdout=true`, {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
        'sec-websocket-protocol': 'v5.channel.k8s.io',
      }),
    ];
    for (const { code, body } of replies)
      expect([code, body.message]).toEqual([400, expect.stringContaining('not now')]);
    expect(server.seen(names[0] ?? '').map(({ operation, object }) => [operation, object.kind])).toEqual([
      ['CREATE', 'Eviction'],
      ['CREATE', 'Binding'],
      ['CONNECT', 'PodExecOptions'],
    ]);
    expect(server.seen(names[0] ?? '')[2]?.object).toMatchObject({ command: ['ls', '-l'], stdout: true });
  });
});

describe('a webhook that fails', () => {
  const failing = (text: string) => expect.stringMatching(text);

  it.each<[string, Handler | undefined, string]>([
    ['is not found', () => 404, 'failed to call webhook: the server could not find the requested resource'],
    [
      'breaks down',
      () => 500,
      'failed to call webhook: an error on the server .* has prevented the request from succeeding',
    ],
    [
      'answers for another request',
      () => ({ uid: 'x', allowed: true }),
      'received invalid webhook response: expected response.uid="[^"]*", got "x"',
    ],
    [
      'answers something else',
      () => '{}',
      'received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview',
    ],
    [
      'patches though it only validates',
      () => patchOf({ op: 'add', path: '/data/x', value: 'y' }),
      'received invalid webhook response: validating webhook may not return response.patch',
    ],
  ])('and %s refuses the write', async (_, handler, text) => {
    const { path, names } = await configured('validating', [handler]);
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect([reply.code, reply.body.message]).toEqual([
      500,
      failing(`^Internal error occurred: failed calling webhook "${names[0]}.example.com": ${text}`),
    ]);
  });

  it('does not matter when failures are to be ignored', async () => {
    const { path } = await configured('validating', [() => 500], { failurePolicy: 'Ignore' });
    expect((await target.admin.post(`${path}/configmaps`, configMap('x'))).code).toBe(201);
  });

  it('is counted as refused, failed, or failed and let in', async () => {
    const [denied, failed, ignored] = await Promise.all([
      configured('validating', [() => ({ allowed: false, status: { code: 418 } })]),
      configured('mutating', [() => 500]),
      configured('mutating', [() => 500], { failurePolicy: 'Ignore' }),
    ]);
    for (const { path } of [denied, failed, ignored]) await target.admin.post(`${path}/configmaps`, configMap('x'));
    const { text } = await target.admin.get('/metrics');
    const name = ({ names }: { names: string[] }) => `name="${names[0]}.example.com"`;
    const validating = 'operation="CREATE",rejection_code="418",type="validating"';
    expect(text).toContain(
      `apiserver_admission_webhook_rejection_count{error_type="no_error",${name(denied)},${validating}} 1`,
    );
    const calling = 'operation="CREATE",rejection_code="0",type="admit"';
    expect(text).toContain(
      `apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",${name(failed)},${calling}} 1`,
    );
    expect(text).toContain(`apiserver_admission_webhook_fail_open_count{${name(ignored)},type="admit"} 1`);
    expect(text).toContain(
      `apiserver_admission_webhook_request_total{code="500",${name(ignored)},operation="CREATE",rejected="true",type="admit"} 1`,
    );
  });

  it('is waited for no longer than it says', async () => {
    const { path, names } = await configured('validating', [() => new Promise(() => {})], { timeoutSeconds: 1 });
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect(reply.body.message).toBe(
      `Internal error occurred: failed calling webhook "${names[0]}.example.com": failed to call webhook: Post "https://127.0.0.1:${server.port}/${names[0]}?timeout=1s": context deadline exceeded`,
    );
  });

  it('is not there', async () => {
    const { path } = await configured('validating', [undefined], {
      clientConfig: { url: 'https://127.0.0.1:9/x', caBundle: server.caBundle },
    });
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect(reply.body.message).toMatch(
      /failed to call webhook: Post "https:\/\/127\.0\.0\.1:9\/x\?timeout=10s": dial tcp 127\.0\.0\.1:9: connect: connection refused$/,
    );
  });

  it('has a certificate of somebody else', async () => {
    const { path } = await configured('validating', [() => ({ allowed: true })], (i) => ({
      clientConfig: { url: `https://127.0.0.1:${server.port}/${i}` },
    }));
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect([reply.code, reply.body.message]).toEqual([500, failing('x509: certificate signed by unknown authority')]);
  });
});

describe('the way to a webhook', () => {
  it('leads to a service, by the name of the service', async () => {
    await target.admin.made(`${target.core}/services`, {
      metadata: { name: 'hook' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    });
    const service = { name: 'hook', namespace: target.namespace, port: server.port, path: '/by-service' };
    server.on('by-service', () => ({ allowed: false, status: { message: 'the service says no' } }));
    const { path } = await configured('validating', [undefined], {
      clientConfig: { service, caBundle: server.caBundle },
    });
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect(reply.body.message).toContain('denied the request: the service says no');
  });

  const address = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  (address ? it : it.skip)('leads to the endpoints of a service, whatever its cluster address', async () => {
    await target.admin.made(`${target.core}/services`, {
      metadata: { name: 'in-cluster' },
      spec: { ports: [{ name: 'https', port: 443, targetPort: 8443 }] },
    });
    await target.admin.made(`/apis/discovery.k8s.io/v1/namespaces/${target.namespace}/endpointslices`, {
      metadata: { name: 'in-cluster-1', labels: { 'kubernetes.io/service-name': 'in-cluster' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'https', port: server.port, protocol: 'TCP' }],
    });
    server.on('in-cluster', () => ({ allowed: false, status: { message: 'from the endpoint' } }));
    const service = { name: 'in-cluster', namespace: target.namespace, path: '/in-cluster' };
    const { path } = await configured('validating', [undefined], {
      clientConfig: { service, caBundle: server.caBundle },
    });
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect(reply.body.message).toContain('denied the request: from the endpoint');
  });

  it('says which service is missing', async () => {
    const service = { name: 'none', namespace: target.namespace };
    const { path } = await configured('validating', [undefined], { clientConfig: { service } });
    const reply = await target.admin.post(`${path}/configmaps`, configMap('x'));
    expect(reply.body.message).toContain(
      `failed to call webhook: Post "https://none.${target.namespace}.svc:443/?timeout=10s": service "none" not found`,
    );
  });

  it('is opened once and used again', async () => {
    const { path } = await configured('validating', [() => ({ allowed: true })]);
    await target.admin.made(`${path}/configmaps`, configMap('warm'));
    const before = server.connections();
    for (const name of ['a', 'b', 'c', 'd']) await target.admin.made(`${path}/configmaps`, configMap(name));
    expect(server.connections()).toBe(before);
  });
});
