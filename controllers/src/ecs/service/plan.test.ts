import type { Node } from '@slipway/api/types';
import { kinds, keyOf } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import { key, Shop } from '../testing/shop.ts';
import { keptInactiveMs } from './plan.ts';
import { settledAfterMs } from './service-tasks.ts';

describe('a service', () => {
  it('starts its tasks, says so, and is steady when they run', () => {
    const shop = new Shop().settle();
    expect(shop.tasks).toHaveLength(2);
    expect(shop.tasks[0]).toMatchObject({
      metadata: { name: expect.stringMatching(/^[0-9a-f]{32}$/) },
      spec: { taskDefinition: 'web:1', group: 'service:web', startedBy: expect.stringMatching(/^ecs-svc\/\d{19}$/) },
    });
    expect(shop.status).toMatchObject({ status: 'ACTIVE', desiredCount: 2, runningCount: 0, pendingCount: 2 });
    shop.run().settle();
    expect(shop.status).toMatchObject({
      runningCount: 2,
      pendingCount: 0,
      deployments: [{ status: 'PRIMARY', rolloutState: 'COMPLETED', taskDefinition: 'web:1', runningCount: 2 }],
    });
    expect(shop.told).toEqual([
      '(service web) has started 2 tasks: (task T) (task T).',
      '(service web) has reached a steady state.',
      expect.stringMatching(/^\(service web\) \(deployment ecs-svc\/\d+\) deployment completed\.$/),
    ]);
  });

  it('replaces a task that ended, and is steady again', () => {
    const shop = new Shop().live();
    shop.end(shop.tasks[0]).settle();
    expect(shop.tasks).toHaveLength(2);
    shop.run().settle();
    expect(shop.told.at(-1)).toBe('(service web) has reached a steady state.');
    expect(shop.told.filter((text) => text.includes('steady'))).toHaveLength(2);
  });

  it('scales without a new deployment', () => {
    const shop = new Shop().live();
    const [deployment] = shop.status.deployments ?? [];
    shop.set({ desiredCount: 4 }).live();
    expect(shop.tasks).toHaveLength(4);
    shop.set({ desiredCount: 1 }).live();
    expect(shop.tasks).toHaveLength(1);
    expect(shop.status.deployments).toMatchObject([{ id: deployment?.id, runningCount: 1 }]);
    expect(shop.told).toContain('(service web) has stopped 3 running tasks: (task T) (task T) (task T).');
  });

  it('rolls over to a new definition with the old tasks up until the new ones have proven themselves', () => {
    const shop = new Shop().live().define(2).set({ taskDefinition: 'web:2' }).settle();
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:1', 'web:1', 'web:2', 'web:2']);
    shop.run().settle();
    expect(shop.stopping).toEqual([]);
    shop.later(settledAfterMs).settle();
    expect(shop.stopping.map(({ spec }) => spec.taskDefinition)).toEqual(['web:1', 'web:1']);
    expect(shop.status.deployments).toMatchObject([
      { status: 'PRIMARY', rolloutState: 'IN_PROGRESS' },
      { status: 'ACTIVE', rolloutState: 'COMPLETED' },
    ]);
    shop.live();
    expect(shop.status.deployments).toMatchObject([{ taskDefinition: 'web:2', rolloutState: 'COMPLETED' }]);
    const [, second] = shop.world.list(kinds.ecsServiceDeployments);
    expect(shop.world.list(kinds.ecsServiceDeployments).map(({ status }) => status?.status)).toEqual([
      'SUCCESSFUL',
      'SUCCESSFUL',
    ]);
    expect(second?.spec.sourceServiceRevisions).toHaveLength(1);
  });

  it('named by its family follows the newest revision at the next deployment only', () => {
    const shop = new Shop().live().define(2).settle();
    expect(shop.tasks.every(({ spec }) => spec.taskDefinition === 'web:1')).toBe(true);
    shop.set({ forceNewDeployment: 1 }).live();
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:2', 'web:2']);
  });

  it('waits for health where the definition has checks, and replaces what loses it', () => {
    const shop = new Shop().define(1, true).settle();
    shop.run('UNKNOWN').settle();
    expect(shop.status.deployments?.[0]?.rolloutState).toBe('IN_PROGRESS');
    for (const task of shop.tasks) shop.isNow(task, 'HEALTHY');
    shop.settle();
    expect(shop.status.deployments?.[0]?.rolloutState).toBe('COMPLETED');
    shop.isNow(shop.tasks[0], 'UNHEALTHY').settle();
    expect(shop.tasks).toHaveLength(3);
    for (const task of shop.tasks) if (!task.status) shop.world.put(kinds.ecsTasks, task);
    shop.run('HEALTHY').settle();
    expect(shop.told.some((text) => text.endsWith('(task T) failed container health checks.'))).toBe(true);
    shop.run('HEALTHY').settle();
    expect(shop.tasks).toHaveLength(2);
  });

  it('gives up a deployment whose tasks fail, and goes back to the last one that was completed', () => {
    const breaker = { enable: true, rollback: true };
    const shop = new Shop({ deploymentConfiguration: { deploymentCircuitBreaker: breaker } }).live();
    shop.define(2).set({ taskDefinition: 'web:2' }).settle();
    for (const isLast of [false, true]) {
      for (const task of shop.tasks.filter(({ spec }) => spec.taskDefinition === 'web:2'))
        shop.end(task, 'TaskFailedToStart', 'no image');
      if (isLast) shop.look();
      else shop.settle();
    }
    expect(shop.told.join('\n')).toMatch(
      /deployment failed: tasks failed to start\.\n\(service web\) rolling back to deployment ecs-svc/,
    );
    expect(shop.status.deployments?.[0]?.rolloutStateReason).toMatch(
      /^ECS deployment circuit breaker: rolling back to deploymentId ecs-svc\/\d+\.$/,
    );
    expect(shop.stable).toMatchObject({ status: 'False', reason: 'DeploymentInProgress' });
    shop.live();
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:1', 'web:1']);
    expect(shop.status.deployments).toMatchObject([{ taskDefinition: 'web:1', rolloutState: 'COMPLETED' }]);
    expect(shop.stable).toMatchObject({
      status: 'True',
      reason: 'RolledBack',
      message: 'ECS deployment circuit breaker: tasks failed to start.',
    });
    const breakers = shop.world.list(kinds.ecsServiceDeployments).map(({ status }) => status?.deploymentCircuitBreaker);
    expect(breakers.map((each) => each?.status)).toContain('TRIGGERED');
    expect(shop.world.list(kinds.ecsServiceDeployments).map(({ status }) => status?.status)).toContain(
      'ROLLBACK_SUCCESSFUL',
    );
  });

  it('without a breaker tries ever more slowly, and says that it does', () => {
    const shop = new Shop({ desiredCount: 1 });
    for (let i = 0; i < 4; i++) shop.settle().end(shop.tasks[0], 'TaskFailedToStart');
    shop.settle();
    expect(shop.tasks).toEqual([]);
    expect(shop.told.at(-1)).toBe('(service web) is unable to consistently start tasks successfully.');
    shop.later(25_000).settle();
    expect(shop.tasks).toHaveLength(1);
  });

  it('that is deleted ends its tasks, and is forgotten an hour later', () => {
    const shop = new Shop().live().set({ desiredStatus: 'INACTIVE' }).settle();
    expect(shop.status.status).toBe('DRAINING');
    shop.run().settle();
    expect(shop.status).toMatchObject({ status: 'INACTIVE', runningCount: 0 });
    shop.later(keptInactiveMs + 1000).look();
    expect(shop.world.get(kinds.ecsServices, key)).toBeUndefined();
  });

  it('leaves protected tasks alone', () => {
    const shop = new Shop().live();
    for (const task of shop.tasks) {
      const protection = { expirationDate: formatTime(shop.world.nowMs + 3_600_000) };
      shop.world.put(kinds.ecsTasks, { ...task, spec: { ...task.spec, protection } });
    }
    shop.set({ desiredCount: 0 }).look();
    expect(shop.stopping).toEqual([]);
  });

  it('without a definition says so once', () => {
    const shop = new Shop({ taskDefinition: 'none' }).look().look();
    const text = '(service web) was unable to start a deployment: there is no ACTIVE task definition none.';
    expect(shop.told).toEqual([text]);
    expect(shop.world.told).toEqual([text]);
    expect(shop.status.observedGeneration).toBeUndefined();
  });
});

