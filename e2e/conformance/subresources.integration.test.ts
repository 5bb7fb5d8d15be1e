/** What lies below an object: status, scale, binding, eviction, token. */
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

describe('an eviction', () => {
  const evict = (name: string, more: object = {}) =>
    target.admin.post(`${pods()}/${name}/eviction`, {
      kind: 'Eviction',
      apiVersion: 'policy/v1',
      metadata: { name, namespace: target.namespace },
      ...more,
    });

  it('deletes the pod', async () => {
    await target.admin.made(pods(), pod('evicted'));
    expect((await evict('evicted', { deleteOptions: { dryRun: ['All'] } })).code).toBe(201);
    expect((await target.admin.get(`${pods()}/evicted`)).code).toBe(200);
    const reply = await evict('evicted');
    expect(reply.code).toBe(201);
    expect(reply.body).toMatchObject({ kind: 'Status', status: 'Success' });
    expect((await target.admin.get(`${pods()}/evicted`)).code).toBe(404);
  });

  describe('under a disruption budget', () => {
    const budgets = () => `/apis/policy/v1/namespaces/${target.namespace}/poddisruptionbudgets`;
    const ready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const running = async (name: string, app: string, status: object = ready) => {
      await target.admin.made(pods(), pod(name, {}, { labels: { app } }));
      await target.admin.merge(`${pods()}/${name}/status`, { status });
    };
    const budget = async (app: string, status?: object, spec: object = {}) => {
      const selector = { matchLabels: { app } };
      await target.admin.made(budgets(), { metadata: { name: app }, spec: { minAvailable: 1, selector, ...spec } });
      if (status)
        await target.admin.merge(`${budgets()}/${app}/status`, { status: { observedGeneration: 1, ...status } });
    };
    const refusal = async (name: string) => {
      const { code, body } = await evict(name);
      return { code, message: body.message, causes: (body.details as { causes?: unknown } | undefined)?.causes };
    };

    it('spends what the budget allows, and no more', async () => {
      await budget('spent', { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2, expectedPods: 2 });
      for (const name of ['spent-a', 'spent-b']) await running(name, 'spent');
      expect((await evict('spent-a')).code).toBe(201);
      const { status } = await target.admin.read(`${budgets()}/spent`);
      expect(status).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { 'spent-a': expect.any(String) } });
      expect(await refusal('spent-b')).toEqual({
        code: 429,
        message: "Cannot evict pod as it would violate the pod's disruption budget.",
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget spent needs 1 healthy pods and has 2 currently',
          },
        ],
      });
    });

    it('waits for somebody to count the pods of a new budget', async () => {
      await budget('new');
      await running('new-a', 'new');
      const reply = await evict('new-a');
      expect([reply.code, reply.headers['retry-after']]).toEqual([429, '10']);
      expect(reply.text).toContain('The disruption budget new is still being processed by the server.');
    });

    it('lets go what is not ready where the budget says so', async () => {
      const unready = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] };
      await budget('sick', { disruptionsAllowed: 0, desiredHealthy: 1 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
      await running('sick-a', 'sick', unready);
      await budget('ill', { disruptionsAllowed: 0, desiredHealthy: 1 });
      await running('ill-a', 'ill', unready);
      expect((await evict('sick-a')).code).toBe(201);
      expect((await evict('ill-a')).code).toBe(429);
    });

    it('does not hold what does not run', async () => {
      await budget('idle');
      await target.admin.made(pods(), pod('idle-a', {}, { labels: { app: 'idle' } }));
      expect((await evict('idle-a')).code).toBe(201);
    });

    it('is one or none', async () => {
      for (const name of ['one', 'two']) {
        await target.admin.made(budgets(), {
          metadata: { name },
          spec: { selector: { matchLabels: { app: 'both' } } },
        });
      }
      await running('both-a', 'both');
      expect(await refusal('both-a')).toMatchObject({
        code: 500,
        message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      });
    });
  });

  it('needs a pod', async () => {
    const reply = await evict('absent');
    expect(reply.code).toBe(404);
    expect(reply.body.message).toBe('pods "absent" not found');
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
