import type { ConfigMap, Deployment, EndpointSlice, KubeObject, Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

describe.each(['in-process', 'http'] as const)('controllers on the real API server (%s)', (over) => {
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;

  beforeAll(async () => {
    plane = await startControlPlane({ over });
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0', 'n1']);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  let counter = 0;
  /** Each test has a namespace of its own. */
  async function aNamespace(): Promise<string> {
    const name = `test-${++counter}`;
    const { client, signal } = plane;
    await client.create(
      kinds.namespaces,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} },
      { signal },
    );
    // Pods that name no account are refused before it is there.
    await plane.until(kinds.serviceAccounts, { namespace: name, name: 'default' }, (account) => account !== undefined);
    return name;
  }

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
  const configMap = (namespace: string, name: string, owner?: KubeObject): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      namespace,
      name,
      ...(owner
        ? {
            ownerReferences: [
              {
                apiVersion: owner.apiVersion,
                kind: owner.kind,
                name: owner.metadata.name ?? '',
                uid: owner.metadata.uid ?? '',
                blockOwnerDeletion: true,
              },
            ],
          }
        : {}),
    },
  });
  const create = <T extends KubeObject>(kind: Parameters<typeof plane.client.create<T>>[0], object: T) =>
    plane.client.create(kind, object, { signal: plane.signal });
  const isComplete = (deployment: Deployment | undefined) => {
    const condition = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing');
    const isCurrent = deployment?.status?.observedGeneration === deployment?.metadata.generation;
    return isCurrent && condition?.reason === 'NewReplicaSetAvailable' && !deployment?.status?.unavailableReplicas;
  };
  const podsIn = (namespace: string) => plane.manager.caches.inNamespace(kinds.pods, namespace);

  it('gives a new namespace its account and the certificate of the authority', async () => {
    const namespace = await aNamespace();
    await plane.until(kinds.serviceAccounts, { namespace, name: 'default' }, (account) => account !== undefined);
    const published = await plane.until(
      kinds.configMaps,
      { namespace, name: 'kube-root-ca.crt' },
      (map) => map !== undefined,
    );
    expect(published?.data?.['ca.crt']).toBe(plane.server.pki.caCertificate);
  });

  it('rolls a deployment out, over to a new template and back', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    const ref = { namespace, name: 'web' };
    await create(kinds.deployments, web(namespace, 3));
    const first = await plane.until(kinds.deployments, ref, isComplete);
    expect(first?.status).toMatchObject({ replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
    expect(podsIn(namespace)).toHaveLength(3);
    const image = (name: string) => ({ spec: { template: { spec: { containers: [{ name: 'web', image: name }] } } } });
    await client.patch(kinds.deployments, ref, image('web:2'), { signal, type: 'strategic' });
    const revision = (deployment: Deployment | undefined) =>
      deployment?.metadata.annotations?.['deployment.kubernetes.io/revision'];
    await plane.until(kinds.deployments, ref, (found) => revision(found) === '2' && isComplete(found) === true);
    await plane.until(kinds.deployments, ref, (found) => found?.status?.replicas === 3);
    expect(
      podsIn(namespace)
        .filter(({ metadata }) => !metadata.deletionTimestamp)
        .map(({ spec }) => spec.containers[0]?.image),
    ).toEqual(Array(3).fill('web:2'));
    await client.patch(kinds.deployments, ref, image('web:1'), { signal, type: 'strategic' });
    await plane.until(kinds.deployments, ref, (found) => revision(found) === '3' && isComplete(found) === true);
    expect(plane.manager.caches.inNamespace(kinds.replicaSets, namespace)).toHaveLength(2);
    const events = await client.list(kinds.events, { namespace, signal });
    const messages = events.items.filter(({ reason }) => reason === 'ScalingReplicaSet').map(({ message }) => message);
    expect(messages[0]).toMatch(/^Scaled up replica set web-\w+ from 0 to 3$/);
  });

  it('replaces a pod that is deleted, and lists the new one as an endpoint', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    await create(kinds.services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace, name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    await create(kinds.deployments, web(namespace, 2));
    await plane.until(kinds.deployments, { namespace, name: 'web' }, isComplete);
    const [victim] = podsIn(namespace);
    await client.delete(kinds.pods, { namespace, name: victim?.metadata.name ?? '' }, { signal });
    const cache = plane.manager.caches.of(kinds.endpointSlices);
    const readyAddresses = () =>
      (cache.inNamespace(namespace) as readonly EndpointSlice[])
        .flatMap(({ endpoints }) => endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready)
        .flatMap(({ addresses }) => addresses);
    await new Promise<void>((resolve) => {
      cache.when(
        () => readyAddresses().length === 2 && !readyAddresses().includes(victim?.status?.podIP ?? ''),
        resolve,
      );
    });
    expect(readyAddresses()).toHaveLength(2);
  });

  it('lets dependents follow their owner in the background', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    const owner = await create(kinds.configMaps, configMap(namespace, 'owner'));
    const child = await create(kinds.configMaps, configMap(namespace, 'child', owner));
    await create(kinds.configMaps, configMap(namespace, 'grandchild', child));
    await client.delete(kinds.configMaps, { namespace, name: 'owner' }, { signal, propagationPolicy: 'Background' });
    await plane.until(kinds.configMaps, { namespace, name: 'grandchild' }, (found) => found === undefined);
    await plane.until(kinds.configMaps, { namespace, name: 'child' }, (found) => found === undefined);
  });

  it('deletes an owner in the foreground after what blocks it', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    const owner = await create(kinds.configMaps, configMap(namespace, 'owner'));
    const held = configMap(namespace, 'child', owner);
    await create(kinds.configMaps, { ...held, metadata: { ...held.metadata, finalizers: ['example.org/hold'] } });
    await client.delete(kinds.configMaps, { namespace, name: 'owner' }, { signal, propagationPolicy: 'Foreground' });
    const child = await plane.until(
      kinds.configMaps,
      { namespace, name: 'child' },
      (found) => !!found?.metadata.deletionTimestamp,
    );
    expect(plane.manager.caches.get(kinds.configMaps, `${namespace}/owner`)?.metadata.finalizers).toEqual([
      'foregroundDeletion',
    ]);
    await client.patch(kinds.configMaps, { namespace, name: 'child' }, { metadata: { finalizers: null } }, { signal });
    expect(child).toBeDefined();
    await plane.until(kinds.configMaps, { namespace, name: 'owner' }, (found) => found === undefined);
  });

  it('leaves orphans behind when asked to', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    const ref = { namespace, name: 'web' };
    await create(kinds.deployments, web(namespace, 2));
    await plane.until(kinds.deployments, ref, isComplete);
    const before = plane.manager.caches.inNamespace(kinds.replicaSets, namespace);
    await client.delete(kinds.deployments, ref, { signal, propagationPolicy: 'Orphan' });
    await plane.until(kinds.deployments, ref, (found) => found === undefined);
    const [left] = plane.manager.caches.inNamespace(kinds.replicaSets, namespace);
    expect(left?.metadata.uid).toBe(before[0]?.metadata.uid);
    await plane.until(
      kinds.replicaSets,
      { namespace, name: left?.metadata.name ?? '' },
      (set) => !set?.metadata.ownerReferences,
    );
    expect(podsIn(namespace)).toHaveLength(2);
    // A deployment of the same template takes them over again.
    await create(kinds.deployments, web(namespace, 2));
    await plane.until(kinds.deployments, ref, isComplete);
    expect(plane.manager.caches.inNamespace(kinds.replicaSets, namespace).map(({ metadata }) => metadata.uid)).toEqual([
      left?.metadata.uid,
    ]);
  });

  it('deletes pods with their deployment', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    await create(kinds.deployments, web(namespace, 3));
    await plane.until(kinds.deployments, { namespace, name: 'web' }, isComplete);
    await client.delete(kinds.deployments, { namespace, name: 'web' }, { signal });
    await new Promise<void>((resolve) => {
      plane.manager.caches.of(kinds.pods).when(() => podsIn(namespace).length === 0, resolve);
    });
  });

  it('empties a namespace before it lets it go, and says what holds it', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    await create(kinds.deployments, web(namespace, 2));
    await plane.until(kinds.deployments, { namespace, name: 'web' }, isComplete);
    const held = configMap(namespace, 'held');
    await create(kinds.configMaps, { ...held, metadata: { ...held.metadata, finalizers: ['example.org/hold'] } });
    await client.delete(kinds.namespaces, { name: namespace }, { signal });
    const stuck = await plane.until(
      kinds.namespaces,
      { name: namespace },
      (found) =>
        !!found?.status?.conditions?.some(
          ({ type, status, message }) =>
            type === 'NamespaceContentRemaining' &&
            status === 'True' &&
            /^Some resources are remaining: configmaps. has 1/.test(message ?? ''),
        ),
    );
    expect(stuck?.status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining')?.message).toContain(
      'example.org/hold',
    );
    await client.patch(kinds.configMaps, { namespace, name: 'held' }, { metadata: { finalizers: null } }, { signal });
    await plane.until(kinds.namespaces, { name: namespace }, (found) => found === undefined);
  });

  it('empties a namespace of its pods before anything else', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    await create(kinds.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'held', finalizers: ['example.org/hold'] },
      spec: { containers: [{ name: 'main', image: 'web:1' }] },
    });
    await create(kinds.configMaps, configMap(namespace, 'still-needed'));
    await client.delete(kinds.namespaces, { name: namespace }, { signal });
    await plane.until(
      kinds.namespaces,
      { name: namespace },
      (found) =>
        !!found?.status?.conditions?.some(({ message }) => message?.includes('pods. has 1 resource instances')),
    );
    const { metadata } = await client.get(kinds.configMaps, { namespace, name: 'still-needed' }, { signal });
    expect(metadata.deletionTimestamp).toBeUndefined();
    await client.patch(kinds.pods, { namespace, name: 'held' }, { metadata: { finalizers: null } }, { signal });
    await plane.until(kinds.namespaces, { name: namespace }, (found) => found === undefined);
  });

  it('drives pods off a node that is not ready', async () => {
    const { client, signal } = plane;
    const namespace = await aNamespace();
    await addNodes(plane, ['lost']);
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'victim' },
      spec: {
        nodeName: 'lost',
        containers: [{ name: 'c', image: 'i' }],
        tolerations: [
          { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 },
        ],
      },
    };
    await create(kinds.pods, pod);
    const isReady = (found: Pod | undefined) => found?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
    await plane.until(kinds.pods, { namespace, name: 'victim' }, (found) => isReady(found) === 'True');
    const condition = { type: 'Ready', status: 'False', reason: 'Test', message: '' };
    await client.patch(
      kinds.nodes,
      { name: 'lost' },
      { status: { conditions: [condition] } },
      { signal, subresource: 'status' },
    );
    const node = await plane.until(kinds.nodes, { name: 'lost' }, (found) => found?.spec.taints?.length === 2);
    expect(node?.spec.taints).toMatchObject([
      { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
    ]);
    await plane.until(kinds.pods, { namespace, name: 'victim' }, (found) => found === undefined);
  });
});
