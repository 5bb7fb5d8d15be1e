import { clientIdentities } from '../pki/pki.ts';
import type { KeyPair } from '../pki/issue-certificate.ts';
import { startTestServer, type TestServer } from '../testing/start-test-server.ts';

let test: TestServer;
let node: KeyPair;
let stranger: KeyPair;
const core = '/api/v1/namespaces/default';

beforeAll(async () => {
  test = await startTestServer();
  node = await test.server.pki.clientCertificate(clientIdentities.node('n1'));
  stranger = await test.server.pki.issueClientCertificate('jane', ['devs']);
  await post(`${core}/serviceaccounts`, { metadata: { name: 'default' } });
});
afterAll(() => test.stop());

const post = (path: string, body: unknown, more: object = {}) => test.fetch(path, { method: 'POST', body, ...more });
const bearer = (token: string) => ({
  certificate: null,
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
});

async function tokenOf(account: string, spec: object = {}): Promise<string> {
  const { body } = await post(`${core}/serviceaccounts/${account}/token`, { spec });
  return (body as { status: { token: string } }).status.token;
}

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const role = (name: string, rules: object[]) => ({ metadata: { name, namespace: 'default' }, rules });
const bind = (name: string, kind: string, roleName: string, subject: object) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
  subjects: [subject],
});

describe('authentication', () => {
  it('lets nobody but the health endpoints pass without credentials', async () => {
    expect((await test.fetch('/readyz', { certificate: null })).text).toBe('ok');
    expect((await test.fetch('/version', { certificate: null })).status).toBe(200);
    const refused = await test.fetch(`${core}/pods`, { certificate: null });
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      message:
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"',
    });
    expect((await test.fetch('/api', { certificate: null })).status).toBe(403);
  });

  it('refuses a token that is not ours', async () => {
    const { status, body } = await test.fetch('/version', bearer('a.b.c'));
    expect(status).toBe(401);
    expect(body).toMatchObject({ message: 'Unauthorized', reason: 'Unauthorized' });
  });

  it('knows the user of a certificate and of a token', async () => {
    const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const byCertificate = await post(whoami, {}, { certificate: stranger });
    expect(byCertificate.body).toMatchObject({
      status: { userInfo: { username: 'jane', groups: ['devs', 'system:authenticated'] } },
    });
    const byToken = await post(whoami, {}, bearer(await tokenOf('default')));
    expect(byToken.body).toMatchObject({ status: { userInfo: { username: 'system:serviceaccount:default:default' } } });
  });

  it('binds tokens to objects that must go on existing', async () => {
    const pod = { metadata: { name: 'bound' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    await post(`${core}/pods`, pod);
    const token = await tokenOf('default', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'bound' } });
    expect((await test.fetch('/version', bearer(token))).status).toBe(200);
    await test.fetch(`${core}/pods/bound`, { method: 'DELETE' });
    expect((await test.fetch('/version', bearer(token))).status).toBe(401);
    await post(`${core}/serviceaccounts`, { metadata: { name: 'temp' } });
    const second = await tokenOf('temp');
    await test.fetch(`${core}/serviceaccounts/temp`, { method: 'DELETE' });
    expect((await test.fetch('/version', bearer(second))).status).toBe(401);
  });

  it('checks what a token request asks for', async () => {
    const short = await post(`${core}/serviceaccounts/default/token`, { spec: { expirationSeconds: 10 } });
    expect(short.status).toBe(422);
    expect(short.body).toMatchObject({
      message: expect.stringContaining('may not specify a duration less than 10 minutes'),
    });
    const other = await tokenOf('default', { audiences: ['elsewhere'] });
    expect((await test.fetch('/version', bearer(other))).status).toBe(401);
    expect((await post(`${core}/serviceaccounts/nobody/token`, {})).status).toBe(404);
  });

  it('publishes the key that verifies tokens', async () => {
    const { body } = await test.fetch('/openid/v1/jwks');
    expect(body).toMatchObject({ keys: [{ alg: 'ES256', kty: 'EC', crv: 'P-256' }] });
    expect((await test.fetch('/.well-known/openid-configuration')).body).toHaveProperty('issuer');
  });
});

describe('impersonation', () => {
  const whoami = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  it('is for those who may', async () => {
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'devs' };
    expect((await post(whoami, {}, { headers })).body).toMatchObject({
      status: { userInfo: { username: 'jane', groups: ['devs', 'system:authenticated'] } },
    });
    const refused = await post(
      whoami,
      {},
      { certificate: stranger, headers: { 'impersonate-user': 'kubernetes-admin' } },
    );
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      message:
        'users "kubernetes-admin" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    });
  });
});

