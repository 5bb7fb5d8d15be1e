import { isStatus } from '@slipway/api/status-error';
import type { Deployment, KubeObject, Pod, PodDisruptionBudget } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

const { podDisruptionBudgets: budgets, pods } = kinds;

describe('disruption budgets on the real API server', () => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;

  beforeAll(async () => {
    plane = await startControlPlane();
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0', 'n1']);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  let counter = 0;
  async function aNamespace(): Promise<string> {
    const name = `budgets-${++counter}`;
    const { client, signal } = plane;
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} },
      { signal },
    );
    await plane.until(kinds.serviceAccounts, { namespace: name, name: 'default' }, (account) => account !== undefined);
    return name;
  }
  const create = <T extends KubeObject>(kind: Kind<T>, object: T) =>
    plane.client.create(kind, object, { signal: plane.signal });
  const web = (namespace: string, replicas: number): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  });
  const aBudget = (namespace: string, spec: PodDisruptionBudget['spec']): PodDisruptionBudget => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { namespace, name: 'web' },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  });
  const untilBudget = (namespace: string, holds: (status: NonNullable<PodDisruptionBudget['status']>) => boolean) =>
    plane.until(budgets, { namespace, name: 'web' }, (budget) => budget?.status !== undefined && holds(budget.status));
  const evict = (pod: Pod) => {
    const { namespace, name = '' } = pod.metadata;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
    return plane.client.createSubresource(pods, { namespace, name }, 'eviction', body, { signal: plane.signal }).then(
      () => 'evicted',
      (error: unknown) => {
        if (isStatus(error, 'TooManyRequests')) return 'refused';
        throw error;
      },
    );
  };
  const podsIn = (namespace: string) =>
    plane.manager.caches.inNamespace(pods, namespace).filter(({ metadata }) => !metadata.deletionTimestamp);

  it('block an eviction until they are changed to allow it', async () => {
    const namespace = await aNamespace();
    await create(budgets, aBudget(namespace, { minAvailable: '100%' }));
    await create(kinds.deployments, web(namespace, 2));
    await untilBudget(namespace, ({ currentHealthy }) => currentHealthy === 2);
    const [pod] = podsIn(namespace);
    expect(await evict(pod as Pod)).toBe('refused');
    const { client, signal } = plane;
    await client.patch(budgets, { namespace, name: 'web' }, { spec: { minAvailable: 1 } }, { signal });
    await untilBudget(namespace, ({ disruptionsAllowed }) => disruptionsAllowed === 1);
    expect(await evict(pod as Pod)).toBe('evicted');
    // The replacement makes it whole again.
    await untilBudget(namespace, ({ disruptionsAllowed, disruptedPods }) => disruptionsAllowed === 1 && !disruptedPods);
  });

  it('never let more go at once than they say, while everything is evicted', async () => {
    const namespace = await aNamespace();
    const replicas = 8;
    await create(budgets, aBudget(namespace, { maxUnavailable: 2 }));
    await create(kinds.deployments, web(namespace, replicas));
    await untilBudget(namespace, ({ currentHealthy }) => currentHealthy === replicas);
    let fewest = replicas;
    const stop = plane.manager.caches.of(pods).subscribe(() => {
      const ready = podsIn(namespace).filter(({ status }) =>
        status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
    });
    const first = new Set(podsIn(namespace).map(({ metadata }) => metadata.uid));
    const remaining = () => podsIn(namespace).filter(({ metadata }) => first.has(metadata.uid));
    while (remaining().length > 0) {
      const answers = await Promise.all(remaining().map((pod) => evict(pod).catch(absent)));
      if (!answers.includes('evicted'))
        await untilBudget(namespace, ({ disruptionsAllowed = 0 }) => disruptionsAllowed > 0);
    }
    stop();
    expect(fewest).toBeGreaterThanOrEqual(replicas - 2);
    await untilBudget(
      namespace,
      ({ currentHealthy, expectedPods }) => currentHealthy === replicas && expectedPods === replicas,
    );
  });

  it('go by the scale of a custom kind, as soon as it is scaled', async () => {
    const namespace = await aNamespace();
    const widgets: Kind = {
      group: 'example.com',
      version: 'v1',
      resource: 'widgets',
      kind: 'Widget',
      namespaced: true,
    };
    await create(kinds.customResourceDefinitions, widgetDefinition as KubeObject);
    await plane.until(kinds.customResourceDefinitions, { name: 'widgets.example.com' }, isEstablished);
    const widget = await create(widgets, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { namespace, name: 'w' },
      spec: { replicas: 4 },
    } as KubeObject);
    const owner = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      name: 'w',
      uid: widget.metadata.uid ?? '',
      controller: true,
    };
    for (const name of ['a', 'b', 'c']) {
      await create(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace, name, labels: { app: 'web' }, ownerReferences: [owner] },
        spec: { containers: [{ name: 'web', image: 'web' }] },
      });
    }
    await create(budgets, aBudget(namespace, { minAvailable: '50%' }));
    await untilBudget(
      namespace,
      ({ expectedPods, currentHealthy, disruptionsAllowed }) =>
        expectedPods === 4 && currentHealthy === 3 && disruptionsAllowed === 1,
    );
    await plane.client.patch(widgets, { namespace, name: 'w' }, { spec: { replicas: 6 } }, { signal: plane.signal });
    await untilBudget(
      namespace,
      ({ expectedPods, disruptionsAllowed }) => expectedPods === 6 && disruptionsAllowed === 0,
    );
  });

  it('say what they cannot count', async () => {
    const namespace = await aNamespace();
    await create(budgets, aBudget(namespace, { maxUnavailable: 1 }));
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j', controller: true };
    await create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name: 'a',
        labels: { app: 'web' },
        ownerReferences: [owner],
        finalizers: ['example.com/held'],
      },
      spec: { containers: [{ name: 'web', image: 'web' }] },
    });
    const failed = await untilBudget(namespace, ({ conditions }) => conditions?.[0]?.reason === 'SyncFailed');
    expect(failed?.status?.conditions?.[0]?.message).toBe('jobs.batch does not implement the scale subresource');
    const { client, signal } = plane;
    await client.patch(pods, { namespace, name: 'a' }, { metadata: { finalizers: null } }, { signal });
  });
});

function absent(error: unknown): string {
  if (isStatus(error, 'NotFound')) return 'gone';
  throw error;
}

function isEstablished(object: KubeObject | undefined): boolean {
  const { conditions = [] } =
    (object as { status?: { conditions?: { type: string; status: string }[] } } | undefined)?.status ?? {};
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}

const widgetDefinition: unknown = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
      },
    ],
  },
};
