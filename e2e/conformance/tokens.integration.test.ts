/** Tokens: what they are bound to, when they end, what a TokenReview says of them. */
import { systemRandom } from '@slipway/kit/random';
import type { ApiClient, Tree } from './api-client.ts';
import { pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const clients: ApiClient[] = [];
afterAll(() => {
  for (const client of clients) client.close();
});

async function tokenFor(spec: Tree = {}, account = 'default'): Promise<string> {
  const { status } = await target.admin.made(`${target.core}/serviceaccounts/${account}/token`, { spec });
  return (status as { token: string }).token;
}

function claimsOf(token: string): Tree {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Tree;
}

async function review(token: string, audiences?: readonly string[]): Promise<Tree> {
  const spec = { token, ...(audiences ? { audiences } : {}) };
  const { status } = await target.admin.made('/apis/authentication.k8s.io/v1/tokenreviews', { spec });
  return status as Tree;
}

function as(token: string): ApiClient {
  const client = target.anonymous.as({ token });
  clients.push(client);
  return client;
}

const whoami = (client: ApiClient) => client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
const encoded = (data: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));

describe('a token of a service account', () => {
  it('says for whom it is, until when, and its own name', async () => {
    const claims = claimsOf(await tokenFor({ expirationSeconds: 1200 }));
    expect(claims).toMatchObject({
      sub: `system:serviceaccount:${target.namespace}:default`,
      'kubernetes.io': { namespace: target.namespace, serviceaccount: { name: 'default' } },
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(1200);
    const token = await tokenFor();
    const { body } = await whoami(as(token));
    expect((body.status as { userInfo: Tree }).userInfo.extra).toEqual({
      'authentication.kubernetes.io/credential-id': [`JTI=${claimsOf(token).jti}`],
    });
  });

  it('is for the audiences that were asked for', async () => {
    const token = await tokenFor({ audiences: ['vault', 'registry'] });
    expect(await review(token, ['vault', 'other'])).toMatchObject({ authenticated: true, audiences: ['vault'] });
    const other = await review(token);
    expect(other).not.toHaveProperty('authenticated', true);
    expect(other.error).toContain('token audiences ["vault" "registry"] is invalid for the target audiences');
    expect((await whoami(as(token))).code).toBe(401);
  });

  it('knows the pod and the node that it is bound to', async () => {
    const node = await target.admin.made('/api/v1/nodes', { metadata: { generateName: 'node-' } });
    const spec = { nodeName: node.metadata.name, terminationGracePeriodSeconds: 0 };
    const made = await target.admin.made(`${target.core}/pods`, pod('bound', spec));
    const token = await tokenFor({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'bound' } });
    const { user } = (await review(token)) as { user: { extra: Tree } };
    expect(user.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['bound'],
      'authentication.kubernetes.io/pod-uid': [made.metadata.uid],
      'authentication.kubernetes.io/node-name': [node.metadata.name],
      'authentication.kubernetes.io/node-uid': [node.metadata.uid],
    });
    await target.admin.delete(`${target.core}/pods/bound`, { gracePeriodSeconds: 0 });
    expect((await review(token)).error).toContain('service account token has been invalidated');
    await target.admin.delete(`/api/v1/nodes/${node.metadata.name}`);
  });

  it('bound to a node or a secret ends with it', async () => {
    const node = await target.admin.made('/api/v1/nodes', { metadata: { generateName: 'node-' } });
    const { name } = node.metadata;
    await target.admin.made(`${target.core}/secrets`, { metadata: { name: 'bound' } });
    const byNode = await tokenFor({ boundObjectRef: { kind: 'Node', apiVersion: 'v1', name, uid: node.metadata.uid } });
    const bySecret = await tokenFor({ boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'bound' } });
    expect(await review(byNode)).toMatchObject({ authenticated: true });
    expect(await review(bySecret)).toMatchObject({ authenticated: true });
    await target.admin.delete(`/api/v1/nodes/${name}`);
    await target.admin.delete(`${target.core}/secrets/bound`);
    expect((await review(byNode)).error).toContain('service account token has been invalidated');
    expect((await review(bySecret)).error).toContain('service account token has been invalidated');
  });

  it.each([
    ['a kind that nothing is bound to', { kind: 'ConfigMap', apiVersion: 'v1', name: 'x' }, 400, 'Kind=ConfigMap'],
    ['what is not there', { kind: 'Secret', apiVersion: 'v1', name: 'nothing' }, 404, 'secrets "nothing" not found'],
  ])('is not bound to %s', async (_name, boundObjectRef, code, message) => {
    const reply = await target.admin.post(`${target.core}/serviceaccounts/default/token`, { spec: { boundObjectRef } });
    expect(reply.code).toBe(code);
    expect(reply.body.message).toContain(message);
  });
});

describe('a TokenReview', () => {
  it('says why a token is not good', async () => {
    expect(await review('nonsense')).toEqual({ user: {}, error: 'invalid bearer token' });
    const reply = await target.admin.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} });
    expect(reply.code).toBe(400);
    expect(reply.body.message).toBe('token is required for TokenReview in authentication');
  });
});

describe('a bootstrap token', () => {
  const id = systemRandom.suffix(6);
  const token = `${id}.0123456789abcdef`;
  const path = '/api/v1/namespaces/kube-system/secrets';
  const secret = (more: Readonly<Record<string, string>> = {}) => ({
    metadata: { name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    data: encoded({
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:test',
      ...more,
    }),
  });
  const put = (more?: Readonly<Record<string, string>>) =>
    target.admin.put(`${path}/bootstrap-token-${id}`, secret(more));
  beforeAll(() => target.admin.made(path, secret()));
  afterAll(() => target.admin.delete(`${path}/bootstrap-token-${id}`));

  it('makes one a bootstrapper', async () => {
    expect(await review(token)).toMatchObject({
      authenticated: true,
      user: {
        username: `system:bootstrap:${id}`,
        groups: ['system:bootstrappers', 'system:bootstrappers:test', 'system:authenticated'],
      },
    });
    expect((await review(`${id}.fedcba9876543210`)).error).toBe('invalid bearer token');
  });

  it.each([
    ['is past', { expiration: '2020-01-01T00:00:00Z' }],
    ['is for something else', { 'usage-bootstrap-authentication': 'false' }],
    ['asks for a group that it may not have', { 'auth-extra-groups': 'system:masters' }],
  ])('that %s is nobody', async (_name, data) => {
    await put(data);
    expect(await review(token)).not.toHaveProperty('authenticated', true);
    await put();
    expect(await review(token)).toHaveProperty('authenticated', true);
  });
});