describe('roles', () => {
  it('take effect at once, and cease to', async () => {
    const token = bearer(await tokenOf('default'));
    const read = () => test.fetch(`${core}/configmaps`, token);
    expect((await read()).status).toBe(403);
    await post(
      `${rbac}/namespaces/default/roles`,
      role('reader', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }]),
    );
    const subject = { kind: 'ServiceAccount', name: 'default', namespace: 'default' };
    await post(`${rbac}/namespaces/default/rolebindings`, bind('reader', 'Role', 'reader', subject));
    expect((await read()).status).toBe(200);
    expect((await test.fetch('/api/v1/configmaps', token)).status).toBe(403);
    expect((await test.fetch(`${core}/configmaps/x`, token)).status).toBe(403);
    await test.fetch(`${rbac}/namespaces/default/rolebindings/reader`, { method: 'DELETE' });
    expect((await read()).status).toBe(403);
  });

  it('cluster-admin may do everything', async () => {
    await post(`${core}/serviceaccounts`, { metadata: { name: 'boss' } });
    const subject = { kind: 'ServiceAccount', name: 'boss', namespace: 'default' };
    await post(`${rbac}/clusterrolebindings`, bind('boss', 'ClusterRole', 'cluster-admin', subject));
    const token = bearer(await tokenOf('boss'));
    expect((await test.fetch('/api/v1/secrets', token)).status).toBe(200);
    expect((await test.fetch('/metrics', token)).status).toBe(200);
  });

  it('cannot be given by who does not have them', async () => {
    const mine = bind('jane', 'ClusterRole', 'edit-roles', {
      kind: 'User',
      name: 'jane',
      apiGroup: 'rbac.authorization.k8s.io',
    });
    await post(`${rbac}/clusterroles`, {
      metadata: { name: 'edit-roles' },
      rules: [
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['*'] },
        { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
      ],
    });
    await post(`${rbac}/clusterrolebindings`, mine);
    const asJane = { certificate: stranger };
    const ours = role('a', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }]);
    // The verb * on roles holds escalate too, so a narrower role is what shows the check.
    expect((await post(`${rbac}/namespaces/default/roles`, ours, asJane)).status).toBe(201);
    await test.fetch(`${rbac}/clusterroles/edit-roles`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: {
        rules: [
          { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create'] },
          { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
        ],
      },
    });
    const more = role('b', [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }]);
    const refused = await post(`${rbac}/namespaces/default/roles`, more, asJane);
    expect(refused.status).toBe(403);
    expect(refused.body).toMatchObject({
      message: expect.stringContaining('is attempting to grant RBAC permissions not currently held'),
    });
    const admin = bind('c', 'ClusterRole', 'cluster-admin', {
      kind: 'User',
      name: 'jane',
      apiGroup: 'rbac.authorization.k8s.io',
    });
    expect((await post(`${rbac}/namespaces/default/rolebindings`, admin, asJane)).status).toBe(403);
  });

  it('answer reviews', async () => {
    const asked = { spec: { resourceAttributes: { verb: 'get', resource: 'configmaps', namespace: 'default' } } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    expect((await post(path, asked)).body).toMatchObject({ status: { allowed: true } });
    const nobody = await test.server.pki.issueClientCertificate('nobody', []);
    expect((await post(path, asked, { certificate: nobody })).body).toMatchObject({ status: { allowed: false } });
    const other = await post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: { ...asked.spec, user: 'x', groups: ['system:masters'] },
    });
    expect(other.body).toMatchObject({ status: { allowed: true } });
  });
});

describe('a node', () => {
  const asNode = (more: object = {}) => ({ certificate: node, ...more });

  it('reads its own pods and what they need', async () => {
    await post(`${core}/secrets`, { metadata: { name: 'used' } });
    await post(`${core}/secrets`, { metadata: { name: 'unused' } });
    await post(`${core}/pods`, {
      metadata: { name: 'mine' },
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'c', image: 'i', envFrom: [{ secretRef: { name: 'used' } }] }],
      },
    });
    expect((await test.fetch(`/api/v1/pods?fieldSelector=spec.nodeName=n1`, asNode())).status).toBe(200);
    expect((await test.fetch('/api/v1/pods', asNode())).status).toBe(403);
    expect((await test.fetch('/api/v1/pods?fieldSelector=spec.nodeName=n2', asNode())).status).toBe(403);
    expect((await test.fetch(`${core}/secrets/used`, asNode())).status).toBe(200);
    expect((await test.fetch(`${core}/secrets/unused`, asNode())).status).toBe(403);
    expect((await post(`${core}/serviceaccounts/default/token`, {}, asNode())).status).toBe(403);
  });

  it('reads all pods only where network policies are, and never one of another node by name', async () => {
    await post(`${core}/pods`, {
      metadata: { name: 'other' },
      spec: { nodeName: 'n2', containers: [{ name: 'c', image: 'i' }] },
    });
    const policies = '/apis/networking.k8s.io/v1/namespaces/default/networkpolicies';
    expect((await test.fetch('/api/v1/pods', asNode())).status).toBe(403);
    expect((await test.fetch('/apis/networking.k8s.io/v1/networkpolicies', asNode())).status).toBe(200);
    expect((await test.fetch('/api/v1/namespaces', asNode())).status).toBe(200);
    expect((await post(policies, { metadata: { name: 'p' }, spec: {} }, asNode())).status).toBe(403);
    await post(policies, { metadata: { name: 'p' }, spec: {} });
    expect((await test.fetch('/api/v1/pods', asNode())).status).toBe(200);
    expect((await test.fetch(`${core}/pods/other`, asNode())).status).toBe(403);
    expect((await test.fetch(`${core}/pods?limit=1`, asNode({ method: 'DELETE' }))).status).toBe(403);
    await test.fetch(`${policies}/p`, { method: 'DELETE' });
    expect((await test.fetch('/api/v1/pods', asNode())).status).toBe(403);
  });

  it('writes its own node and lease, and no others', async () => {
    expect((await post('/api/v1/nodes', { metadata: { name: 'n1' } }, asNode())).status).toBe(201);
    expect((await post('/api/v1/nodes', { metadata: { name: 'n2' } }, asNode())).status).toBe(403);
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    expect((await post(leases, { metadata: { name: 'n1' }, spec: { holderIdentity: 'n1' } }, asNode())).status).toBe(
      201,
    );
    expect((await test.fetch(`${leases}/n1`, asNode())).status).toBe(200);
    expect((await test.fetch(`${leases}/n2`, asNode())).status).toBe(403);
  });
});
