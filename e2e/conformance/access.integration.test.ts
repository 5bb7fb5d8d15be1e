/** Who one is and what one may do. */
import type { ApiClient } from './api-client.ts';
import { configMap } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const clients: ApiClient[] = [];

/** A client that is the service account, made when it is absent. */
async function account(name: string): Promise<ApiClient> {
  const accounts = `${target.core}/serviceaccounts`;
  await target.admin.post(accounts, { metadata: { name } });
  const reply = await target.admin.post(`${accounts}/${name}/token`, { spec: {} });
  const client = target.anonymous.as({ token: (reply.body.status as { token: string }).token });
  clients.push(client);
  return client;
}

const userName = (name: string) => `system:serviceaccount:${target.namespace}:${name}`;
const subject = (name: string) => ({ kind: 'ServiceAccount', name, namespace: target.namespace });
const binding = (name: string, kind: string, role: string, account: string) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
  subjects: [subject(account)],
});
/** A grant is seen by the authorizer a moment after it is written. */
async function allowed(client: ApiClient, path: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) if ((await client.get(path)).code === 200) return;
  throw new Error(`GET ${path} is still refused`);
}

afterAll(() => {
  for (const client of clients) client.close();
});

describe('nobody', () => {
  it('with a wrong token is not let in', async () => {
    const client = target.anonymous.as({ token: 'nonsense' });
    const reply = await client.get('/api/v1/namespaces');
    client.close();
    expect(reply.code).toBe(401);
    expect(reply.body).toMatchObject({ kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized', code: 401 });
  });

  it('without any may ask how the server is, and nothing else', async () => {
    expect((await target.anonymous.get('/livez')).code).toBe(200);
    expect((await target.anonymous.get('/version')).code).toBe(200);
    const reply = await target.anonymous.get('/api/v1/namespaces');
    expect([401, 403]).toContain(reply.code);
    if (reply.code === 403) {
      expect(reply.body.message).toBe(
        'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope',
      );
    }
  });
});

describe('a service account without any role', () => {
  it.each([
    ['GET', 'configmaps', 'list', 'configmaps is forbidden'],
    ['GET', 'configmaps?watch=1', 'watch', 'configmaps is forbidden'],
    ['GET', 'configmaps/a', 'get', 'configmaps "a" is forbidden'],
    ['POST', 'configmaps', 'create', 'configmaps is forbidden'],
    ['PUT', 'configmaps/a', 'update', 'configmaps "a" is forbidden'],
    ['PATCH', 'configmaps/a', 'patch', 'configmaps "a" is forbidden'],
    ['DELETE', 'configmaps/a', 'delete', 'configmaps "a" is forbidden'],
    ['DELETE', 'configmaps', 'deletecollection', 'configmaps is forbidden'],
  ])('%s %s is refused as %s', async (method, path, verb, start) => {
    const client = await account('nothing');
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const reply = await client.request(method, `${target.core}/${path}`, { body: configMap('a'), headers });
    expect(reply.code).toBe(403);
    expect(reply.body).toMatchObject({
      kind: 'Status',
      reason: 'Forbidden',
      code: 403,
      details: { kind: 'configmaps' },
    });
    expect(reply.body.message).toBe(
      `${start}: User "${userName('nothing')}" cannot ${verb} resource "configmaps" in API group "" in the namespace "${target.namespace}"`,
    );
  });

  it('is refused elsewhere in the words that fit', async () => {
    const client = await account('nothing');
    const message = async (path: string) => {
      const reply = await client.get(path);
      expect(reply.code).toBe(403);
      return reply.body.message;
    };
    const user = `User "${userName('nothing')}" cannot`;
    expect(await message('/api/v1/nodes')).toBe(
      `nodes is forbidden: ${user} list resource "nodes" in API group "" at the cluster scope`,
    );
    expect(await message(`${target.apps}/deployments/a/scale`)).toBe(
      `deployments.apps "a" is forbidden: ${user} get resource "deployments/scale" in API group "apps" in the namespace "${target.namespace}"`,
    );
    expect(await message('/metrics')).toBe(`forbidden: ${user} get path "/metrics"`);
    expect(await message('/nosuch')).toBe(`forbidden: ${user} get path "/nosuch"`);
  });

  it('may see what the server can do, and itself', async () => {
    const client = await account('nothing');
    for (const path of ['/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v3', '/version', '/healthz']) {
      expect([path, (await client.get(path)).code]).toEqual([path, 200]);
    }
    const review = await client.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: target.namespace } },
    });
    expect(review.code).toBe(201);
    expect(review.body).toMatchObject({
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
      status: { allowed: false },
    });
  });
});

