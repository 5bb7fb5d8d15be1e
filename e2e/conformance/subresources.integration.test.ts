/** What lies below an object: status, scale, binding, token. */
import type { Reply } from './api-client.ts';
import { deployment, pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const pods = () => `${target.core}/pods`;
const deployments = () => `${target.apps}/deployments`;

describe('status', () => {
  it('is not changed through the object, nor the object through it', async () => {
    const created = await target.admin.made(deployments(), {
      ...deployment('apart', { paused: true }),
      status: { replicas: 7 },
    });
    expect(created.status).not.toMatchObject({ replicas: 7 });
    const patched = await target.admin.merge(`${deployments()}/apart`, { status: { readyReplicas: 7 } });
    expect(patched.body.status).not.toMatchObject({ readyReplicas: 7 });
    const seen = await target.admin.read(`${deployments()}/apart`);
    const conditions = [{ type: 'X', status: 'True' }];
    const written = await target.admin.put(`${deployments()}/apart/status`, {
      ...seen,
      metadata: { ...seen.metadata, labels: { a: 'b' } },
      spec: { ...seen.spec, minReadySeconds: 9 },
      status: { conditions },
    });
    expect(written.code).toBe(200);
    expect(written.body.status).toMatchObject({ conditions });
    expect(written.body.spec.minReadySeconds).toBeUndefined();
    const after = await target.admin.read(`${deployments()}/apart/status`);
    expect(after).toMatchObject({ kind: 'Deployment', status: { conditions } });
  });

  it('of a pod may be patched', async () => {
    await target.admin.made(pods(), pod('phase'));
    const path = `${pods()}/phase/status`;
    const type = 'strategic-merge-patch+json';
    const ready = await target.admin.patch(path, type, {
      status: { phase: 'Running', podIP: '10.1.2.3', conditions: [{ type: 'Ready', status: 'True' }] },
    });
    expect(ready.code).toBe(200);
    const more = await target.admin.patch(path, type, { status: { conditions: [{ type: 'Extra', status: 'True' }] } });
    const { conditions } = more.body.status as { conditions: { type: string }[] };
    expect(conditions.map((condition) => condition.type)).toEqual(expect.arrayContaining(['Ready', 'Extra']));
    expect(more.body.status).toMatchObject({ phase: 'Running', podIP: '10.1.2.3' });
  });

  it.each(['configmaps', 'secrets'])('is nothing that %s have', async (resource) => {
    expect((await target.admin.get(`${target.core}/${resource}/a/status`)).code).toBe(404);
  });

  it('of what is absent is not found', async () => {
    expect((await target.admin.merge(`${pods()}/absent/status`, { status: {} })).code).toBe(404);
  });

  it('is bound to a version', async () => {
    const { metadata } = await target.admin.made(pods(), pod('stale'));
    await target.admin.merge(`${pods()}/stale`, { metadata: { labels: { a: 'b' } } });
    const { resourceVersion } = metadata;
    const reply = await target.admin.merge(`${pods()}/stale/status`, {
      metadata: { resourceVersion },
      status: { message: 'x' },
    });
    expect(reply.code).toBe(409);
  });
});

describe.each(['deployments', 'replicasets'])('scale of %s', (resource) => {
  const collection = () => `${target.apps}/${resource}`;
  const kind = resource === 'deployments' ? 'Deployment' : 'ReplicaSet';
  const made = (name: string) =>
    target.admin.made(collection(), { ...deployment(name, resource === 'deployments' ? { paused: true } : {}), kind });

  it('is read and written', async () => {
    const { metadata } = await made('scale');
    const path = `${collection()}/scale/scale`;
    const scale = await target.admin.read(path);
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'scale', namespace: target.namespace, uid: metadata.uid },
      status: { replicas: 0, selector: 'app=x' },
    });
    const written = await target.admin.put(path, {
      ...scale,
      metadata: { name: 'scale', namespace: target.namespace },
      spec: { replicas: 3 },
    });
    expect(written.code).toBe(200);
    expect(written.body).toMatchObject({ kind: 'Scale', spec: { replicas: 3 } });
    expect((await target.admin.merge(path, { spec: { replicas: 0 } })).body.spec.replicas ?? 0).toBe(0);
    expect((await target.admin.merge(path, { spec: { replicas: 2 } })).body.spec).toEqual({ replicas: 2 });
    expect((await target.admin.read(`${collection()}/scale`)).spec.replicas).toBe(2);
    await target.admin.merge(path, { spec: { replicas: 0 } });
  });

  it('is bound to a version and to sense', async () => {
    await made('bound');
    const path = `${collection()}/bound/scale`;
    const scale = await target.admin.read(path);
    await target.admin.merge(`${collection()}/bound`, { metadata: { labels: { a: 'b' } } });
    const stale = await target.admin.put(path, { ...scale, spec: { replicas: 1 } });
    expect(stale.code).toBe(409);
    expect(stale.body.message).toContain('the object has been modified');
    const negative = await target.admin.merge(path, { spec: { replicas: -1 } });
    expect(negative.code).toBe(422);
    expect(negative.body.message).toBe(
      'Scale.autoscaling "bound" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    );
    const absent = await target.admin.get(`${collection()}/absent/scale`);
    expect(absent.code).toBe(404);
    expect(absent.body.message).toBe(`${resource}.apps "absent" not found`);
  });
});

