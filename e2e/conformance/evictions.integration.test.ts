/** Evictions: how a pod goes when a disruption budget has a say; and the budgets themselves. */
import { pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const pods = () => `${target.core}/pods`;

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
    const running = async (name: string, app: string, status: object = ready, finalizers: string[] = []) => {
      await target.admin.made(pods(), pod(name, {}, { labels: { app }, finalizers }));
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
            message: 'The disruption budget spent does not allow evicting pods currently',
          },
        ],
      });
    });

    it('marks the pod as the target of a disruption', async () => {
      await budget('marked', { disruptionsAllowed: 1, desiredHealthy: 0, currentHealthy: 1, expectedPods: 1 });
      await running('marked-a', 'marked', ready, ['example.com/held']);
      expect((await evict('marked-a')).code).toBe(201);
      const evicted = await target.admin.read(`${pods()}/marked-a`);
      expect(evicted.metadata.deletionTimestamp).toBeDefined();
      expect((evicted.status as { conditions: unknown[] }).conditions).toContainEqual(
        expect.objectContaining({
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'EvictionByEvictionAPI',
          message: 'Eviction API: evicting',
        }),
      );
      const { status } = await target.admin.read(`${budgets()}/marked`);
      expect(status).toMatchObject({ conditions: [{ type: 'DisruptionAllowed', status: 'False' }] });
      await target.admin.merge(`${pods()}/marked-a`, { metadata: { finalizers: null } });
    });

    it('spends nothing in a dry run, but says what it would say', async () => {
      await budget('dry', { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2, expectedPods: 2 });
      await running('dry-a', 'dry');
      const dryRun = { deleteOptions: { dryRun: ['All'] } };
      expect((await evict('dry-a', dryRun)).code).toBe(201);
      const { status } = await target.admin.read(`${budgets()}/dry`);
      expect(status).toMatchObject({ disruptionsAllowed: 1 });
      await target.admin.merge(`${budgets()}/dry/status`, { status: { disruptionsAllowed: 0 } });
      expect((await evict('dry-a', dryRun)).code).toBe(429);
      const left = (await target.admin.read(`${pods()}/dry-a`)) as unknown as {
        status: { conditions: { type: string }[] };
      };
      expect(left.status.conditions.map(({ type }) => type)).not.toContain('DisruptionTarget');
    });

    it('never takes more than it allows, however many come at once', async () => {
      await budget('crowd', { disruptionsAllowed: 3, desiredHealthy: 17, currentHealthy: 20, expectedPods: 20 });
      const names = Array.from({ length: 20 }, (_, i) => `crowd-${i}`);
      await Promise.all(names.map((name) => running(name, 'crowd')));
      const codes = (await Promise.all(names.map((name) => evict(name)))).map(({ code }) => code);
      expect(codes.toSorted()).toEqual([...Array(3).fill(201), ...Array(17).fill(429)]);
      const { items } = (await target.admin.read(pods())) as unknown as { items: { metadata: { name: string } }[] };
      expect(items.filter(({ metadata }) => metadata.name.startsWith('crowd-'))).toHaveLength(17);
    });

    it('evicts the pod that was meant, or none, and spends nothing on the refusal', async () => {
      await budget('exact', { disruptionsAllowed: 1, desiredHealthy: 1, currentHealthy: 2, expectedPods: 2 });
      await running('exact-a', 'exact');
      const { metadata } = await target.admin.read(`${pods()}/exact-a`);
      for (const preconditions of [{ resourceVersion: '1' }, { uid: 'another' }]) {
        expect((await evict('exact-a', { deleteOptions: { preconditions } })).code).toBe(409);
      }
      const { status } = await target.admin.read(`${budgets()}/exact`);
      expect(status).toMatchObject({ disruptionsAllowed: 1 });
      const { uid, resourceVersion } = metadata;
      expect((await evict('exact-a', { deleteOptions: { preconditions: { uid, resourceVersion } } })).code).toBe(201);
      expect((await target.admin.get(`${pods()}/exact-a`)).code).toBe(404);
    });

    it('does not hold what has ended, even where nothing may go', async () => {
      await budget('ended', { disruptionsAllowed: 0, desiredHealthy: 5, currentHealthy: 0, expectedPods: 5 });
      for (const phase of ['Succeeded', 'Failed']) {
        const name = `ended-${phase.toLowerCase()}`;
        await running(name, 'ended', { phase });
        expect((await evict(name)).code).toBe(201);
      }
    });

    it.each([
      [
        'is being counted wrong',
        { type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed', message: 'found no controllers' },
        'The disruption budget lost-0 does not allow evicting pods currently because it failed sync: found no controllers',
      ],
      [
        'has too few pods',
        { type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods', message: '' },
        'The disruption budget lost-1 needs 3 healthy pods and has 1 currently',
      ],
    ])('says why: it %s', async (_, condition, message) => {
      const app = message.includes('lost-0') ? 'lost-0' : 'lost-1';
      const conditions = [{ lastTransitionTime: '2026-01-01T00:00:00Z', ...condition }];
      const counts = { disruptionsAllowed: 0, desiredHealthy: 3, currentHealthy: 1, expectedPods: 3 };
      await budget(app, { ...counts, conditions });
      await running(app, app);
      expect(await refusal(app)).toMatchObject({ code: 429, causes: [{ reason: 'DisruptionBudget', message }] });
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

describe('disruption budgets', () => {
  const budgets = () => `/apis/policy/v1/namespaces/${target.namespace}/poddisruptionbudgets`;
  const aBudget = (name: string, labels: Record<string, string> = {}) => ({
    metadata: { name, labels },
    spec: { minAvailable: 1, selector: { matchLabels: { app: name } } },
  });

  it('are listed over all namespaces and deleted together', async () => {
    const other = await target.newNamespace();
    const labels = { suite: 'together' };
    await target.admin.made(budgets(), aBudget('here', labels));
    await target.admin.made(`/apis/policy/v1/namespaces/${other}/poddisruptionbudgets`, aBudget('there', labels));
    const everywhere = '/apis/policy/v1/poddisruptionbudgets?labelSelector=suite%3Dtogether';
    const names = async () => (await target.admin.read(everywhere)).items.map(({ metadata }) => metadata.name);
    expect((await names()).toSorted()).toEqual(['here', 'there']);
    expect((await target.admin.delete(`${budgets()}?labelSelector=suite%3Dtogether`)).code).toBe(200);
    expect(await names()).toEqual(['there']);
  });

  it('have a status that is written, patched and seen by those who watch, and no spec of it', async () => {
    const made = await target.admin.made(budgets(), aBudget('seen'));
    expect(made.status).toMatchObject({ currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 });
    const counts = {
      currentHealthy: 2,
      desiredHealthy: 1,
      disruptionsAllowed: 1,
      expectedPods: 2,
      observedGeneration: 1,
    };
    const written = await target.admin.put(`${budgets()}/seen/status`, {
      ...(await target.admin.read(`${budgets()}/seen`)),
      spec: { minAvailable: 7 },
      status: counts,
    });
    expect(written.body.spec).toMatchObject({ minAvailable: 1 });
    expect(written.body.status).toMatchObject(counts);
    const disruptedPods = { 'seen-a': '2026-01-01T00:00:00Z' };
    const patched = await target.admin.merge(`${budgets()}/seen/status`, { status: { disruptedPods } });
    expect(patched.body.status).toMatchObject({ ...counts, disruptedPods });
    const refused = await target.admin.merge(`${budgets()}/seen/status`, { status: { disruptionsAllowed: -1 } });
    expect([refused.code, refused.body.message]).toEqual([
      422,
      expect.stringContaining('must be greater than or equal to 0'),
    ]);
  });

  it('count a generation with each change of their spec, and none with their status', async () => {
    await target.admin.made(budgets(), aBudget('counted'));
    await target.admin.merge(`${budgets()}/counted/status`, { status: { expectedPods: 3 } });
    expect((await target.admin.read(`${budgets()}/counted`)).metadata.generation).toBe(1);
    const changed = await target.admin.merge(`${budgets()}/counted`, { spec: { minAvailable: '50%' } });
    expect(changed.body.metadata.generation).toBe(2);
  });
});
