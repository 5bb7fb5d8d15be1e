import type { KubeObject, Pod, ReplicationControllerStatus } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { isReady, templateOf, WorkloadWorld } from './workload-world.ts';

interface Keeper extends KubeObject {
  spec: { replicas?: number };
  status?: ReplicationControllerStatus;
}

interface Kept {
  readonly kind: Kind<Keeper>;
  make(namespace: string, replicas: number): KubeObject & { spec: object };
}

const rows: readonly (readonly [string, Kept])[] = [
  [
    'replica sets',
    {
      kind: kinds.replicaSets,
      make: (namespace, replicas) => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: { namespace, name: 'web', labels: { team: 'a' } },
        spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: templateOf('web') },
      }),
    },
  ],
  [
    'replication controllers',
    {
      kind: kinds.replicationControllers,
      make: (namespace, replicas) => ({
        apiVersion: 'v1',
        kind: 'ReplicationController',
        metadata: { namespace, name: 'web', labels: { team: 'a' } },
        spec: { replicas, selector: { app: 'web' }, template: templateOf('web') },
      }),
    },
  ],
];

describe('what keeps replicas on the real server', () => {
  let world: WorkloadWorld;

  beforeAll(async () => {
    world = await WorkloadWorld.start(['n0', 'n1']);
  });

  afterAll(() => world.stop());

  describe.each(rows)('%s', (_, { kind, make }) => {
    async function start(replicas: number) {
      const namespace = await world.namespace();
      const ref = { namespace, name: 'web' };
      await world.create(kind as Kind, make(namespace, replicas));
      const untilReady = (count: number) =>
        world.untilPods(namespace, (found) => found.length === count && found.every(isReady));
      const untilStatus = (count: number) =>
        world.until(kind, ref, (found) => found?.status?.availableReplicas === count);
      return { namespace, ref, untilReady, untilStatus };
    }

    it('run as many pods as wanted, and bring back what is lost', async () => {
      const { namespace, untilReady, untilStatus } = await start(2);
      const [first] = await untilReady(2);
      await untilStatus(2);
      await world.remove(kinds.pods, { namespace, name: first?.metadata.name ?? '' });
      const again = await untilReady(2);
      expect(again.map(({ metadata }) => metadata.uid)).not.toContain(first?.metadata.uid);
    });

    it('adopt a pod that was there first, and let one go whose labels no longer match', async () => {
      const namespace = await world.namespace();
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace, name: 'stray', labels: { app: 'web' } },
        spec: { containers: [{ name: 'main', image: 'web:1' }] },
      };
      await world.create(kinds.pods, pod);
      await world.create(kind as Kind, make(namespace, 1));
      const ref = { namespace, name: 'stray' };
      const adopted = await world.until(kinds.pods, ref, (found) => found?.metadata.ownerReferences?.length === 1);
      expect(adopted?.metadata.ownerReferences?.[0]).toMatchObject({ name: 'web', controller: true });
      expect(world.pods(namespace)).toHaveLength(1);
      await world.patch(kinds.pods, ref, { metadata: { labels: { app: 'other' } } });
      await world.until(kinds.pods, ref, (found) => !found?.metadata.ownerReferences?.length);
      await world.untilPods(namespace, (found) => found.length === 2);
    });

    it('are scaled, changed, and have their status written', async () => {
      const { ref, untilReady, untilStatus } = await start(1);
      await untilReady(1);
      await untilStatus(1);
      expect(await world.scaleOf(kind, ref)).toMatchObject({
        spec: { replicas: 1 },
        status: { replicas: 1, selector: 'app=web' },
      });
      await world.patch(kind, ref, { spec: { replicas: 3 } }, { subresource: 'scale' });
      await untilReady(3);
      await untilStatus(3);
      const condition = { type: 'Checked', status: 'True', reason: 'Test', message: 'by a test' };
      await world.patch(kind, ref, { status: { conditions: [condition] } }, { subresource: 'status' });
      const current = await world.patch(kind, ref, {
        metadata: { annotations: { seen: 'yes' } },
        spec: { replicas: 2 },
      });
      expect(current.status?.conditions).toEqual([condition]);
      await untilReady(2);
      const { client, signal } = world.plane;
      await client.update(kind, { ...current, spec: { ...current.spec, replicas: 1 } }, { signal }).catch(async () => {
        const fresh = await world.get(kind, ref);
        await client.update(kind, { ...fresh, spec: { ...fresh.spec, replicas: 1 } }, { signal });
      });
      await untilReady(1);
    });

    it('go with others of their labels, and their pods with them', async () => {
      const { client, signal } = world.plane;
      const { namespace, untilReady } = await start(2);
      await untilReady(2);
      const { items } = await client.list(kind, { namespace, labelSelector: 'team=a', signal });
      expect(items).toHaveLength(1);
      await client.deleteCollection(kind, {
        namespace,
        labelSelector: 'team=a',
        propagationPolicy: 'Background',
        signal,
      });
      await world.untilPods(namespace, (found) => found.length === 0);
    });

    it('say which quota forbids the next pod, ask ever more seldom, and go on when there is room', async () => {
      const namespace = await world.namespace();
      const quota = {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { namespace, name: 'few' },
        spec: { hard: { pods: '1' } },
      };
      await world.create(kinds.resourceQuotas, quota);
      await world.until(kinds.resourceQuotas, { namespace, name: 'few' }, (found) => found?.status?.hard?.pods === '1');
      const startedMs = performance.now();
      await world.create(kind as Kind, make(namespace, 3));
      const failed = await world.until(kind, { namespace, name: 'web' }, (found) =>
        found?.status?.conditions?.some(({ type, status }) => type === 'ReplicaFailure' && status === 'True'),
      );
      const [condition] = failed?.status?.conditions ?? [];
      expect(condition).toMatchObject({
        reason: 'FailedCreate',
        message: expect.stringContaining('exceeded quota: few'),
      });
      // Twice as long after each refusal: 5 ms, 10 ms ... and one or two attempts besides, for its own writes.
      await world.told(namespace, 'FailedCreate', 9);
      expect(performance.now() - startedMs).toBeGreaterThan(5 + 10 + 20 + 40 + 80 + 160);
      await world.patch(kinds.resourceQuotas, { namespace, name: 'few' }, { spec: { hard: { pods: '5' } } });
      await world.untilPods(namespace, (found) => found.length === 3 && found.every(isReady));
      await world.until(kind, { namespace, name: 'web' }, (found) => !found?.status?.conditions?.length);
    });
  });
});
