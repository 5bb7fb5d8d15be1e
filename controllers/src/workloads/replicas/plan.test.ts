import { StatusError } from '@slipway/api/status-error';
import type { Pod, ReplicaSet, ReplicationController } from '@slipway/api/types';
import { kinds, type ObjectKey } from '@slipway/client/kinds';
import fc from 'fast-check';
import type { Caches } from '../../runtime/caches.ts';
import { indexOn } from '../../runtime/controller-definition.ts';
import { controllerReferenceTo, isControlledBy, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { aPod, aReplicaSet } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { inDeletionOrder } from './deletion-order.ts';
import { replicaSets } from '../replicaset/controller.ts';
import { replicationControllers } from '../replication-controller/controller.ts';
import { type ObservedReplicas, observeReplicas } from './observe.ts';
import { planReplicas } from './plan.ts';

const controller = {
  observe: (key: ObjectKey, caches: Caches) => observeReplicas(replicaSets, key, caches),
  plan: (observed: ObservedReplicas<ReplicaSet>, nowMs: number) => planReplicas(replicaSets, observed, nowMs),
};
const key = 'shop/web';

function aWorld(replicas: number, more = {}) {
  const world = new PlanWorld([indexOn(kinds.pods, orphanIndex, orphanNamespace)]);
  const replicaSet = world.put(kinds.replicaSets, aReplicaSet(replicas, more));
  const own = (pod: Pod) =>
    world.put(kinds.pods, {
      ...pod,
      metadata: { ...pod.metadata, ownerReferences: [controllerReferenceTo(replicaSet)] },
    });
  const look = () => world.look(controller, kinds.replicaSets, key);
  const pods = () => world.list(kinds.pods);
  return { world, replicaSet, own, look, pods };
}

describe('planReplicas', () => {
  it('makes the missing pods from the template, owned and told of', () => {
    const { world, replicaSet, look, pods } = aWorld(2);
    const plan = look();
    expect(plan?.steps).toHaveLength(2);
    expect(pods().every((pod) => isControlledBy(pod, replicaSet))).toBe(true);
    expect(pods()[0]?.metadata).toMatchObject({ generateName: 'web-', namespace: 'shop', labels: { app: 'web' } });
    expect(world.told[0]).toMatch(/^Created pod: web-/);
  });

  it('counts pods that serve, and replaces those that ended or are leaving', () => {
    const { own, look } = aWorld(3);
    own(aPod({ name: 'a', ready: true, node: 'n' }));
    own(aPod({ name: 'b', phase: 'Failed' }));
    own(aPod({ name: 'c', ready: true, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }));
    const plan = look();
    expect(plan?.steps).toHaveLength(2);
    expect(plan?.status).toEqual({
      replicas: 1,
      fullyLabeledReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 1,
    });
  });

  it('waits until a ready pod has been so for minReadySeconds', () => {
    const { world, own, look } = aWorld(1, { minReadySeconds: 10 });
    own(aPod({ name: 'a', ready: true, readySinceMs: world.nowMs - 4000 }));
    const plan = look();
    expect(plan?.status).toMatchObject({ readyReplicas: 1 });
    expect(plan?.status).not.toHaveProperty('availableReplicas');
    expect(plan?.again).toEqual({ afterMs: 6000 });
    world.nowMs += 6000;
    expect(look()?.status).toMatchObject({ availableReplicas: 1 });
  });

  it('adopts matching pods without a controller, and releases those that match no longer', () => {
    const { world, replicaSet, own, look } = aWorld(2);
    world.put(kinds.pods, aPod({ name: 'stray', ready: true }));
    own(aPod({ name: 'relabelled', labels: { app: 'other' } }));
    const plan = look();
    expect(plan?.steps.map(({ op }) => op)).toEqual(['patch', 'patch', 'create']);
    expect(isControlledBy(world.get(kinds.pods, 'shop/stray') as Pod, replicaSet)).toBe(true);
    expect(world.get(kinds.pods, 'shop/relabelled')?.metadata.ownerReferences).toBeUndefined();
  });

  it('neither makes nor removes nor adopts pods while it is being deleted', () => {
    const { world, replicaSet, own, look } = aWorld(3);
    const metadata = { ...replicaSet.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    world.put(kinds.replicaSets, { ...replicaSet, metadata });
    own(aPod({ name: 'a' }));
    world.put(kinds.pods, aPod({ name: 'stray' }));
    expect(look()?.steps).toEqual([]);
  });

  it('says in a condition why pods could not be made, until they can', () => {
    const { world, replicaSet } = aWorld(1);
    const observed = controller.observe(key, world);
    const plan = observed && controller.plan(observed, world.nowMs);
    const [step] = plan?.steps ?? [];
    const error = new StatusError('Forbidden', 'exceeded quota');
    const status = step && plan?.statusAfterFailure?.({ step, error });
    expect(status).toMatchObject({
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }],
    });
    if (typeof status !== 'object') throw new Error('no status');
    world.put(kinds.replicaSets, { ...replicaSet, status });
    expect(world.look(controller, kinds.replicaSets, key)?.status).not.toHaveProperty('conditions');
  });

  it('settles at its size, whatever pods there are', () => {
    const pod = fc.record({
      ready: fc.boolean(),
      node: fc.constantFrom('', 'n1', 'n2'),
      phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
      owned: fc.boolean(),
      matches: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(12), fc.array(pod, { maxLength: 15 }), (replicas, pods) => {
        const { world, replicaSet, own, pods: list } = aWorld(replicas);
        pods.forEach(({ owned, matches, ...options }, i) => {
          const made = aPod({ ...options, name: `p${i}`, labels: { app: matches ? 'web' : 'other' } });
          if (owned) own(made);
          else world.put(kinds.pods, made);
        });
        expectSettles(world, controller, kinds.replicaSets, key);
        const active = list().filter(
          (p) => isControlledBy(p, replicaSet) && p.status?.phase !== 'Succeeded' && p.status?.phase !== 'Failed',
        );
        expect(active).toHaveLength(replicas);
      }),
    );
  });
});

