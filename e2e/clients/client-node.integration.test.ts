/** The official JavaScript client: typed calls, informers, watches, patches of every kind. */
import {
  CoreV1Api,
  type Informer,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from '@kubernetes/client-node';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

const namespace = 'default';

describe('@kubernetes/client-node', () => {
  let cluster: Cluster;
  let config: KubeConfig;
  let core: CoreV1Api;

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
    config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
  });

  afterAll(() => cluster.remove());

  const put = (name: string, data: Record<string, string> = {}) =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels: { by: 'client-node' } }, data } });

  it('patches in every way', async () => {
    await put('patched', { a: '1' });
    const patch = (body: unknown, strategy: string) =>
      core.patchNamespacedConfigMap(
        { namespace, name: 'patched', body, fieldManager: 'test' },
        setHeaderOptions('Content-Type', strategy),
      );
    const merged = await patch({ data: { b: '2' } }, PatchStrategy.MergePatch);
    expect(merged.data).toEqual({ a: '1', b: '2' });
    const strategic = await patch({ data: { a: null } }, PatchStrategy.StrategicMergePatch);
    expect(strategic.data).toEqual({ b: '2' });
    const listed = await patch([{ op: 'add', path: '/data/c', value: '3' }], PatchStrategy.JsonPatch);
    expect(listed.data).toEqual({ b: '2', c: '3' });
    const whole = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' }, data: { d: '4' } };
    const applied = await patch(whole, PatchStrategy.ServerSideApply);
    expect(applied.data).toEqual({ b: '2', c: '3', d: '4' });
    expect(applied.metadata?.managedFields?.map(({ operation }) => operation)).toContain('Apply');
  });

  it('says what is wrong', async () => {
    await expect(put('Not_A_Name')).rejects.toMatchObject({ code: 422 });
    await expect(core.readNamespacedConfigMap({ namespace, name: 'nobody' })).rejects.toMatchObject({ code: 404 });
  });

  it('watches, and hears of the end of the watch', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace });
    const seen: string[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      new Watch(config)
        .watch(
          `/api/v1/namespaces/${namespace}/configmaps`,
          { resourceVersion: metadata?.resourceVersion, timeoutSeconds: 2 },
          (type, object: KubernetesObject) => seen.push(`${type} ${object.metadata?.name}`),
          (error) => (error && error.name !== 'AbortError' ? reject(error) : resolve()),
        )
        .catch(reject);
    });
    await put('watched');
    await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
    await ended;
    expect(seen).toEqual(['ADDED watched', 'DELETED watched']);
  });

  it('an informer sees what is there, what comes and what goes', async () => {
    const known = new Set<string>();
    const informer: Informer<V1ConfigMap> = makeInformer(
      config,
      `/api/v1/namespaces/${namespace}/configmaps`,
      () => core.listNamespacedConfigMap({ namespace, labelSelector: 'by=client-node' }),
      'by=client-node',
    );
    informer.on('add', ({ metadata }) => known.add(metadata?.name ?? ''));
    informer.on('delete', ({ metadata }) => known.delete(metadata?.name ?? ''));
    await put('before');
    await informer.start();
    await eventually('the first object', async () => expect([...known]).toContain('before'));
    await put('while-watching');
    await eventually('a later object', async () => expect([...known]).toContain('while-watching'));
    await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
    await eventually('the deletion', async () => expect([...known]).not.toContain('before'));
    await informer.stop();
  });
});
