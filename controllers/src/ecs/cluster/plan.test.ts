import type { Cluster, ContainerInstance } from '@slipway/api/ecs/kinds';
import { aCluster, aService, aTask } from '../testing/ecs-builders.ts';
import { clusterFinalizer, type ObservedCluster, planCluster } from './plan.ts';

const nowMs = Date.UTC(2026, 10, 21);
const nothing = { hasNamespace: true, tasks: [], services: [], instances: [] };
const held = (cluster: Cluster, more: object = {}): Cluster => ({
  ...cluster,
  metadata: { ...cluster.metadata, finalizers: [clusterFinalizer], ...more },
});
const plan = (observed: Partial<ObservedCluster>) =>
  planCluster({ cluster: held(aCluster('shop')), ...nothing, ...observed }, nowMs);

describe('a cluster', () => {
  it('that kubectl has made gets its namespace, and is held', () => {
    const { steps, status } = plan({ cluster: aCluster('shop'), hasNamespace: false });
    expect(steps).toMatchObject([
      { op: 'create', object: { kind: 'Namespace', metadata: { name: 'shop' } } },
      { op: 'patch', patch: { metadata: { finalizers: [clusterFinalizer] } } },
    ]);
    expect(status).toMatchObject({ status: 'ACTIVE' });
    expect(plan({}).steps).toEqual([]);
  });

  it('counts what is in it', () => {
    const instance = (cluster?: string): ContainerInstance => ({
      apiVersion: '',
      kind: '',
      metadata: {},
      spec: cluster === undefined ? {} : { cluster },
    });
    const task = (lastStatus: 'RUNNING' | 'PENDING' | 'STOPPED') => ({ ...aTask(), status: { lastStatus } });
    const { status } = plan({
      cluster: held(aCluster('shop-1', { clusterName: 'Shop' })),
      tasks: [task('RUNNING'), task('PENDING'), task('STOPPED'), aTask()],
      services: [aService(), aService({ desiredStatus: 'INACTIVE' })],
      instances: [instance(), instance('Shop'), instance('shop-1')],
    });
    expect(status).toMatchObject({
      registeredContainerInstancesCount: 2,
      runningTasksCount: 1,
      pendingTasksCount: 2,
      activeServicesCount: 1,
    });
  });

  it('says what of it has no effect', () => {
    const cluster = held(aCluster('shop', { settings: [{ name: 'containerInsights', value: 'enabled' }] }));
    expect(plan({ cluster }).status).toMatchObject({
      conditions: [{ type: 'FieldsWithoutEffect', status: 'True', message: expect.stringContaining('settings: ') }],
    });
  });

  it('that is deleted stays while it has services or tasks, says so, and then goes', () => {
    const cluster = held(aCluster('shop'), { deletionTimestamp: '2026-11-21T00:00:00Z' });
    const kept = plan({ cluster, hasNamespace: false, services: [aService()] });
    expect(kept.steps).toEqual([]);
    expect(kept.status).toMatchObject({
      status: 'DEPROVISIONING',
      conditions: [{}, { type: 'DeletionBlocked', reason: 'ServicesActive' }],
    });
    expect(plan({ cluster }).steps).toMatchObject([{ op: 'patch', patch: { metadata: { finalizers: [] } } }]);
  });
});