describe('a ReplicationController', () => {
  it('is kept as a ReplicaSet is; its selector is plain labels, and its status does not count pods on their way out', () => {
    const world = new PlanWorld([indexOn(kinds.pods, orphanIndex, orphanNamespace)]);
    const { spec } = aReplicaSet(2);
    const owner: ReplicationController = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { namespace: 'shop', name: 'web', generation: 1 },
      spec: { ...spec, selector: { app: 'web' } },
    };
    world.put(kinds.replicationControllers, owner);
    world.put(kinds.pods, aPod({ name: 'stray' }));
    world.put(kinds.pods, aPod({ name: 'other', labels: { app: 'other' } }));
    const keeper = {
      observe: (k: ObjectKey, caches: Caches) => observeReplicas(replicationControllers, k, caches),
      plan: (observed: ObservedReplicas<ReplicationController>, nowMs: number) =>
        planReplicas(replicationControllers, observed, nowMs),
    };
    expectSettles(world, keeper, kinds.replicationControllers, key);
    const kept = world.get(kinds.replicationControllers, key) as ReplicationController;
    expect(world.list(kinds.pods).filter((pod) => isControlledBy(pod, kept))).toHaveLength(2);
    expect(kept.status).toEqual({ replicas: 2, fullyLabeledReplicas: 2, observedGeneration: 1 });
  });
});

describe('inDeletionOrder', () => {
  const nowMs = Date.UTC(2026, 0, 2);
  const names = (pods: readonly Pod[], crowd = new Map<string, number>()) =>
    inDeletionOrder(pods, crowd, nowMs).map(({ metadata }) => metadata.name);
  const cost = (value: string) => ({ annotations: { 'controller.kubernetes.io/pod-deletion-cost': value } });

  it.each<[string, Pod, Pod]>([
    ['unassigned before assigned', aPod({ name: 'first' }), aPod({ name: 'last', node: 'n' })],
    ['pending before running', aPod({ name: 'first', node: 'n' }), aPod({ name: 'last', node: 'n', phase: 'Running' })],
    [
      'unready before ready',
      aPod({ name: 'first', node: 'n', phase: 'Running' }),
      aPod({ name: 'last', node: 'n', ready: true }),
    ],
    [
      'cheap before dear',
      aPod({ name: 'first', node: 'n', ready: true, metadata: { name: 'first', ...cost('-5') } }),
      aPod({ name: 'last', node: 'n', ready: true, metadata: { name: 'last', ...cost('5') } }),
    ],
    [
      'freshly ready before long ready',
      aPod({ name: 'first', node: 'n', ready: true, readySinceMs: nowMs - 1000 }),
      aPod({ name: 'last', node: 'n', ready: true, readySinceMs: nowMs - 3_600_000 }),
    ],
  ])('%s', (_, first, last) => {
    expect(names([last, first])).toEqual(['first', 'last']);
    expect(names([first, last])).toEqual(['first', 'last']);
  });

  it('from the more crowded node', () => {
    const pods = [aPod({ name: 'last', node: 'b', ready: true }), aPod({ name: 'first', node: 'a', ready: true })];
    expect(names(pods, new Map(Object.entries({ a: 3, b: 1 })))).toEqual(['first', 'last']);
  });
});
