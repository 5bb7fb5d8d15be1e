import { StatusError } from '@slipway/api/status-error';
import type { KubeObject, PersistentVolumeClaim, Pod, StatefulSet } from '@slipway/api/types';
import { type Kind, keyOf, kinds, type ObjectKey } from '@slipway/client/kinds';
import fc from 'fast-check';
import { indexOn } from '../../runtime/controller-definition.ts';
import { orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import type { Step } from '../../runtime/step.ts';
import { aPod, aStatefulSet, withImage } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { FailedPods } from '../failed-pods.ts';
import { observeStatefulSet } from './observe.ts';
import { planStatefulSet } from './plan.ts';

const key = 'shop/web';

function aWorld(replicas: number, more: Partial<StatefulSet['spec']> = {}) {
  const world = new PlanWorld([
    indexOn(kinds.pods, orphanIndex, orphanNamespace),
    indexOn(kinds.controllerRevisions, orphanIndex, orphanNamespace),
  ]);
  const failures = new FailedPods();
  const controller = {
    observe: (k: ObjectKey) => observeStatefulSet(k, world, failures, world.nowMs),
    plan: planStatefulSet,
  };
  world.put(kinds.statefulSets, aStatefulSet(replicas, more));
  const set = () => world.get(kinds.statefulSets, key) as StatefulSet;
  const look = () => world.look(controller, kinds.statefulSets, key);
  const change = (spec: Partial<StatefulSet['spec']>) => {
    const { metadata } = set();
    const generation = (metadata.generation ?? 0) + 1;
    world.put(kinds.statefulSets, {
      ...set(),
      metadata: { ...metadata, generation },
      spec: { ...set().spec, ...spec },
    });
  };
  const pod = (ordinal: number) => world.get(kinds.pods, `shop/web-${ordinal}`);
  const report = (ordinal: number, status: Pod['status']) => {
    const found = pod(ordinal);
    if (found) world.put(kinds.pods, { ...found, status });
  };
  const ready = (ordinal: number) => report(ordinal, aPod({ ready: true, readySinceMs: world.nowMs }).status);
  const stuck = (ordinal: number) =>
    report(ordinal, {
      phase: 'Pending',
      containerStatuses: [
        {
          name: 'web',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { waiting: { reason: 'ImagePullBackOff' } },
        },
      ],
    });
  const names = () => world.list(kinds.pods).map(({ metadata }) => metadata.name);
  const image = (ordinal: number) => pod(ordinal)?.spec.containers[0]?.image;
  /** Looks and makes every pod ready until nothing happens any more. */
  const run = () => {
    for (let i = 0; i < 100; i++) {
      const plan = look();
      const starting = world.list(kinds.pods).filter(({ status }) => status?.phase !== 'Running' || !status.conditions);
      for (const { metadata } of starting) ready(Number(metadata.name?.split('-')[1]));
      if (plan?.steps.length === 0 && starting.length === 0) return plan;
    }
    throw new Error('does not come to rest');
  };
  return { world, controller, set, look, change, pod, report, ready, stuck, names, image, run };
}

const data = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } } as PersistentVolumeClaim;