describe('a daemon', () => {
  const node = (name: string, more: Partial<Node['spec']> = {}): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': name === 'n1' ? 'a' : 'b' } },
    spec: { ...more },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });

  it('has a task on every node that takes it, and goes where nodes come and go', () => {
    const shop = new Shop({ schedulingStrategy: 'DAEMON' });
    for (const name of ['n1', 'n2']) shop.world.put(kinds.nodes, node(name));
    shop.live();
    expect(shop.tasks.map(({ spec }) => spec.containerInstance)).toEqual(['n1', 'n2']);
    shop.world.put(kinds.nodes, node('n3'));
    shop.world.put(kinds.nodes, node('n1', { unschedulable: true }));
    shop.live();
    expect(shop.tasks.map(({ spec }) => spec.containerInstance)).toEqual(['n2', 'n3']);
    expect(shop.status).toMatchObject({ desiredCount: 2, runningCount: 2 });
    expect(shop.stable?.status).toBe('True');
  });

  it('replaces its tasks by stopping first, within the minimum', () => {
    const shop = new Shop({ schedulingStrategy: 'DAEMON', deploymentConfiguration: { minimumHealthyPercent: 50 } });
    for (const name of ['n1', 'n2']) shop.world.put(kinds.nodes, node(name));
    shop.live().define(2).set({ taskDefinition: 'web:2' }).settle();
    expect(shop.stopping).toHaveLength(1);
    shop.live();
    expect(shop.tasks.map(({ spec }) => spec.taskDefinition)).toEqual(['web:2', 'web:2']);
  });

  it('keeps to the nodes that its constraints name', () => {
    const expression = 'attribute:ecs.availability-zone == b';
    const shop = new Shop({ schedulingStrategy: 'DAEMON', placementConstraints: [{ type: 'memberOf', expression }] });
    for (const name of ['n1', 'n2']) shop.world.put(kinds.nodes, node(name));
    shop.live();
    expect(shop.tasks.map((task) => task.spec.containerInstance)).toEqual(['n2']);
    expect(keyOf(shop.service)).toBe(key);
  });
});
