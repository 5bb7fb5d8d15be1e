/** Clusters: a Cluster object and the namespace of the same name. */
import { isStatus } from '@slipway/api/status-error';
import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { ClusterObject, ContainerInstanceObject, ServiceObject, TaskObject } from '../kinds.ts';
import type {
  CapacityProviderStrategyItem,
  ClusterSetting,
  CreateClusterRequest,
  DeleteClusterRequest,
  DescribeClustersRequest,
  ListClustersRequest,
  PutClusterCapacityProvidersRequest,
  UpdateClusterRequest,
  UpdateClusterSettingsRequest,
} from '../model/generated/types.ts';
import { serviceStatusOf } from '../shown/service.ts';
import { lastStatusOf } from '../shown/task.ts';
import { EcsError, invalidParameter } from '../wire/ecs-error.ts';
import { checkProviders, checkStrategy } from './capacity-strategy.ts';
import { type ClusterReference, clusterNameOf, clusterOf, defaultCluster, findCluster } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';
import { checkTags } from './tag-rules.ts';
import { namePattern } from './task-definition-rules.ts';

export async function createCluster(request: CreateClusterRequest, context: OperationContext) {
  const { clusterName = defaultCluster, ...spec } = request;
  const { objects } = context;
  if (!namePattern.test(clusterName))
    throw invalidParameter('Invalid cluster name. Up to 255 letters, numbers, hyphens, and underscores are allowed.');
  checkTags(request.tags ?? []);
  checkProviders(request.capacityProviders ?? [], context);
  checkStrategy(request.defaultCapacityProviderStrategy ?? []);
  const known = findCluster(clusterName, context);
  if (known) {
    objects.get('Cluster', { name: known.namespace });
    return { cluster: shownCluster(known, context, allDetails) };
  }
  const name = objectName('cluster', clusterName);
  if (!objects.hasNamespace(name)) await objects.createNamespace(name).catch(ignoreExisting);
  const own = name === clusterName ? spec : { ...spec, clusterName };
  const object = await objects.create<ClusterObject>('Cluster', { metadata: { name }, spec: own });
  return { cluster: shownCluster({ name: clusterName, namespace: name, object }, context, allDetails) };
}

function ignoreExisting(error: unknown): void {
  if (!isStatus(error, 'AlreadyExists')) throw error;
}

const describedMax = 100;

export function describeClusters({ clusters, include = [] }: DescribeClustersRequest, context: OperationContext) {
  const asked = clusters && clusters.length > 0 ? clusters : [defaultCluster];
  if (asked.length > describedMax) throw invalidParameter(`clusters can have at most ${describedMax} items.`);
  const shown: object[] = [];
  const failures: object[] = [];
  for (const reference of asked) {
    const found = findCluster(reference, context);
    if (found) {
      context.objects.get('Cluster', { name: found.namespace });
      shown.push(shownCluster(found, context, new Set(include)));
    } else failures.push({ arn: context.arns.cluster(nameFrom('cluster', reference)), reason: 'MISSING' });
  }
  return { clusters: shown, failures };
}

export function listClusters(request: ListClustersRequest, { objects, arns }: OperationContext) {
  const names = [...objects.list<ClusterObject>('Cluster')].map(clusterNameOf).sort();
  const { items, nextToken } = pageOf(names, request);
  return { clusterArns: items.map((name) => arns.cluster(name)), ...(nextToken === undefined ? {} : { nextToken }) };
}

export async function deleteCluster({ cluster }: DeleteClusterRequest, context: OperationContext) {
  const found = clusterOf(cluster, context);
  const counts = countsOf(found, context);
  const refused = (code: string, what: string) => new EcsError(code, `The Cluster cannot be deleted while ${what}.`);
  if (counts.boundInstances > 0) {
    throw refused('ClusterContainsContainerInstancesException', 'Container Instances are active or draining');
  }
  if (counts.activeServicesCount > 0) throw refused('ClusterContainsServicesException', 'Services are active');
  if (counts.runningTasksCount + counts.pendingTasksCount > 0) {
    throw refused('ClusterContainsTasksException', 'Tasks are active');
  }
  await context.objects.remove('Cluster', { name: found.namespace });
  return { cluster: { ...shownCluster(found, context, allDetails), status: 'INACTIVE' } };
}

export async function updateCluster({ cluster, ...changes }: UpdateClusterRequest, context: OperationContext) {
  const found = clusterOf(cluster, context);
  const { settings, ...rest } = changes;
  const spec = { ...rest, ...(settings ? { settings: mergedSettings(found.object, settings) } : {}) };
  return await changed(found, spec, context);
}