describe('planStatefulSet', () => {
  it('makes one pod after the other, each with its identity, when the one before is ready', () => {
    const { look, names, pod, ready, world } = aWorld(2);
    look();
    look();
    expect(names()).toEqual(['web-0']);
    expect(pod(0)).toMatchObject({
      metadata: {
        labels: {
          app: 'web',
          'statefulset.kubernetes.io/pod-name': 'web-0',
          'apps.kubernetes.io/pod-index': '0',
          'controller-revision-hash': expect.stringMatching(/^web-\w+$/),
        },
      },
      spec: { hostname: 'web-0', subdomain: 'web' },
    });
    ready(0);
    look();
    expect(names()).toEqual(['web-0', 'web-1']);
    expect(world.told).toEqual([
      'create Pod web-0 in StatefulSet web successful',
      'create Pod web-1 in StatefulSet web successful',
    ]);
  });

  it('makes all at once where the set is parallel, from the first ordinal on', () => {
    const { look, names } = aWorld(3, { podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
    look();
    expect(names()).toEqual(['web-5', 'web-6', 'web-7']);
  });

  it('waits until a ready pod has been so for minReadySeconds', () => {
    const { look, names, ready, world } = aWorld(2, { minReadySeconds: 10 });
    look();
    ready(0);
    expect(look()).toMatchObject({ again: { afterMs: 10_000 }, status: { readyReplicas: 1, availableReplicas: 0 } });
    world.nowMs += 10_000;
    look();
    expect(names()).toEqual(['web-0', 'web-1']);
  });

  it('scales away from the highest ordinal, and waits while a lower pod is not ready', () => {
    const { change, look, names, report, ready, run } = aWorld(3);
    run();
    change({ replicas: 1 });
    report(0, { phase: 'Running' });
    expect(look()?.steps).toEqual([]);
    ready(0);
    look();
    expect(names()).toEqual(['web-0', 'web-1']);
    look();
    expect(names()).toEqual(['web-0']);
  });

  it('replaces pods that ended, in their turn', () => {
    const { look, names, report, run } = aWorld(2);
    run();
    report(0, { phase: 'Failed', reason: 'Evicted' });
    look();
    expect(names()).toEqual(['web-1']);
    look();
    expect(names()).toEqual(['web-1', 'web-0']);
  });

  it('replaces a pod that ends again and again ever more slowly', () => {
    const { look, report, names, world } = aWorld(1);
    look();
    const waits: (number | undefined)[] = [];
    for (let i = 0; i < 4; i++) {
      report(0, { phase: 'Failed', reason: 'OutOfcpu' });
      const plan = look();
      waits.push(plan?.again?.afterMs);
      world.nowMs += plan?.again?.afterMs ?? 0;
      if (plan?.again) look();
      expect(names()).toEqual([]);
      look();
    }
    expect(waits).toEqual([undefined, 1000, 2000, 4000]);
  });

  it('updates from the highest ordinal down, one at a time, and then calls the new revision current', () => {
    const { change, look, names, image, ready, run, set } = aWorld(3);
    run();
    const former = set().status?.currentRevision;
    change({ template: withImage('web:2') });
    look();
    expect(names()).toEqual(['web-0', 'web-1']);
    look();
    expect(look()?.steps).toEqual([]);
    expect(set().status).toMatchObject({ currentRevision: former, currentReplicas: 2, updatedReplicas: 1 });
    ready(2);
    look();
    expect(names()).toEqual(['web-0', 'web-2']);
    run();
    expect([0, 1, 2].map(image)).toEqual(['web:2', 'web:2', 'web:2']);
    const { currentRevision, updateRevision } = set().status ?? {};
    expect(currentRevision).toBe(updateRevision);
    expect(currentRevision).not.toBe(former);
  });

  it('replaces as many at once as may be unavailable, a share rounded up', () => {
    const rollingUpdate = { partition: 0, maxUnavailable: '30%' };
    const { change, look, names, run } = aWorld(5, { updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
    run();
    change({ template: withImage('web:2') });
    look();
    expect(names()).toEqual(['web-0', 'web-1', 'web-2']);
  });

  it('keeps the former template below the partition, also for pods that are made anew', () => {
    const { change, world, image, run, set } = aWorld(3);
    run();
    change({
      template: withImage('web:2'),
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
    });
    run();
    world.remove(kinds.pods, 'shop/web-0');
    run();
    expect([0, 1, 2].map(image)).toEqual(['web:1', 'web:1', 'web:2']);
    expect(set().status).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
  });

  it('replaces pods of a former template only after somebody has deleted them, when so told', () => {
    const { change, world, image, look, run, set } = aWorld(2, { updateStrategy: { type: 'OnDelete' } });
    run();
    change({ template: withImage('web:2') });
    expect(look()?.steps.map(({ op }) => op)).toEqual(['create']);
    expect(look()?.steps).toEqual([]);
    for (const ordinal of [1, 0]) {
      world.remove(kinds.pods, `shop/web-${ordinal}`);
      run();
      expect(image(ordinal)).toBe('web:2');
    }
    expect(set().status?.currentRevision).toBe(set().status?.updateRevision);
  });

  it('gives a template that comes back its revision again, with the highest number', () => {
    const { change, world, run } = aWorld(1);
    run();
    change({ template: withImage('web:2') });
    run();
    change({ template: withImage('web:1') });
    run();
    const revisions = world.list(kinds.controllerRevisions);
    expect(revisions.map(({ revision }) => revision).sort()).toEqual([2, 3]);
    expect(revisions.find(({ revision }) => revision === 3)?.data).toMatchObject({
      spec: { template: { $patch: 'replace', spec: { containers: [{ image: 'web:1' }] } } },
    });
  });

  it('forgets the oldest revisions beyond the limit that no pod has', () => {
    const { change, world, run } = aWorld(1, { revisionHistoryLimit: 2 });
    for (let i = 1; i <= 6; i++) {
      change({ template: withImage(`web:${i}`) });
      run();
    }
    expect(world.list(kinds.controllerRevisions).map(({ revision }) => revision)).toEqual([4, 5, 6]);
    change({ revisionHistoryLimit: -1 });
    expect(run()?.steps).toEqual([]);
  });

  it('takes another name for a revision whose name is taken', () => {
    const { world, look, set } = aWorld(1);
    look();
    const [taken] = world.list(kinds.controllerRevisions);
    if (!taken) throw new Error('no revision');
    const { ownerReferences: _, ...metadata } = taken.metadata;
    world.put(kinds.controllerRevisions, { ...taken, metadata: { ...metadata, labels: { app: 'other' } } });
    look();
    expect(set().status?.collisionCount).toBe(1);
    look();
    expect(world.list(kinds.controllerRevisions)).toHaveLength(2);
  });

  it('adopts the pods and revisions that a deleted set of this name has left, without a restart', () => {
    const { world, set, run } = aWorld(2);
    run();
    const leave = <T extends KubeObject>(kind: Kind<T>) => {
      for (const object of world.list(kind)) {
        const { ownerReferences: _, ...metadata } = object.metadata;
        world.put(kind, { ...object, metadata });
      }
    };
    leave(kinds.pods);
    leave(kinds.controllerRevisions);
    const pods = world.list(kinds.pods).map(({ metadata }) => metadata.uid);
    world.remove(kinds.statefulSets, key);
    world.put(kinds.statefulSets, aStatefulSet(2));
    run();
    expect(world.list(kinds.pods).map(({ metadata }) => metadata.uid)).toEqual(pods);
    expect(
      world.list(kinds.pods).every(({ metadata }) => metadata.ownerReferences?.[0]?.uid === set().metadata.uid),
    ).toBe(true);
    expect(world.list(kinds.controllerRevisions)).toHaveLength(1);
  });

  it('restarts nothing for a copy of its revision that appears', () => {
    const { world, run } = aWorld(2);
    run();
    const [revision] = world.list(kinds.controllerRevisions);
    if (!revision) throw new Error('no revision');
    const pods = world.list(kinds.pods).map(({ metadata }) => metadata.uid);
    const { ownerReferences: _, uid: __, ...metadata } = revision.metadata;
    world.put(kinds.controllerRevisions, { ...revision, metadata: { ...metadata, name: `${metadata.name}-copy` } });
    run();
    expect(world.list(kinds.pods).map((pod) => pod.metadata.uid)).toEqual(pods);
    expect(world.list(kinds.controllerRevisions).map((found) => found.metadata.ownerReferences?.length)).toEqual([
      1, 1,
    ]);
  });

  it('says in a condition why a pod could not be made, until it can', () => {
    const { world, controller, set, run } = aWorld(1);
    const observed = controller.observe(key);
    const plan = observed && controller.plan(observed, world.nowMs);
    const step = plan?.steps.find(({ op, ...rest }) => op === 'create' && 'kind' in rest && rest.kind === kinds.pods);
    const status = step && plan?.statusAfterFailure?.({ step, error: new StatusError('Forbidden', 'exceeded quota') });
    expect(status).toMatchObject({
      conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }],
    });
    if (typeof status !== 'object') throw new Error('no status');
    world.put(kinds.statefulSets, { ...set(), status });
    run();
    expect(set().status).not.toHaveProperty('conditions');
  });

  it('does nothing while it is being deleted', () => {
    const { world, set, look } = aWorld(2);
    world.put(kinds.statefulSets, {
      ...set(),
      metadata: { ...set().metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    expect(look()?.steps).toEqual([]);
  });
});

describe('a rollout that cannot work', () => {
  it('goes back when the template does: the pod that never became ready makes way', () => {
    const { change, look, image, names, run, set } = aWorld(3);
    run();
    change({ template: withImage('broken') });
    look();
    look();
    expect(image(2)).toBe('broken');
    change({ template: withImage('web:1') });
    look();
    expect(names()).toEqual(['web-0', 'web-1']);
    run();
    expect([0, 1, 2].map(image)).toEqual(['web:1', 'web:1', 'web:1']);
    expect(set().status).toMatchObject({ readyReplicas: 3, updatedReplicas: 3 });
  });

  it('lets a corrected template through to pods that could not run from the start', () => {
    const { change, look, image, run, stuck } = aWorld(2, { template: withImage('broken') });
    look();
    stuck(0);
    change({ template: withImage('web:1') });
    run();
    expect([0, 1].map(image)).toEqual(['web:1', 'web:1']);
  });

  it.each<[string, Partial<StatefulSet['spec']>]>([
    ['below the partition', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }],
    ['where pods are only replaced by hand', { updateStrategy: { type: 'OnDelete' } }],
  ])('touches no pod %s', (_, more) => {
    const { change, look, image, stuck } = aWorld(1, more);
    look();
    stuck(0);
    change({ template: withImage('web:2') });
    look();
    expect(look()?.steps).toEqual([]);
    expect(image(0)).toBe('web:1');
  });

  it('of a parallel set first replaces what does not serve, whatever the reason, and then the others as far as allowed', () => {
    const { change, look, names, report, run, image } = aWorld(3, { podManagementPolicy: 'Parallel' });
    run();
    report(0, { phase: 'Running' });
    change({ template: withImage('web:2') });
    look();
    expect(names()).toEqual(['web-1', 'web-2']);
    look();
    expect(look()?.steps).toEqual([]);
    run();
    expect([0, 1, 2].map(image)).toEqual(['web:2', 'web:2', 'web:2']);
  });

  it('waits for a pod of a rollout that was given up when it is ready, though not yet for minReadySeconds', () => {
    const { change, look, names, ready, run, world } = aWorld(2, { minReadySeconds: 60 });
    look();
    ready(0);
    world.nowMs += 60_000;
    look();
    ready(1);
    world.nowMs += 60_000;
    run();
    change({ template: withImage('web:2') });
    look();
    look();
    ready(1);
    change({ template: withImage('web:3') });
    look();
    expect(look()?.steps).toEqual([]);
    world.nowMs += 60_000;
    look();
    expect(names()).toEqual(['web-0']);
  });

  it('leaves a pod alone that is merely not ready yet, or stuck with the template that is wanted', () => {
    const { change, look, report, stuck } = aWorld(1);
    look();
    stuck(0);
    expect(look()?.steps).toEqual([]);
    report(0, { phase: 'Running' });
    change({ template: withImage('web:2') });
    look();
    expect(look()?.steps).toEqual([]);
  });
});

describe('claims', () => {
  const claimed = { volumeClaimTemplates: [data] };

  it('are there before the pod, and stay when it goes', () => {
    const { change, look, world, pod, run } = aWorld(2, claimed);
    expect(look()?.steps.map((step) => step.op !== 'event' && step.kind.resource)).toEqual([
      'controllerrevisions',
      'persistentvolumeclaims',
      'pods',
    ]);
    expect(pod(0)?.spec.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'data-web-0' } }]);
    run();
    change({ replicas: 0 });
    run();
    expect(world.list(kinds.persistentVolumeClaims).map(({ metadata }) => metadata)).toEqual([
      expect.objectContaining({ name: 'data-web-0', labels: { app: 'web' } }),
      expect.objectContaining({ name: 'data-web-1' }),
    ]);
  });

  it('are made anew for a pod that is still pending', () => {
    const { look, report, world } = aWorld(1, claimed);
    look();
    report(0, { phase: 'Pending' });
    world.remove(kinds.persistentVolumeClaims, 'shop/data-web-0');
    look();
    expect(world.list(kinds.persistentVolumeClaims)).toHaveLength(1);
  });

  it('that are being deleted are waited for, and the set says so', () => {
    const { look, world, names, run } = aWorld(1, claimed);
    run();
    world.remove(kinds.pods, 'shop/web-0');
    const claim = world.get(kinds.persistentVolumeClaims, 'shop/data-web-0') as PersistentVolumeClaim;
    world.put(kinds.persistentVolumeClaims, {
      ...claim,
      metadata: { ...claim.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    look();
    expect(names()).toEqual([]);
    expect(world.told.at(-1)).toBe('create Pod web-0 in StatefulSet web failed error: pvc data-web-0 is being deleted');
    world.remove(kinds.persistentVolumeClaims, 'shop/data-web-0');
    look();
    expect(names()).toEqual(['web-0']);
  });

  it.each([
    ['Retain', 'Retain', [], []],
    ['Retain', 'Delete', [], ['Pod web-1']],
    ['Delete', 'Retain', ['StatefulSet web'], ['StatefulSet web']],
    ['Delete', 'Delete', ['StatefulSet web'], ['Pod web-1']],
  ])('whenDeleted %s, whenScaled %s: belong to %j, scaled away to %j', (whenDeleted, whenScaled, kept, scaled) => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted, whenScaled };
    const { change, look, world, run } = aWorld(2, { ...claimed, persistentVolumeClaimRetentionPolicy });
    const ownersOf = (name: string) =>
      world
        .get(kinds.persistentVolumeClaims, `shop/${name}`)
        ?.metadata.ownerReferences?.map((owner) => `${owner.kind} ${owner.name}`) ?? [];
    run();
    expect(ownersOf('data-web-1')).toEqual(kept);
    change({ replicas: 1 });
    look();
    expect(ownersOf('data-web-1')).toEqual(scaled);
    expect(ownersOf('data-web-0')).toEqual(kept);
  });

  it('follow a change of the policy, and leave other owners alone', () => {
    const { change, world, run } = aWorld(1, claimed);
    run();
    const claim = world.get(kinds.persistentVolumeClaims, 'shop/data-web-0') as PersistentVolumeClaim;
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'backup', uid: 'u' };
    world.put(kinds.persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, ownerReferences: [other] } });
    const owners = () => world.list(kinds.persistentVolumeClaims)[0]?.metadata.ownerReferences?.map(({ kind }) => kind);
    change({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } });
    run();
    expect(owners()).toEqual(['ConfigMap', 'StatefulSet']);
    change({ persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain' } });
    run();
    expect(owners()).toEqual(['ConfigMap']);
  });
});

