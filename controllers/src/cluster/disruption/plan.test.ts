import type { Deployment, KubeObject, Pod, PodDisruptionBudget, PodDisruptionBudgetSpec } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { indexOn } from '../../runtime/controller-definition.ts';
import { controllerReferenceTo } from '../../runtime/owner.ts';
import { aDeployment, aPod, aReplicaSet } from '../../testing/builders.ts';
import { expectSettles } from '../../testing/plan-laws.ts';
import { PlanWorld } from '../../testing/plan-world.ts';
import { observeBudget } from './observe.ts';
import { definedKind, definedKindIndex } from './owners.ts';
import { planBudget } from './plan.ts';

const { podDisruptionBudgets: budgets } = kinds;
const controller = { observe: observeBudget, plan: planBudget };
const key = 'shop/web';

/** A budget over the pods of `app: web`, which a test makes. */
class Shop {
  readonly world = new PlanWorld([indexOn(kinds.customResourceDefinitions, definedKindIndex, definedKind)]);

  constructor(spec: Partial<PodDisruptionBudgetSpec>) {
    this.world.put(budgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace: 'shop', name: 'web', generation: 1 },
      spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
    });
  }

  pods(owner: KubeObject | undefined, count: number, ready = count): void {
    for (let i = 0; i < count; i++) this.pod(`${owner?.metadata.name ?? 'lone'}-${i}`, owner, i < ready);
  }

  pod(name: string, owner: KubeObject | undefined, ready: boolean): Pod {
    const pod = aPod({ name, ready, node: 'n' });
    const ownerReferences = owner ? [controllerReferenceTo(owner)] : [];
    return this.world.put(kinds.pods, { ...pod, metadata: { ...pod.metadata, ownerReferences } });
  }

  replicaSet(name: string, replicas: number, owner?: Deployment) {
    const ownerReferences = owner ? [controllerReferenceTo(owner)] : [];
    const set = aReplicaSet(replicas);
    return this.world.put(kinds.replicaSets, { ...set, metadata: { ...set.metadata, name, ownerReferences } });
  }

  look(): NonNullable<PodDisruptionBudget['status']> {
    this.world.look(controller, budgets, key);
    return this.budget.status ?? ({} as never);
  }

  get budget(): PodDisruptionBudget {
    return this.world.get(budgets, key) as PodDisruptionBudget;
  }

  evicted(name: string): void {
    const { status } = this.budget;
    const disruptedPods = { ...status?.disruptedPods, [name]: formatTime(this.world.nowMs) };
    const disruptionsAllowed = (status?.disruptionsAllowed ?? 0) - 1;
    this.world.put(budgets, { ...this.budget, status: { ...this.look(), disruptionsAllowed, disruptedPods } });
  }
}

const counts = ({ currentHealthy, desiredHealthy, disruptionsAllowed, expectedPods }: ReturnType<Shop['look']>) =>
  [expectedPods, desiredHealthy, currentHealthy, disruptionsAllowed] as const;