export async function updateClusterSettings(
  { cluster, settings }: UpdateClusterSettingsRequest,
  context: OperationContext,
) {
  const found = clusterOf(cluster, context);
  return await changed(found, { settings: mergedSettings(found.object, settings) }, context);
}

export async function putClusterCapacityProviders(
  { cluster, capacityProviders, defaultCapacityProviderStrategy }: PutClusterCapacityProvidersRequest,
  context: OperationContext,
) {
  const found = clusterOf(cluster, context);
  const names = checkProviders(capacityProviders, context);
  checkStrategy(defaultCapacityProviderStrategy);
  const stranger = defaultCapacityProviderStrategy.find(
    (item: CapacityProviderStrategyItem) => !names.includes(nameFrom('capacity-provider', item.capacityProvider)),
  );
  if (stranger) {
    throw invalidParameter(
      `The specified capacity provider strategy contains a capacity provider that is not associated with the cluster: ${stranger.capacityProvider}.`,
    );
  }
  return await changed(found, { capacityProviders: names, defaultCapacityProviderStrategy }, context);
}

async function changed(found: ClusterReference, spec: object, context: OperationContext) {
  const object = await context.objects.patch<ClusterObject>('Cluster', { name: found.namespace }, { spec });
  return { cluster: shownCluster({ ...found, object }, context, allDetails) };
}

function mergedSettings({ spec }: ClusterObject, changes: readonly ClusterSetting[]): readonly ClusterSetting[] {
  const merged = new Map((spec.settings ?? []).map((setting) => [setting.name, setting]));
  for (const setting of changes) merged.set(setting.name, setting);
  return [...merged.values()];
}

type Detail = NonNullable<DescribeClustersRequest['include']>[number];
const allDetails: ReadonlySet<Detail> = new Set(['SETTINGS', 'STATISTICS', 'TAGS', 'CONFIGURATIONS', 'ATTACHMENTS']);

function shownCluster(found: ClusterReference, context: OperationContext, details: ReadonlySet<Detail>): object {
  const { spec } = found.object;
  const { boundInstances: _, runningByLaunch, ...counts } = countsOf(found, context);
  return {
    clusterArn: context.arns.cluster(found.name),
    clusterName: found.name,
    status: found.object.metadata.deletionTimestamp === undefined ? 'ACTIVE' : 'DEPROVISIONING',
    ...counts,
    statistics: details.has('STATISTICS') ? runningByLaunch : [],
    tags: details.has('TAGS') ? (spec.tags ?? []) : [],
    settings: details.has('SETTINGS') ? (spec.settings ?? [{ name: 'containerInsights', value: 'disabled' }]) : [],
    capacityProviders: spec.capacityProviders ?? [],
    defaultCapacityProviderStrategy: spec.defaultCapacityProviderStrategy ?? [],
    ...(details.has('CONFIGURATIONS') && spec.configuration ? { configuration: spec.configuration } : {}),
    ...(spec.serviceConnectDefaults ? { serviceConnectDefaults: spec.serviceConnectDefaults } : {}),
  };
}

function countsOf({ name, namespace }: ClusterReference, { objects }: OperationContext) {
  let [runningTasksCount, pendingTasksCount, activeServicesCount] = [0, 0, 0];
  let [registeredContainerInstancesCount, boundInstances] = [0, 0];
  const launches = new Map<string, number>();
  for (const task of objects.counted<TaskObject>('Task', namespace)) {
    const state = lastStatusOf(task);
    if (state === 'RUNNING') runningTasksCount += 1;
    else if (state !== 'STOPPED') pendingTasksCount += 1;
    if (state === 'STOPPED') continue;
    const launch = task.spec.launchType === 'FARGATE' ? 'Fargate' : 'EC2';
    const key = `${state === 'RUNNING' ? 'running' : 'pending'}${launch}TasksCount`;
    launches.set(key, (launches.get(key) ?? 0) + 1);
  }
  for (const service of objects.counted<ServiceObject>('Service', namespace)) {
    if (serviceStatusOf(service) === 'ACTIVE') activeServicesCount += 1;
  }
  for (const { spec } of objects.counted<ContainerInstanceObject>('ContainerInstance')) {
    if (spec.cluster === undefined || spec.cluster === name) registeredContainerInstancesCount += 1;
    if (spec.cluster === name) boundInstances += 1;
  }
  const keys = ['runningEC2TasksCount', 'runningFargateTasksCount', 'pendingEC2TasksCount', 'pendingFargateTasksCount'];
  return {
    registeredContainerInstancesCount,
    runningTasksCount,
    pendingTasksCount,
    activeServicesCount,
    boundInstances,
    runningByLaunch: keys.map((key) => ({ name: key, value: String(launches.get(key) ?? 0) })),
  };
}
