/** What the server says about itself. */
import { kindCases, apiVersionOf } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly singularName: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
}

describe('discovery', () => {
  it('lists versions and groups', async () => {
    expect(await target.admin.read('/api')).toMatchObject({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: expect.any(String) }],
    });
    const groups = await target.admin.read('/apis');
    expect(groups).toMatchObject({ kind: 'APIGroupList', apiVersion: 'v1' });
    expect(groups.groups).toContainEqual({
      name: 'apps',
      versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
    });
    expect(await target.admin.read('/apis/apps')).toMatchObject({ kind: 'APIGroup', apiVersion: 'v1', name: 'apps' });
  });

  it.each(kindCases.map((kind) => [`${apiVersionOf(kind)} ${kind.resource}`, kind] as const))(
    'names %s',
    async (_, kind) => {
      const list = await target.admin.read(kind.group === '' ? '/api/v1' : `/apis/${apiVersionOf(kind)}`);
      expect(list).toMatchObject({ kind: 'APIResourceList', groupVersion: apiVersionOf(kind) });
      const found = (list.resources as Resource[]).find(({ name }) => name === kind.resource);
      expect(found).toMatchObject({
        kind: kind.kind,
        namespaced: kind.namespaced,
        singularName: kind.kind.toLowerCase(),
      });
      expect(found?.verbs).toEqual(
        expect.arrayContaining(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']),
      );
    },
  );

  it('names subresources, short names and categories', async () => {
    const { resources } = (await target.admin.read('/apis/apps/v1')) as unknown as { resources: Resource[] };
    expect(resources.find(({ name }) => name === 'deployments')).toMatchObject({
      shortNames: ['deploy'],
      categories: ['all'],
    });
    expect(resources.find(({ name }) => name === 'deployments/scale')).toMatchObject({
      kind: 'Scale',
      group: 'autoscaling',
      version: 'v1',
      verbs: ['get', 'patch', 'update'],
    });
  });

  it('comes in one piece on demand', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    for (const path of ['/api', '/apis']) {
      const reply = await target.admin.get(path, { accept });
      expect(reply.headers['content-type']).toBe(
        'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
      );
      expect(reply.body).toMatchObject({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2' });
      const etag = reply.headers.etag ?? '';
      expect(etag).not.toBe('');
      expect((await target.admin.get(path, { accept, 'if-none-match': etag })).code).toBe(304);
    }
    const { items } = (await target.admin.get('/apis', { accept })).body;
    const apps = items.find(({ metadata }) => metadata.name === 'apps');
    expect(apps?.versions).toMatchObject([
      {
        version: 'v1',
        freshness: 'Current',
        resources: expect.arrayContaining([
          expect.objectContaining({
            resource: 'deployments',
            responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
            scope: 'Namespaced',
            singularResource: 'deployment',
            subresources: expect.arrayContaining([expect.objectContaining({ subresource: 'scale' })]),
          }),
        ]),
      },
    ]);
  });
});

describe('schemas', () => {
  it('of the second version are one document', async () => {
    const { body } = await target.admin.get('/openapi/v2');
    expect(body.swagger).toBe('2.0');
    expect(body.definitions).toHaveProperty(['io.k8s.api.core.v1.Pod']);
    expect(body.paths).toHaveProperty(['/api/v1/namespaces/{namespace}/pods/{name}']);
  });

  it('of the third version are one document a group', async () => {
    const index = await target.admin.read('/openapi/v3');
    const paths = index.paths as Record<string, { serverRelativeURL: string }>;
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/apps/v1']));
    const { body, headers } = await target.admin.get(paths['apis/apps/v1']?.serverRelativeURL ?? '');
    expect(body.openapi).toMatch(/^3\.0/);
    expect((body.components as { schemas: object }).schemas).toHaveProperty(['io.k8s.api.apps.v1.Deployment']);
    expect(headers.etag).toBeDefined();
    expect((await target.admin.get('/openapi/v3/apis/nosuch/v1')).code).toBe(404);
  });
});

describe('the server', () => {
  it('knows its version', async () => {
    expect(await target.admin.read('/version')).toMatchObject({
      major: expect.stringMatching(/^\d+$/),
      minor: expect.stringMatching(/^\d+\+?$/),
      gitVersion: expect.stringMatching(/^v\d+\.\d+\.\d+/),
      platform: expect.stringMatching(/^linux\//),
    });
  });

  it.each(['/healthz', '/livez', '/readyz'])('says at %s how it is', async (path) => {
    const reply = await target.admin.get(path);
    expect([reply.code, reply.text]).toEqual([200, 'ok']);
    expect(reply.headers['content-type']).toMatch(/^text\/plain/);
    const verbose = await target.admin.get(`${path}?verbose`);
    expect(verbose.text).toMatch(/^(\[\+\].+ ok\n)+(healthz|livez|readyz) check passed\n$/);
    const check = /^\[\+\](\S+) ok$/m.exec(verbose.text)?.[1] ?? '';
    expect((await target.admin.get(`${path}?verbose&exclude=${check}`)).text).toContain(`[+]${check} excluded: ok`);
  });

  it('counts', async () => {
    const reply = await target.admin.get('/metrics');
    expect(reply.code).toBe(200);
    expect(reply.text).toMatch(/^apiserver_request_total\{.*verb="(GET|LIST|POST)".*\} \d+$/m);
    expect(reply.text).toMatch(/^# TYPE apiserver_request_duration_seconds histogram$/m);
  });
});