describe('a role', () => {
  it('holds in its namespace only, for what it names', async () => {
    const client = await account('reader');
    await target.admin.made(`${rbac}/namespaces/${target.namespace}/roles`, {
      metadata: { name: 'read' },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }],
    });
    await target.admin.made(
      `${rbac}/namespaces/${target.namespace}/rolebindings`,
      binding('read', 'Role', 'read', 'reader'),
    );
    await allowed(client, `${target.core}/configmaps`);
    expect((await client.post(`${target.core}/configmaps`, configMap('no'))).code).toBe(403);
    expect((await client.get(`${target.core}/secrets`)).code).toBe(403);
    expect((await client.get('/api/v1/namespaces/default/configmaps')).code).toBe(403);
    expect((await client.get('/api/v1/configmaps')).code).toBe(403);
    await target.admin.delete(`${rbac}/namespaces/${target.namespace}/rolebindings/read`);
    let code = 200;
    for (let attempt = 0; code === 200 && attempt < 200; attempt++)
      code = (await client.get(`${target.core}/configmaps`)).code;
    expect(code).toBe(403);
  });

  it('may name objects and subresources', async () => {
    const client = await account('narrow');
    for (const name of ['mine', 'other']) await target.admin.made(`${target.core}/configmaps`, configMap(name));
    await target.admin.made(`${rbac}/namespaces/${target.namespace}/roles`, {
      metadata: { name: 'narrow' },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'], verbs: ['*'] },
        { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['get'] },
      ],
    });
    await target.admin.made(
      `${rbac}/namespaces/${target.namespace}/rolebindings`,
      binding('narrow', 'Role', 'narrow', 'narrow'),
    );
    await allowed(client, `${target.core}/configmaps/mine`);
    expect((await client.get(`${target.core}/configmaps/other`)).code).toBe(403);
    expect((await client.get(`${target.core}/configmaps`)).code).toBe(403);
    expect((await client.get(`${target.core}/configmaps?fieldSelector=metadata.name%3Dmine`)).code).toBe(200);
    expect((await client.get(`${target.apps}/deployments/absent/scale`)).code).toBe(404);
    expect((await client.get(`${target.apps}/deployments/absent`)).code).toBe(403);
  });

  it('of the cluster may do everything', async () => {
    const client = await account('boss');
    const name = `${target.namespace}-boss`;
    await target.admin.made(`${rbac}/clusterrolebindings`, binding(name, 'ClusterRole', 'cluster-admin', 'boss'));
    await allowed(client, '/api/v1/nodes');
    for (const path of ['/metrics', '/api/v1/secrets', `${rbac}/clusterroles`]) {
      expect([path, (await client.get(path)).code]).toEqual([path, 200]);
    }
    const role = { metadata: { name: 'any' }, rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }] };
    expect((await client.post(`${rbac}/namespaces/${target.namespace}/roles`, role)).code).toBe(201);
    await target.admin.delete(`${rbac}/clusterrolebindings/${name}`);
  });

  it('cannot be made larger than its maker', async () => {
    const client = await account('climber');
    await target.admin.made(`${rbac}/namespaces/${target.namespace}/roles`, {
      metadata: { name: 'climber' },
      rules: [
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create', 'list'] },
      ],
    });
    await target.admin.made(
      `${rbac}/namespaces/${target.namespace}/rolebindings`,
      binding('climber', 'Role', 'climber', 'climber'),
    );
    await allowed(client, `${rbac}/namespaces/${target.namespace}/roles`);
    const reply = await client.post(`${rbac}/namespaces/${target.namespace}/roles`, {
      metadata: { name: 'higher' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    });
    const many = (of: string) => Array.from({ length: 1000 }, (_, i) => `${of}${i}`);
    const wide = await client.post(`${rbac}/namespaces/${target.namespace}/roles`, {
      metadata: { name: 'wider' },
      rules: [{ apiGroups: many('g'), resources: many('r'), verbs: many('v'), resourceNames: many('n') }],
    });
    expect([wide.code, wide.body.message]).toEqual([403, expect.stringContaining('more than 100000 rights')]);
    expect(reply.code).toBe(403);
    expect(reply.body.message).toMatch(
      /^roles\.rbac\.authorization\.k8s\.io "higher" is forbidden: user ".+:climber" \(groups=.+\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["secrets"\], Verbs:\["get"\]\}/,
    );
    const bound = await client.post(
      `${rbac}/namespaces/${target.namespace}/rolebindings`,
      binding('higher', 'ClusterRole', 'cluster-admin', 'climber'),
    );
    expect(bound.code).toBe(403);
  });
});