describe('a binding', () => {
  const bind = (name: string, node: string) =>
    target.admin.post(`${pods()}/${name}/binding`, {
      kind: 'Binding',
      apiVersion: 'v1',
      metadata: { name },
      target: { kind: 'Node', name: node },
    });

  it('happens once', async () => {
    await target.admin.made(pods(), pod('bound'));
    const reply = await bind('bound', 'conformance-absent');
    expect(reply.code).toBe(201);
    expect(reply.body).toMatchObject({ kind: 'Status', status: 'Success' });
    const seen = await target.admin.read(`${pods()}/bound`);
    expect(seen.spec.nodeName).toBe('conformance-absent');
    expect(seen.status).toMatchObject({ conditions: [{ type: 'PodScheduled', status: 'True' }] });
    const again = await bind('bound', 'other');
    expect(again.code).toBe(409);
    expect(again.body.message).toBe(
      'Operation cannot be fulfilled on pods/binding "bound": pod bound is already assigned to node "conformance-absent"',
    );
  });

  it('needs a pod and a node', async () => {
    expect((await bind('absent', 'n')).code).toBe(404);
    await target.admin.made(pods(), pod('aimless'));
    const reply = await bind('aimless', '');
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain('target.name: Required value');
  });
});

describe('a token', () => {
  const accounts = () => `${target.core}/serviceaccounts`;
  const request = (account: string, spec: object = {}) =>
    target.admin.post(`${accounts()}/${account}/token`, {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      spec,
    });
  const tokenOf = (reply: Reply) => (reply.body.status as { token: string }).token;
  const whoIs = async (token: string) => {
    const client = target.anonymous.as({ token });
    const reply = await client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
    });
    client.close();
    return reply;
  };

  it('makes its holder the service account', async () => {
    await target.admin.made(accounts(), { metadata: { name: 'holder' } });
    const reply = await request('holder', { expirationSeconds: 3600 });
    expect(reply.code).toBe(201);
    expect(reply.body).toMatchObject({
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3600, audiences: [expect.any(String)] },
      status: { token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/), expirationTimestamp: expect.any(String) },
    });
    const who = await whoIs(tokenOf(reply));
    expect(who.code).toBe(201);
    expect(who.body.status).toMatchObject({
      userInfo: {
        username: `system:serviceaccount:${target.namespace}:holder`,
        groups: ['system:serviceaccounts', `system:serviceaccounts:${target.namespace}`, 'system:authenticated'],
      },
    });
  });

  it('dies with its account, and with the pod it is bound to', async () => {
    await target.admin.made(accounts(), { metadata: { name: 'mortal' } });
    const free = tokenOf(await request('mortal'));
    const { metadata } = await target.admin.made(pods(), pod('holder', { serviceAccountName: 'mortal' }));
    const bound = tokenOf(
      await request('mortal', { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'holder', uid: metadata.uid } }),
    );
    expect((await whoIs(bound)).code).toBe(201);
    await target.admin.delete(`${pods()}/holder`, { gracePeriodSeconds: 0 });
    expect((await whoIs(bound)).code).toBe(401);
    expect((await whoIs(free)).code).toBe(201);
    await target.admin.delete(`${accounts()}/mortal`);
    expect((await whoIs(free)).code).toBe(401);
  });

  it('for somebody else is worth nothing here', async () => {
    const token = tokenOf(await request('default', { audiences: ['elsewhere'] }));
    expect((await whoIs(token)).code).toBe(401);
  });

  it('lives at least ten minutes', async () => {
    const reply = await request('default', { expirationSeconds: 1 });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(
      'spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
    );
    expect((await request('absent')).code).toBe(404);
  });

  it('that was changed is refused', async () => {
    const token = tokenOf(await request('default'));
    const [head, , signature] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ sub: 'system:admin' })).toString('base64url');
    expect((await whoIs(`${head}.${forged}.${signature}`)).code).toBe(401);
    expect((await whoIs('nonsense')).code).toBe(401);
  });
});
