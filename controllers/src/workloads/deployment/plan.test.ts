import type { Deployment, DeploymentSpec, ReplicaSet } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import fc from 'fast-check';
import { indexOn } from '../../runtime/controller-definition.ts';
import { controllerReferenceTo, orphanIndex, orphanNamespace } from '../../runtime/owner.ts';
import { aDeployment, aPod, withImage } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { boundsOf } from './bounds.ts';
import { observeDeployment } from './observe.ts';
import { planDeployment } from './plan.ts';

const controller = { observe: observeDeployment, plan: planDeployment };
const key = 'shop/web';

/** A deployment whose replica sets a test moves by hand. */
class Shop {
  readonly world = new PlanWorld([indexOn(kinds.replicaSets, orphanIndex, orphanNamespace)]);

  constructor(replicas: number, more: Partial<DeploymentSpec> = {}) {
    this.world.put(kinds.deployments, aDeployment(replicas, more));
  }

  get deployment(): Deployment {
    const deployment = this.world.get(kinds.deployments, key);
    if (!deployment) throw new Error('no deployment');
    return deployment;
  }

  get sets(): readonly ReplicaSet[] {
    return this.world.list(kinds.replicaSets);
  }

  set(image: string): ReplicaSet {
    const found = this.sets.find(({ spec }) => spec.template?.spec?.containers[0]?.image === image);
    if (!found) throw new Error(`no replica set of ${image}`);
    return found;
  }

  sizes(): Record<string, number> {
    return Object.fromEntries(
      this.sets.map(({ spec }) => [spec.template?.spec?.containers[0]?.image ?? '', spec.replicas ?? 0]),
    );
  }

  look() {
    return this.world.look(controller, kinds.deployments, key);
  }

  change(spec: Partial<DeploymentSpec>): void {
    const { deployment } = this;
    const metadata = { ...deployment.metadata, generation: (deployment.metadata.generation ?? 0) + 1 };
    this.world.put(kinds.deployments, { ...deployment, metadata, spec: { ...deployment.spec, ...spec } });
  }

  /** A replica set reaches its size, with as many of its pods available as said. */
  report(set: ReplicaSet, available = set.spec.replicas ?? 0): void {
    const { replicas = 0 } = set.spec;
    const status = {
      replicas,
      readyReplicas: available,
      availableReplicas: available,
      terminatingReplicas: 0,
      observedGeneration: 1,
    };
    this.world.put(kinds.replicaSets, { ...set, metadata: { ...set.metadata, generation: 1 }, status });
  }

  /** Looks and lets all pods become available until nothing moves. */
  roll(): void {
    for (let i = 0; i < 50; i++) {
      const steps = this.look()?.steps ?? [];
      for (const set of this.sets) this.report(set);
      if (steps.length === 0 && i > 1) return;
    }
    throw new Error('the rollout does not end');
  }

  condition(type: string) {
    return this.deployment.status?.conditions?.find((condition) => condition.type === type);
  }
}