describe('reviews', () => {
  const review = async (client: ApiClient, path: string, spec: object = {}) => {
    const reply = await client.post(path, { spec });
    expect(reply.code).toBe(201);
    return reply.body;
  };

  it('say who one is', async () => {
    const { body } = await target.admin.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(body).toMatchObject({
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      status: { userInfo: { username: expect.any(String), groups: expect.arrayContaining(['system:authenticated']) } },
    });
  });

  it('say what others may do', async () => {
    const access = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const resourceAttributes = { verb: 'get', resource: 'pods', namespace: target.namespace };
    const nobody = await review(target.admin, access, { user: userName('nothing'), resourceAttributes });
    expect(nobody.status).toMatchObject({ allowed: false });
    const master = await review(target.admin, access, { user: 'x', groups: ['system:masters'], resourceAttributes });
    expect(master.status).toMatchObject({ allowed: true });
    const path = `/apis/authorization.k8s.io/v1/namespaces/${target.namespace}/localsubjectaccessreviews`;
    const local = await target.admin.post(path, {
      metadata: { namespace: target.namespace },
      spec: { user: userName('nothing'), resourceAttributes },
    });
    expect(local.body.status).toMatchObject({ allowed: false });
  });

  it('say what one may do', async () => {
    const all = await review(target.admin, '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      namespace: target.namespace,
    });
    expect(all.status).toMatchObject({
      resourceRules: expect.arrayContaining([
        expect.objectContaining({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }),
      ]),
    });
    const path = await review(target.admin, '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      nonResourceAttributes: { verb: 'get', path: '/metrics' },
    });
    expect(path.status).toMatchObject({ allowed: true });
  });

  it('say whose a token is', async () => {
    const { status } = (await target.admin.post(`${target.core}/serviceaccounts/default/token`, { spec: {} })).body;
    const { token } = status as { token: string };
    const good = await review(target.admin, '/apis/authentication.k8s.io/v1/tokenreviews', { token });
    expect(good.status).toMatchObject({ authenticated: true, user: { username: userName('default') } });
    const bad = await review(target.admin, '/apis/authentication.k8s.io/v1/tokenreviews', { token: 'nonsense' });
    expect(bad.status).not.toMatchObject({ authenticated: true });
  });
});

describe('impersonation', () => {
  const whoIs = (headers: Record<string, string>, client = target.admin) =>
    client.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {}, headers });

  it('makes an admin anybody', async () => {
    const reply = await whoIs({ 'impersonate-user': 'jane', 'impersonate-group': 'devs' });
    expect(reply.code).toBe(201);
    expect(reply.body.status).toMatchObject({
      userInfo: { username: 'jane', groups: expect.arrayContaining(['devs', 'system:authenticated']) },
    });
    const refused = await target.admin.get(`${target.core}/configmaps`, { 'impersonate-user': 'jane' });
    expect(refused.code).toBe(403);
    expect(refused.body.message).toContain('User "jane" cannot list resource "configmaps"');
  });

  it('is not for everybody', async () => {
    const client = await account('nothing');
    const reply = await whoIs({ 'impersonate-user': 'jane' }, client);
    expect(reply.code).toBe(403);
    expect(reply.body.message).toBe(
      `users "jane" is forbidden: User "${userName('nothing')}" cannot impersonate resource "users" in API group "" at the cluster scope`,
    );
  });
});

