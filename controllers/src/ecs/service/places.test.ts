import type { Task } from '@slipway/api/ecs/kinds';
import { kinds } from '@slipway/client/kinds';
import { aServiceNode, Shop } from '../testing/shop.ts';
import { placeWithinMs, replacesAnnotation } from './rebalance.ts';

/** Says where tasks run, as the cluster's scheduler and the task controller would. */
function place(shop: Shop, task: Task, node: string, zone: string): void {
  shop.world.put(kinds.ecsTasks, {
    ...task,
    status: { ...task.status, containerInstance: node, availabilityZone: zone },
  });
}

function shopIn(zones: Readonly<Record<string, string>>, places: readonly string[], spec = {}): Shop {
  const shop = new Shop({ desiredCount: places.length, availabilityZoneRebalancing: 'ENABLED', ...spec });
  for (const [node, zone] of Object.entries(zones)) shop.world.put(kinds.nodes, aServiceNode(node, zone));
  shop.settle();
  shop.tasks.forEach((task, i) => {
    const node = places[i] ?? '';
    place(shop, task, node, zones[node] ?? '');
  });
  return shop;
}

const isMove = ({ metadata }: Task) => metadata.annotations?.[replacesAnnotation] !== undefined;

describe('availability zones', () => {
  const zones = { n1: 'a', n2: 'b' };

  it('are kept balanced: one comes in the emptier one before one goes in the fuller', () => {
    const shop = shopIn(zones, ['n1', 'n1', 'n2']);
    expect(shop.run().settle().tasks.filter(isMove)).toEqual([]);
    const full = shopIn(zones, ['n1', 'n1', 'n1', 'n1']).run().settle();
    const moves = full.tasks.filter(isMove);
    expect(moves.map(({ spec }) => spec.placementConstraints)).toEqual([
      [{ type: 'memberOf', expression: 'attribute:ecs.availability-zone == b' }],
      [{ type: 'memberOf', expression: 'attribute:ecs.availability-zone == b' }],
    ]);
    expect(full.stopping).toEqual([]);
    for (const task of moves) place(full, task, 'n2', 'b');
    full.live();
    expect(full.tasks.map(({ status }) => status?.availabilityZone).toSorted()).toEqual(['a', 'a', 'b', 'b']);
    expect(full.told.at(-1)).toBe('(service web) has reached a steady state.');
    expect(full.status.deployments).toHaveLength(1);
  });

  it('stay as they are where a place is not found in time, and where nobody asked for balance', () => {
    const shop = shopIn(zones, ['n1', 'n1', 'n1']).run().settle();
    expect(shop.tasks.filter(isMove)).toHaveLength(1);
    shop.later(placeWithinMs).settle();
    for (const task of shop.stopping) shop.end(task, 'ServiceSchedulerInitiated');
    shop.settle();
    expect(shop.tasks).toHaveLength(3);
    expect(shop.status).toMatchObject({ runningCount: 3, pendingCount: 0 });
    const off = shopIn(zones, ['n1', 'n1', 'n1'], { availabilityZoneRebalancing: 'DISABLED' });
    expect(off.run().settle().tasks).toHaveLength(3);
    const packed = shopIn(zones, ['n1', 'n1', 'n1'], { placementStrategy: [{ type: 'binpack', field: 'cpu' }] });
    expect(packed.run().settle().tasks).toHaveLength(3);
  });

  it('are looked at when tasks must go: the fullest zone, there the fullest instance', () => {
    const shop = shopIn({ n1: 'a', n2: 'a', n3: 'b' }, ['n1', 'n1', 'n2', 'n3', 'n3']).run().settle();
    shop.set({ desiredCount: 4 }).settle();
    expect(shop.stopping.map(({ status }) => status?.containerInstance)).toEqual(['n1']);
  });
});

describe('an instance that drains', () => {
  it('loses its tasks when others are up elsewhere, within the percents', () => {
    const shop = shopIn({ n1: 'a', n2: 'b' }, ['n1', 'n2']).run().settle();
    shop.world.put(kinds.nodes, aServiceNode('n1', 'a', { unschedulable: true }));
    shop.settle();
    expect([shop.tasks.length, shop.stopping.length]).toEqual([3, 0]);
    for (const task of shop.tasks) if (!task.status?.containerInstance) place(shop, task, 'n2', 'b');
    shop.live();
    expect(shop.tasks.map(({ status }) => status?.containerInstance)).toEqual(['n2', 'n2']);
    expect(shop.status.deployments).toMatchObject([{ rolloutState: 'COMPLETED', runningCount: 2 }]);
  });
});

describe('what does not go on by itself', () => {
  it('is told once: percents without room', () => {
    const bounds = { minimumHealthyPercent: 100, maximumPercent: 120 };
    const shop = new Shop({ desiredCount: 2, deploymentConfiguration: bounds }).live().define(2);
    shop.set({ taskDefinition: 'web:2' }).settle().later(60_000).settle();
    expect(
      shop.told.filter((text) => text.includes('Update the minimumHealthyPercent or maximumPercent')),
    ).toHaveLength(1);
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:1', 'web:1']);
    shop.set({ deploymentConfiguration: { minimumHealthyPercent: 50, maximumPercent: 120 } }).live();
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:2', 'web:2']);
  });

  it('is told once: no place for a task', () => {
    const shop = new Shop({ desiredCount: 1 }).settle();
    const [task] = shop.tasks;
    const condition = { type: 'Placed', status: 'False', reason: 'Unschedulable', lastTransitionTime: '' } as const;
    const message = '0/1 nodes are available: 1 Insufficient cpu.';
    if (task) shop.world.put(kinds.ecsTasks, { ...task, status: { conditions: [{ ...condition, message }] } });
    shop.settle().settle();
    expect(shop.told.slice(1)).toEqual([
      `(service web) was unable to place a task because no container instance met all of its requirements. Reason: ${message}`,
    ]);
  });
});

describe('tags', () => {
  it('of a service go to its tasks where that is asked for, with those of ECS itself', () => {
    const tags = [{ key: 'team', value: 'shop' }];
    const shop = new Shop({ desiredCount: 1, tags, propagateTags: 'SERVICE', enableECSManagedTags: true }).settle();
    expect(shop.tasks[0]?.spec.tags).toEqual([
      { key: 'aws:ecs:clusterName', value: 'shop' },
      { key: 'aws:ecs:serviceName', value: 'web' },
      { key: 'team', value: 'shop' },
    ]);
    expect(new Shop({ desiredCount: 1, tags }).settle().tasks[0]?.spec.tags).toBeUndefined();
  });
});

it('a service says what has no effect', () => {
  const alarms = { alarmNames: ['high'], enable: true, rollback: true };
  const shop = new Shop({ desiredCount: 0, deploymentConfiguration: { alarms } }).settle();
  expect(shop.status.conditions?.find(({ type }) => type === 'FieldsWithoutEffect')).toMatchObject({
    status: 'True',
    message: expect.stringContaining('deploymentConfiguration.alarms'),
  });
});