describe('planDeployment', () => {
  it('makes a replica set named by the hash of the template, and tells of it', () => {
    const shop = new Shop(3);
    shop.look();
    const set = shop.set('web:1');
    const hash = set.metadata.labels?.['pod-template-hash'];
    expect(set.metadata.name).toBe(`web-${hash}`);
    expect(set.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(set.spec.template?.metadata?.labels).toEqual({ app: 'web', 'pod-template-hash': hash });
    expect(set.metadata.annotations).toEqual({
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    });
    expect(shop.deployment.metadata.annotations).toEqual({ 'deployment.kubernetes.io/revision': '1' });
    expect(shop.world.told).toEqual([`Scaled up replica set web-${hash} from 0 to 3`]);
    expect(shop.condition('Progressing')).toMatchObject({ reason: 'NewReplicaSetCreated', status: 'True' });
    expect(shop.condition('Available')).toMatchObject({ reason: 'MinimumReplicasUnavailable', status: 'False' });
  });

  it('says when it is complete', () => {
    const shop = new Shop(3);
    shop.roll();
    expect(shop.deployment.status).toMatchObject({
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
    });
    const name = shop.set('web:1').metadata.name;
    expect(shop.condition('Progressing')).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${name}" has successfully progressed.`,
    });
    expect(shop.condition('Available')).toMatchObject({
      status: 'True',
      message: 'Deployment has minimum availability.',
    });
  });

  it('rolls to a new template within surge and availability', () => {
    const shop = new Shop(4);
    shop.roll();
    shop.change({ template: withImage('web:2') });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 4, 'web:2': 1 });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 3, 'web:2': 1 });
    shop.roll();
    expect(shop.sizes()).toEqual({ 'web:1': 0, 'web:2': 4 });
    expect(shop.set('web:2').metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
  });

  it('gives a template that comes back the next revision and remembers its former one', () => {
    const shop = new Shop(1);
    shop.roll();
    shop.change({ template: withImage('web:2') });
    shop.roll();
    shop.change({ template: withImage('web:1') });
    shop.roll();
    expect(shop.sizes()).toEqual({ 'web:1': 1, 'web:2': 0 });
    expect(shop.set('web:1').metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
    expect(shop.deployment.metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '3' });
  });

  it('keeps a paused deployment from rolling, and lets it be scaled', () => {
    const shop = new Shop(2);
    shop.roll();
    shop.change({ paused: true, template: withImage('web:2') });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 2 });
    expect(shop.condition('Progressing')).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused' });
    shop.change({ replicas: 5 });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 5 });
    shop.change({ paused: false });
    shop.roll();
    expect(shop.sizes()).toEqual({ 'web:1': 0, 'web:2': 5 });
  });

  it('scales a rollout in progress in proportion', () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
    const shop = new Shop(10, { strategy });
    shop.roll();
    shop.change({ template: withImage('web:2') });
    shop.look();
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 8, 'web:2': 3 });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 8, 'web:2': 5 });
    shop.change({ replicas: 15 });
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 11, 'web:2': 7 });
    expect(shop.set('web:1').metadata.annotations?.['deployment.kubernetes.io/desired-replicas']).toBe('15');
  });

  it('recreates only when no pod of the former template is left', () => {
    const shop = new Shop(2, { strategy: { type: 'Recreate' } });
    shop.roll();
    const old = shop.set('web:1');
    const pod = shop.world.put(
      kinds.pods,
      aPod({ metadata: { ownerReferences: [controllerReferenceTo(old)], deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    );
    shop.change({ template: withImage('web:2') });
    shop.look();
    shop.report(shop.set('web:1'));
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 0 });
    shop.world.remove(kinds.pods, `shop/${pod.metadata.name}`);
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:1': 0, 'web:2': 2 });
  });

  it('says that it is stuck when its deadline passes without progress', () => {
    const shop = new Shop(1, { progressDeadlineSeconds: 60 });
    expect(shop.look()?.again).toEqual({ afterMs: 61_000 });
    shop.world.nowMs += 61_000;
    shop.look();
    expect(shop.condition('Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    shop.report(shop.set('web:1'));
    shop.look();
    expect(shop.condition('Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  it('takes another hash when the name is taken', () => {
    const shop = new Shop(1);
    const observed = controller.observe(key, shop.world);
    const plan = observed && controller.plan(observed, shop.world.nowMs);
    const create = plan?.steps[0];
    if (create?.op !== 'create') throw new Error('no create step');
    const { name } = create.object.metadata;
    shop.world.put(kinds.replicaSets, { ...(create.object as ReplicaSet), metadata: { namespace: 'shop', name } });
    shop.look();
    expect(shop.deployment.status?.collisionCount).toBe(1);
    shop.look();
    expect(shop.sets.filter(({ metadata }) => metadata.ownerReferences)).toHaveLength(1);
  });

  it('keeps as many former replica sets as asked', () => {
    const shop = new Shop(1, { revisionHistoryLimit: 1 });
    for (const image of ['web:1', 'web:2', 'web:3']) {
      shop.change({ template: withImage(image) });
      shop.roll();
    }
    expect(shop.sizes()).toEqual({ 'web:2': 0, 'web:3': 1 });
  });

  it('does not count on pods of a replica set that a stale status still calls available', () => {
    const shop = new Shop(2, {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
    });
    for (const image of ['web:2', 'web:1']) {
      shop.change({ template: withImage(image) });
      shop.look();
    }
    for (let i = 0; i < 2; i++) shop.look();
    for (const set of shop.sets) shop.report(set);
    shop.look();
    expect(shop.sizes()).toEqual({ 'web:2': 0, 'web:1': 1 });
    shop.look();
    shop.change({ template: withImage('web:2') });
    shop.look();
    expect(shop.sizes()['web:1']).toBe(1);
  });

  it('never exceeds surge, never falls below what it promised, and arrives', () => {
    const move = fc.oneof(
      fc.record({ image: fc.constantFrom('web:1', 'web:2', 'web:3') }),
      fc.record({ available: fc.array(fc.nat(100), { minLength: 3, maxLength: 3 }) }),
    );
    const bound = fc.oneof(fc.nat(5), fc.constantFrom('0%', '25%', '50%', '100%'));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        bound,
        bound,
        fc.array(move, { maxLength: 25 }),
        (replicas, maxSurge, maxUnavailable, moves) => {
          const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } };
          const shop = new Shop(replicas, { strategy });
          const bounds = boundsOf(shop.deployment);
          for (const next of moves) {
            if ('image' in next) shop.change({ template: withImage(next.image) });
            else {
              shop.sets.forEach((set, i) => {
                shop.report(set, Math.round(((set.spec.replicas ?? 0) * (next.available[i % 3] ?? 0)) / 100));
              });
            }
            const before = available(shop);
            shop.look();
            expect(total(shop)).toBeLessThanOrEqual(replicas + bounds.maxSurge);
            const promised = replicas - bounds.maxUnavailable;
            expect(available(shop)).toBeGreaterThanOrEqual(Math.min(before, promised));
          }
          shop.roll();
          expectSettles(shop.world, controller, kinds.deployments, key);
          const current = shop.deployment.spec.template.spec?.containers[0]?.image ?? '';
          expect(Object.entries(shop.sizes()).filter(([, size]) => size > 0)).toEqual([[current, replicas]]);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const total = (shop: Shop) => shop.sets.reduce((sum, { spec }) => sum + (spec.replicas ?? 0), 0);

/** Replica sets remove unavailable pods first, so of what is available at most the size stays. */
const available = (shop: Shop) =>
  shop.sets.reduce((sum, { spec, status }) => sum + Math.min(spec.replicas ?? 0, status?.availableReplicas ?? 0), 0);