describe('constrained impersonation', () => {
  const grant = async (to: string, name: string, kind: 'ClusterRole' | 'Role', rules: object[]) => {
    const isEverywhere = kind === 'ClusterRole';
    const place = isEverywhere ? rbac : `${rbac}/namespaces/${target.namespace}`;
    const full = isEverywhere ? `${name}-${target.namespace}` : name;
    await target.admin.made(`${place}/${isEverywhere ? 'clusterroles' : 'roles'}`, { metadata: { name: full }, rules });
    const bindings = isEverywhere ? 'clusterrolebindings' : 'rolebindings';
    await target.admin.made(`${place}/${bindings}`, binding(full, kind, full, to));
  };
  const authentication = ['authentication.k8s.io'];

  it('lets one be somebody for what is granted, and for nothing else', async () => {
    const deputy = await account('deputy');
    await grant('deputy', 'be-jane', 'ClusterRole', [
      { apiGroups: authentication, resources: ['users'], resourceNames: ['jane'], verbs: ['impersonate:user-info'] },
    ]);
    const maps = `${target.core}/configmaps`;
    const asJane = { 'impersonate-user': 'jane' };
    // On whom one wants to be, but not on what is asked for.
    expect((await deputy.get(maps, asJane)).body.message).toContain(
      'cannot impersonate resource "users" in API group ""',
    );
    await grant('deputy', 'on-maps', 'Role', [
      { apiGroups: [''], resources: ['configmaps'], verbs: ['impersonate-on:user-info:list'] },
    ]);
    await grant('deputy', 'nothing', 'Role', [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]);
    await allowed(deputy, `${target.core}/pods`);
    // Jane herself may not list them.
    expect((await deputy.get(maps, asJane)).body.message).toContain('User "jane" cannot list resource "configmaps"');
    await target.admin.made(`${rbac}/namespaces/${target.namespace}/rolebindings`, {
      metadata: { name: 'jane-views' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }],
    });
    for (let attempt = 0; attempt < 200 && (await deputy.get(maps, asJane)).code !== 200; attempt++);
    expect((await deputy.get(maps, asJane)).code).toBe(200);
    expect((await deputy.get(`${target.core}/secrets`, asJane)).code).toBe(403);
    expect((await deputy.get(maps, { 'impersonate-user': 'john' })).code).toBe(403);
    expect((await deputy.get(maps, { ...asJane, 'impersonate-group': 'system:masters' })).code).toBe(403);
    expect((await deputy.get(maps, { 'impersonate-user': userName('default') })).code).toBe(403);
  });

  it('makes one a node only by the rights on nodes', async () => {
    const deputy = await account('node-deputy');
    await grant('node-deputy', 'be-node', 'ClusterRole', [
      { apiGroups: authentication, resources: ['nodes'], resourceNames: ['n1'], verbs: ['impersonate:arbitrary-node'] },
      {
        apiGroups: authentication,
        resources: ['selfsubjectreviews'],
        verbs: ['impersonate-on:arbitrary-node:create', 'impersonate-on:user-info:create'],
      },
      { apiGroups: authentication, resources: ['users'], verbs: ['impersonate:user-info'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['list'] },
    ]);
    await allowed(deputy, '/api/v1/nodes');
    const whoIs = (name: string) =>
      deputy.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
        body: {},
        headers: { 'impersonate-user': name },
      });
    expect((await whoIs('system:node:n1')).body.status).toMatchObject({
      userInfo: { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
    });
    expect((await whoIs('anybody')).body.status).toMatchObject({ userInfo: { username: 'anybody' } });
    expect((await whoIs('system:node:n2')).code).toBe(403);
  });
});