describe('whatever happens', () => {
  const happening = fc.oneof(
    fc.record({ ready: fc.nat(4) }),
    fc.record({ unready: fc.nat(4) }),
    fc.record({ stuck: fc.nat(4) }),
    fc.record({ end: fc.nat(4) }),
    fc.record({ lose: fc.nat(4) }),
    fc.record({ replicas: fc.nat(4) }),
    fc.record({ image: fc.constantFrom('web:1', 'web:2', 'web:3') }),
    fc.record({ partition: fc.nat(4) }),
  );
  type Happening = {
    ready?: number;
    unready?: number;
    stuck?: number;
    end?: number;
    lose?: number;
    replicas?: number;
    image?: string;
    partition?: number;
  };
  const isAvailable = (pod: Pod | undefined) => pod?.status?.phase === 'Running' && pod.status.conditions !== undefined;

  function let_(what: Happening, cluster: ReturnType<typeof aWorld>): void {
    const { world, change, ready, report, stuck } = cluster;
    if (what.ready !== undefined) ready(what.ready);
    if (what.unready !== undefined) report(what.unready, { phase: 'Running' });
    if (what.stuck !== undefined) stuck(what.stuck);
    if (what.end !== undefined) report(what.end, { phase: 'Failed' });
    if (what.lose !== undefined) world.remove(kinds.pods, `shop/web-${what.lose}`);
    if (what.replicas !== undefined) change({ replicas: what.replicas });
    if (what.image !== undefined) change({ template: withImage(what.image) });
    if (what.partition !== undefined) {
      change({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: what.partition } } });
    }
  }

  it('an ordered set adds a pod only above available ones, and takes an available one only when all are', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        const cluster = aWorld(3);
        const { world, controller, set, pod, look, run } = cluster;
        for (const what of happenings) {
          let_(what, cluster);
          const replicas = set().spec.replicas ?? 0;
          const before = new Map(world.list(kinds.pods).map((found) => [keyOf(found), found]));
          const places = Array.from({ length: replicas }, (_, i) => before.get(`shop/web-${i}`));
          const steps: readonly Step[] = look()?.steps ?? [];
          for (const step of steps) {
            if (step.op === 'event' || step.kind !== kinds.pods) continue;
            if (step.op === 'create') {
              const ordinal = Number(step.object.metadata.name?.split('-')[1]);
              expect(places.slice(0, ordinal).every(isAvailable)).toBe(true);
            }
            if (step.op === 'delete' && isAvailable(step.target as Pod)) {
              expect(places.every(isAvailable)).toBe(true);
            }
          }
          expect(steps.filter((step) => step.op !== 'event' && step.kind === kinds.pods).length).toBeLessThanOrEqual(1);
        }
        world.nowMs += 3_600_000;
        run();
        const { replicas = 0, updateStrategy, template } = set().spec;
        expect(world.list(kinds.pods)).toHaveLength(replicas);
        for (let i = updateStrategy?.rollingUpdate?.partition ?? 0; i < replicas; i++) {
          expect(pod(i)?.spec.containers).toEqual(template.spec?.containers);
        }
        expectSettles(world, controller, kinds.statefulSets, key);
      }),
      { numRuns: 200 },
    );
  });
});