describe('planBudget', () => {
  it.each<[Partial<PodDisruptionBudgetSpec>, readonly number[]]>([
    [{ minAvailable: 3 }, [4, 3, 4, 1]],
    [{ minAvailable: 5 }, [4, 5, 4, 0]],
    [{ minAvailable: '50%' }, [5, 3, 4, 1]],
    [{ minAvailable: '100%' }, [5, 5, 4, 0]],
    [{ maxUnavailable: 2 }, [5, 3, 4, 1]],
    [{ maxUnavailable: 9 }, [5, 0, 4, 4]],
    [{ maxUnavailable: '30%' }, [5, 3, 4, 1]],
    [{ maxUnavailable: 0 }, [5, 5, 4, 0]],
    [{}, [0, 0, 4, 0]],
  ])('%j over 4 healthy pods of 5 wanted: expected, desired, healthy and allowed are %j', (spec, expected) => {
    const shop = new Shop(spec);
    shop.pods(shop.replicaSet('rs', 5), 4);
    expect(counts(shop.look())).toEqual(expected);
    expectSettles(shop.world, controller, budgets, key);
  });

  it('says whether pods may be disrupted, and since when', () => {
    const shop = new Shop({ minAvailable: 1 });
    shop.pods(undefined, 1);
    expect(shop.look().conditions).toEqual([
      {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'InsufficientPods',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration: 1,
      },
    ]);
    shop.world.nowMs += 60_000;
    shop.pods(undefined, 2);
    expect(shop.look().conditions).toMatchObject([
      { status: 'True', reason: 'SufficientPods', lastTransitionTime: '2026-01-01T00:01:00Z' },
    ]);
  });

  it('counts a deployment once while both of its replica sets have pods', () => {
    const shop = new Shop({ maxUnavailable: 1 });
    const deployment = shop.world.put(kinds.deployments, aDeployment(4));
    shop.pods(shop.replicaSet('old', 2, deployment), 2);
    shop.pods(shop.replicaSet('new', 3, deployment), 3);
    expect(counts(shop.look())).toEqual([4, 3, 5, 2]);
  });

  it('takes the scale of a custom kind from the field that its definition names', () => {
    const shop = new Shop({ minAvailable: '50%' });
    const widgets: Kind = {
      group: 'example.com',
      version: 'v1',
      resource: 'widgets',
      kind: 'Widget',
      namespaced: true,
    };
    const subresources = { scale: { specReplicasPath: '.spec.size.count', statusReplicasPath: '.status.count' } };
    shop.world.put(kinds.customResourceDefinitions, definition(subresources));
    const spec = { size: { count: 8 } };
    const metadata = { namespace: 'shop', name: 'w' };
    const widget = shop.world.put(widgets, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata,
      spec,
    } as KubeObject);
    shop.pods(widget, 6);
    expect(counts(shop.look())).toEqual([8, 4, 6, 2]);
  });

  it.each<[string, (shop: Shop) => void]>([
    [
      'found no controllers for pod "rs-0"',
      (shop) => shop.pods({ ...aReplicaSet(1), metadata: { name: 'rs', uid: 'gone' } }, 1),
    ],
    ['jobs.batch does not implement the scale subresource', (shop) => shop.pods(ownerOf('batch/v1', 'Job'), 1)],
    ['nodes does not implement the scale subresource', (shop) => shop.pods(ownerOf('v1', 'Node'), 1)],
    [
      'no matches for kind "Widget" in version "example.com/v1"',
      (shop) => shop.pods(ownerOf('example.com/v1', 'Widget'), 1),
    ],
    [
      'widgets.example.com does not implement the scale subresource',
      (shop) => {
        shop.world.put(kinds.customResourceDefinitions, definition({}));
        shop.pods(ownerOf('example.com/v1', 'Widget'), 1);
      },
    ],
  ])('allows nothing and says why: %s', (message, prepare) => {
    const shop = new Shop({ maxUnavailable: 1 });
    prepare(shop);
    const status = shop.look();
    expect(status.disruptionsAllowed).toBe(0);
    expect(status.conditions).toMatchObject([{ status: 'False', reason: 'SyncFailed', message }]);
    expect(shop.world.told).toEqual([`Failed to calculate the number of expected pods: ${message}`]);
    shop.look();
    expect(shop.world.told).toHaveLength(1);
  });

  it('goes on when what failed is mended', () => {
    const shop = new Shop({ maxUnavailable: 1 });
    shop.pods(ownerOf('batch/v1', 'Job'), 1);
    shop.look();
    shop.world.remove(kinds.pods, 'shop/owner-0');
    shop.pods(shop.replicaSet('rs', 2), 2);
    expect(counts(shop.look())).toEqual([2, 1, 2, 1]);
    expect(shop.look().conditions).toMatchObject([{ status: 'True', reason: 'SufficientPods', message: '' }]);
  });

  it('tells that nothing matches, and that pods have no owner, once', () => {
    const shop = new Shop({ maxUnavailable: 1 });
    shop.look();
    shop.pods(undefined, 2);
    shop.look();
    shop.look();
    expect(shop.world.told).toEqual([
      'No matching pods found',
      'Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: web,},' +
        'MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged. As a result, the status of the PDB ' +
        'cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ' +
        '".spec.minAvailable" field of the PDB to an integer value.',
    ]);
  });

  it('holds an evicted pod for gone until it goes, or two minutes long', () => {
    const shop = new Shop({ minAvailable: 2 });
    const set = shop.replicaSet('rs', 4);
    shop.pods(set, 4);
    shop.look();
    shop.evicted('rs-0');
    shop.evicted('rs-1');
    expect(counts(shop.look())).toEqual([4, 2, 2, 0]);
    expect(shop.world.look(controller, budgets, key)?.again).toEqual({ afterMs: 120_000 });
    shop.world.remove(kinds.pods, 'shop/rs-0');
    expect(shop.look().disruptedPods).toEqual({ 'rs-1': '2026-01-01T00:00:00Z' });
    shop.world.nowMs += 120_000;
    const status = shop.look();
    expect(counts(status)).toEqual([3, 2, 3, 1]);
    expect(status.disruptedPods).toBeUndefined();
    expect(shop.world.told).toEqual(["Pod was expected by PDB shop/web to be deleted but it wasn't"]);
  });

  it('counts neither pods that are being deleted nor those that are not ready', () => {
    const shop = new Shop({ minAvailable: 1 });
    shop.pods(undefined, 3, 2);
    const pod = shop.pod('leaving', undefined, true);
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    shop.world.put(kinds.pods, { ...pod, metadata });
    expect(counts(shop.look())).toEqual([4, 1, 2, 1]);
  });

  it('tells of pods that another budget matches as well, once and of a few', () => {
    const shop = new Shop({ minAvailable: 1 });
    const { metadata, ...rest } = shop.budget;
    shop.world.put(budgets, { ...rest, metadata: { ...metadata, name: 'all' } });
    shop.pods(undefined, 12);
    shop.look();
    shop.look();
    expect(shop.world.told).toHaveLength(10);
    expect(shop.world.told[0]).toMatch(/^Pod "shop"\/"lone-\d+" matches multiple PodDisruptionBudgets/);
  });
});

function ownerOf(apiVersion: string, kind: string): KubeObject {
  return { apiVersion, kind, metadata: { name: 'owner', uid: 'owner' } };
}

function definition(subresources: object): KubeObject {
  const names = { plural: 'widgets', kind: 'Widget' };
  const spec = {
    group: 'example.com',
    names,
    scope: 'Namespaced',
    versions: [{ name: 'v1', served: true, subresources }],
  };
  const metadata = { name: 'widgets.example.com' };
  return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata, spec } as KubeObject;
}