describe('a review of access', () => {
  const reviews = '/apis/authorization.k8s.io/v1';
  const ask = (kind: string, spec: object) => target.admin.post(`${reviews}/${kind}`, { spec });

  it.each([
    ['nothing at all', {}, 'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or'],
    [
      'an object and a path',
      { user: 'x', resourceAttributes: { verb: 'get' }, nonResourceAttributes: { verb: 'get' } },
      'cannot be specified in combination with resourceAttributes',
    ],
    ['of nobody', { resourceAttributes: { verb: 'get' } }, 'at least one of user or group must be specified'],
  ])('about %s is refused', async (_name, spec, message) => {
    const reply = await ask('subjectaccessreviews', spec);
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(message);
  });

  it('asks with the selector of a list', async () => {
    const spec = (selector: object) => ({
      user: 'system:node:n1',
      groups: ['system:nodes'],
      resourceAttributes: { verb: 'list', resource: 'pods', fieldSelector: selector },
    });
    const isAllowed = async (selector: object) =>
      ((await ask('subjectaccessreviews', spec(selector))).body.status as { allowed: boolean }).allowed;
    expect(await isAllowed({ rawSelector: 'spec.nodeName=n1' })).toBe(true);
    expect(await isAllowed({ rawSelector: 'spec.nodeName=n2' })).toBe(false);
    const requirement = { key: 'spec.nodeName', operator: 'In', values: ['n1'] };
    expect(await isAllowed({ requirements: [requirement] })).toBe(true);
    expect(await isAllowed({ requirements: [{ ...requirement, values: ['n1', 'n2'] }] })).toBe(false);
    expect(await isAllowed({})).toBe(false);
  });

  it('says by which binding', async () => {
    const resourceAttributes = { verb: 'list', resource: 'nodes' };
    const { status } = (await ask('subjectaccessreviews', { user: 'system:kube-scheduler', resourceAttributes })).body;
    expect(status).toEqual({
      allowed: true,
      reason:
        'RBAC: allowed by ClusterRoleBinding "system:kube-scheduler" of ClusterRole "system:kube-scheduler" to User "system:kube-scheduler"',
    });
  });

  it('of all rules needs a namespace', async () => {
    const reply = await ask('selfsubjectrulesreviews', {});
    expect(reply.code).toBe(400);
    expect(reply.body.message).toBe('no namespace on request');
  });
});

describe('the roles of every cluster', () => {
  it.each([
    ['system:controller:deployment-controller', 'deployment-controller', 'replicasets', 'apps', 'create'],
    ['system:controller:generic-garbage-collector', 'generic-garbage-collector', 'widgets', 'example.com', 'delete'],
    ['system:controller:job-controller', 'job-controller', 'pods', '', 'create'],
  ])('%s is for its controller and no further', async (_name, account, resource, group, verb) => {
    const may = async (asked: string) => {
      const user = `system:serviceaccount:kube-system:${account}`;
      const resourceAttributes = { verb: asked, resource, group, namespace: 'x' };
      const reply = await target.admin.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        spec: { user, resourceAttributes },
      });
      return (reply.body.status as { allowed: boolean }).allowed;
    };
    expect(await may(verb)).toBe(true);
    expect(await may('impersonate')).toBe(false);
  });

  it('admin grows from edit, edit from view, by their labels', async () => {
    const rulesOf = async (name: string) => (await target.admin.read(`${rbac}/clusterroles/${name}`)).rules as object[];
    const [view, edit, admin] = [await rulesOf('view'), await rulesOf('edit'), await rulesOf('admin')];
    expect(edit).toEqual(expect.arrayContaining(view));
    expect(admin).toEqual(expect.arrayContaining(edit));
  });

  it('lets only who may do everything make a role that gathers rules', async () => {
    const maker = await account('gatherer');
    const name = `gatherer-${target.namespace}`;
    const rules = [{ apiGroups: ['rbac.authorization.k8s.io'], resources: ['clusterroles'], verbs: ['create'] }];
    await target.admin.made(`${rbac}/clusterroles`, { metadata: { name }, rules });
    await target.admin.made(`${rbac}/clusterrolebindings`, binding(name, 'ClusterRole', name, 'gatherer'));
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] };
    const reply = await maker.post(`${rbac}/clusterroles`, { metadata: { name: `${name}-2` }, aggregationRule });
    expect(reply.code).toBe(403);
    expect(reply.body.message).toContain('must have cluster-admin privileges to use an aggregationRule');
    await target.admin.delete(`${rbac}/clusterrolebindings/${name}`);
    await target.admin.delete(`${rbac}/clusterroles/${name}`);
  });
});
