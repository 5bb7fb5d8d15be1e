/** The official JavaScript client: typed calls, informers, watches, patches of every kind. */
import {
  CoordinationV1Api,
  CoreV1Api,
  type Informer,
  KubeConfig,
  type KubernetesObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  V1MicroTime,
  Watch,
} from '@kubernetes/client-node';
import { freePorts } from '../cluster/free-ports.ts';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';

const namespace = 'default';

describe('@kubernetes/client-node', () => {
  let cluster: Cluster;
  let config: KubeConfig;
  let core: CoreV1Api;

  beforeAll(async () => {
    // The same after a restart.
    const [port = 0] = await freePorts(1);
    cluster = await newCluster({ agent: false, flags: [`--secure-port=${port}`] });
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

  it('an informer goes on after the API server was killed', async () => {
    const known = new Set<string>();
    const informer: Informer<V1ConfigMap> = makeInformer(
      config,
      `/api/v1/namespaces/${namespace}/configmaps`,
      () => core.listNamespacedConfigMap({ namespace, labelSelector: 'by=client-node' }),
      'by=client-node',
    );
    informer.on('add', ({ metadata }) => known.add(metadata?.name ?? ''));
    informer.on('delete', ({ metadata }) => known.delete(metadata?.name ?? ''));
    // As its documentation has it: after an error it is for the caller to begin again.
    let isStopped = false;
    const begin = () => eventually('a start', async () => void (isStopped || (await informer.start())));
    informer.on('error', () => {
      if (!isStopped) void begin();
    });
    await put('before-the-kill');
    await begin();
    await eventually('the first object', async () => expect([...known]).toContain('before-the-kill'));
    await cluster.end('SIGKILL');
    await cluster.up();
    await put('after-the-kill');
    await core.deleteNamespacedConfigMap({ namespace, name: 'before-the-kill' });
    await eventually('what happened since', async () => {
      expect([...known]).toContain('after-the-kill');
      expect([...known]).not.toContain('before-the-kill');
    });
    isStopped = true;
    await informer.stop();
  });

  /** The package has no election of its own; its callers write one over a Lease, as here. */
  it('candidates elect one of them by a Lease, and another one when it goes', async () => {
    const leases = config.makeApiClient(CoordinationV1Api);
    const name = 'election';
    const body = { metadata: { name }, spec: { holderIdentity: '', leaseDurationSeconds: 1 } };
    await leases.createNamespacedLease({ namespace, body });
    const attempt = async (holderIdentity: string): Promise<boolean> => {
      const lease = await leases.readNamespacedLease({ namespace, name });
      if (lease.spec?.holderIdentity) return false;
      const spec = { ...lease.spec, holderIdentity, renewTime: new V1MicroTime() };
      return leases.replaceNamespacedLease({ namespace, name, body: { ...lease, spec } }).then(
        () => true,
        (error: { readonly code?: number }) => {
          expect(error.code).toBe(409);
          return false;
        },
      );
    };
    const candidates = Array.from({ length: 10 }, (_, i) => `candidate-${i}`);
    for (let round = 0; round < 3; round++) {
      const won = await Promise.all(candidates.map(attempt));
      expect(won.filter(Boolean)).toHaveLength(1);
      const { metadata, spec } = await leases.readNamespacedLease({ namespace, name });
      expect(spec?.holderIdentity).toBe(candidates[won.indexOf(true)]);
      await leases.replaceNamespacedLease({ namespace, name, body: { metadata, spec: { leaseDurationSeconds: 1 } } });
    }
  });
});
