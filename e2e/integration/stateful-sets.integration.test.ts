import type { ControllerRevision, Pod, StatefulSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { imageOf, imagePatch, isReady, missingImage, templateOf, WorkloadWorld } from './workload-world.ts';

const { statefulSets, pods, persistentVolumeClaims: claims } = kinds;

describe('stateful sets on the real server', () => {
  let world: WorkloadWorld;

  beforeAll(async () => {
    world = await WorkloadWorld.start(['n0', 'n1']);
  });

  afterAll(() => world.stop());

  async function aSet(more: Partial<StatefulSet['spec']> = {}) {
    const namespace = await world.namespace();
    const ref = { namespace, name: 'db' };
    await world.create(statefulSets, {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: ref,
      spec: {
        replicas: 3,
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: templateOf('db'),
        ...more,
      },
    });
    const status = (holds: (status: NonNullable<StatefulSet['status']>) => boolean) =>
      world.until(
        statefulSets,
        ref,
        (set) => set?.status && set.status.observedGeneration === set.metadata.generation && holds(set.status),
      );
    const rolledOut = () =>
      status(
        ({ currentRevision, updateRevision, replicas, readyReplicas }) =>
          currentRevision === updateRevision && replicas === readyReplicas,
      );
    const isComplete = (count: number) =>
      world.untilPods(namespace, (found) => found.length === count && found.every(isReady));
    const patch = (change: unknown) => world.patch(statefulSets, ref, change, { type: 'strategic' });
    const pod = (ordinal: number) => world.get(pods, { namespace, name: `db-${ordinal}` });
    return { namespace, ref, status, rolledOut, isComplete, patch, pod };
  }

  it('starts pods in the order of their ordinals, and stops scaling while one of them is not ready', async () => {
    const { namespace, isComplete, patch, pod } = await aSet({ replicas: 1 });
    await isComplete(1);
    await world.setReady(await pod(0), false);
    await patch({ spec: { replicas: 3 } });
    await world.until(statefulSets, { namespace, name: 'db' }, (set) => !set?.status?.readyReplicas);
    expect(world.pods(namespace)).toHaveLength(1);
    await world.setReady(await pod(0), true);
    await isComplete(3);
    await world.setReady(await pod(0), false);
    await patch({ spec: { replicas: 0 } });
    await world.until(statefulSets, { namespace, name: 'db' }, (set) => set?.status?.observedGeneration === 3);
    await world.setReady(await pod(0), true);
    await world.untilPods(namespace, (found) => found.length === 0);
    const verbs = async (reason: string) =>
      (await world.told(namespace, reason, 3)).map((message) => message?.slice(0, 15));
    expect(await verbs('SuccessfulCreate')).toEqual(['create Pod db-0', 'create Pod db-1', 'create Pod db-2']);
    expect(await verbs('SuccessfulDelete')).toEqual(['delete Pod db-2', 'delete Pod db-1', 'delete Pod db-0']);
  });

  it('starts and ends all pods of a parallel set at once, whether they are ready or not', async () => {
    const { namespace, isComplete, patch, pod } = await aSet({ podManagementPolicy: 'Parallel', replicas: 2 });
    await isComplete(2);
    for (const ordinal of [0, 1]) await world.setReady(await pod(ordinal), false);
    await patch({ spec: { replicas: 4 } });
    await world.untilPods(namespace, (found) => found.length === 4);
    await patch({ spec: { replicas: 0 } });
    await world.untilPods(namespace, (found) => found.length === 0);
  });

  it('makes a pod anew that its node evicted, under the same name', async () => {
    const { namespace, isComplete, pod } = await aSet({ replicas: 2 });
    await isComplete(2);
    const evicted = await pod(0);
    await world.evict(evicted);
    await world.until(
      pods,
      { namespace, name: 'db-0' },
      (found) => found && found.metadata.uid !== evicted.metadata.uid,
    );
    await isComplete(2);
  });

  it('updates from the highest ordinal down, and goes back to the former template', async () => {
    const { namespace, ref, isComplete, rolledOut, patch } = await aSet();
    const [first] = (await isComplete(3)) as [Pod];
    const created = await rolledOut();
    await patch(imagePatch('db:2'));
    const updated = await rolledOut();
    expect((await isComplete(3)).map(imageOf)).toEqual(['db:2', 'db:2', 'db:2']);
    expect(updated?.status).toMatchObject({ updatedReplicas: 3, currentReplicas: 3, availableReplicas: 3 });
    const order = (await world.told(namespace, 'SuccessfulDelete', 3)).map((message) => message?.slice(11, 15));
    expect(order).toEqual(['db-2', 'db-1', 'db-0']);
    const revision = await world.get(kinds.controllerRevisions, {
      namespace,
      name: created?.status?.updateRevision ?? '',
    });
    await world.patch(statefulSets, ref, revision.data, { type: 'strategic' });
    const back = await rolledOut();
    expect(back?.status?.updateRevision).toBe(created?.status?.updateRevision);
    expect((await isComplete(3)).map(imageOf)).toEqual(Array(3).fill(imageOf(first)));
  });

  it('updates the pods above a partition first, and the rest in phases as it is lowered', async () => {
    const partition = (value: number) => ({ spec: { updateStrategy: { rollingUpdate: { partition: value } } } });
    const { namespace, isComplete, patch, status } = await aSet({
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 3 } },
    });
    await isComplete(3);
    await patch(imagePatch('db:2'));
    const images = (wanted: readonly string[]) =>
      world.untilPods(namespace, (found) => found.every(isReady) && `${found.map(imageOf)}` === `${wanted}`);
    await status(({ currentRevision, updateRevision }) => currentRevision !== updateRevision);
    await images(['db:1', 'db:1', 'db:1']);
    await patch(partition(2));
    await images(['db:1', 'db:1', 'db:2']);
    await world.remove(pods, { namespace, name: 'db-1' });
    await world.remove(pods, { namespace, name: 'db-2' });
    await images(['db:1', 'db:1', 'db:2']);
    await patch(partition(1));
    await images(['db:1', 'db:2', 'db:2']);
    await patch(partition(0));
    await images(['db:2', 'db:2', 'db:2']);
    await status(({ currentRevision, updateRevision }) => currentRevision === updateRevision);
  });

  it('gets out of a rollout that cannot work when the template is corrected', async () => {
    const { namespace, isComplete, rolledOut, patch } = await aSet();
    await isComplete(3);
    await patch(imagePatch(missingImage));
    await world.untilPods(namespace, (found) =>
      found.some((pod) => imageOf(pod) === missingImage && pod.status?.phase === 'Pending'),
    );
    await patch(imagePatch('db:2'));
    await rolledOut();
    expect((await isComplete(3)).map(imageOf)).toEqual(['db:2', 'db:2', 'db:2']);
  });

  it('keeps claims when it is scaled down, and has those removed that its policy does not keep', async () => {
    const data = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    const { namespace, isComplete, patch } = await aSet({
      replicas: 2,
      volumeClaimTemplates: [data as never],
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain', whenDeleted: 'Delete' },
    });
    await isComplete(2);
    await patch({ spec: { replicas: 1 } });
    await isComplete(1);
    expect((await world.get(claims, { namespace, name: 'data-db-1' })).metadata.deletionTimestamp).toBeUndefined();
    await patch({ spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' }, replicas: 0 } });
    await world.until(claims, { namespace, name: 'data-db-0' }, (claim) => claim === undefined);
    await patch({ spec: { replicas: 1 } });
    await isComplete(1);
    await world.remove(statefulSets, { namespace, name: 'db' });
    for (const name of ['data-db-0', 'data-db-1']) {
      await world.until(claims, { namespace, name }, (claim) => claim === undefined);
    }
  });

  it('leaves its pods behind when so asked, and a new set of the name takes them over as they are', async () => {
    const { namespace, ref, isComplete, rolledOut } = await aSet({ replicas: 2 });
    const before = await isComplete(2);
    const former = await world.get(statefulSets, ref);
    await world.remove(statefulSets, ref, 'Orphan');
    await world.until(statefulSets, ref, (set) => set === undefined);
    await world.untilPods(namespace, (found) => found.every(({ metadata }) => !metadata.ownerReferences?.length));
    await world.create(statefulSets, { ...former, metadata: ref });
    await world.untilPods(namespace, (found) => found.every(({ metadata }) => metadata.ownerReferences?.length === 1));
    await rolledOut();
    expect(world.pods(namespace).map(({ metadata }) => metadata.uid)).toEqual(
      before.map(({ metadata }) => metadata.uid),
    );
  });

  it('is scaled, listed, patched, has its status written and goes with others of its labels', async () => {
    const { client, signal } = world.plane;
    const { namespace, ref, isComplete, status } = await aSet({ replicas: 1 });
    await isComplete(1);
    await status(({ replicas }) => replicas === 1);
    expect(await world.scaleOf(statefulSets, ref)).toMatchObject({
      kind: 'Scale',
      spec: { replicas: 1 },
      status: { replicas: 1, selector: 'app=db' },
    });
    await world.patch(statefulSets, ref, { spec: { replicas: 2 } }, { subresource: 'scale' });
    await isComplete(2);
    const condition = { type: 'Checked', status: 'True', reason: 'Test', message: 'by a test' };
    await world.patch(statefulSets, ref, { status: { conditions: [condition] } }, { subresource: 'status' });
    await world.patch(statefulSets, ref, { metadata: { labels: { team: 'a' } } });
    const labelled = await world.until(statefulSets, ref, (set) => set?.metadata.labels?.team === 'a');
    expect(labelled?.status?.conditions).toEqual([condition]);
    await client.deleteCollection(statefulSets, { namespace, labelSelector: 'team=a', signal });
    await world.untilPods(namespace, (found) => found.length === 0);
  });

  it('remembers templates as revisions that can be listed, labelled and removed, and makes one again that it needs', async () => {
    const { client, signal } = world.plane;
    const { namespace, isComplete, rolledOut, patch } = await aSet({ replicas: 1 });
    await isComplete(1);
    await patch(imagePatch('db:2'));
    await rolledOut();
    const revisions = async () =>
      (await client.list(kinds.controllerRevisions, { namespace, labelSelector: 'app=db', signal })).items.toSorted(
        (a: ControllerRevision, b: ControllerRevision) => a.revision - b.revision,
      );
    const found = await revisions();
    expect(found.map(({ revision }) => revision)).toEqual([1, 2]);
    expect(found.every(({ metadata }) => metadata.ownerReferences?.[0]?.kind === 'StatefulSet')).toBe(true);
    const nameOf = (revision: ControllerRevision | undefined) => ({ namespace, name: revision?.metadata.name ?? '' });
    await world.patch(kinds.controllerRevisions, nameOf(found[0]), { metadata: { labels: { seen: 'yes' } } });
    await world.remove(kinds.controllerRevisions, nameOf(found[0]));
    const needed = found[1];
    await world.remove(kinds.controllerRevisions, nameOf(needed));
    await world.until(
      kinds.controllerRevisions,
      nameOf(needed),
      (revision) => revision && revision.metadata.uid !== needed?.metadata.uid,
    );
    expect((await revisions()).map(({ metadata }) => metadata.name)).toEqual([needed?.metadata.name]);
  });
});
