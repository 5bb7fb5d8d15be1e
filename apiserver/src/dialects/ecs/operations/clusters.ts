/** Clusters: a Cluster object and the namespace of the same name. */
import { isStatus } from '@slipway/api/status-error';
import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { ClusterObject, ContainerInstanceObject, ServiceObject, TaskObject } from '../kinds.ts';
import type {
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
import { clusterNotFound, EcsError, invalidParameter } from '../wire/ecs-error.ts';
import { checkProviders, checkStrategy } from './capacity-strategy.ts';
import {
  activeClusterOf,
  type ClusterReference,
  clusterNameOf,
  clusterOf,
  defaultCluster,
  findCluster,
} from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { pageOf } from './paging.ts';
import { checkTags } from './tag-rules.ts';
import { namePattern } from './task-definition-rules.ts';

export async function createCluster(request: CreateClusterRequest, context: OperationContext) {
  const { clusterName = defaultCluster, ...rest } = request;
  const { objects } = context;
  if (!namePattern.test(clusterName))
    throw invalidParameter('Invalid cluster name. Up to 255 letters, numbers, hyphens, and underscores are allowed.');
  checkTags(request.tags ?? []);
  checkSettings(request.settings);
  const spec = { ...rest, ...namedProviders(request, context) };
  const known = findCluster(clusterName, context);
  if (known?.object.metadata.deletionTimestamp !== undefined) {
    throw invalidParameter('The cluster is being deleted: wait until it is gone.');
  }
  if (known) {
    objects.get('Cluster', { name: known.namespace });
    return { cluster: shownCluster(known, context, allDetails) };
  }
  const name = objectName('cluster', clusterName);
  if (!objects.hasNamespace(name)) await objects.createNamespace(name).catch(ignoreExisting);
  const own = name === clusterName ? spec : { ...spec, clusterName };
  try {
    const object = await objects.create<ClusterObject>('Cluster', { metadata: { name }, spec: own });
    return { cluster: shownCluster({ name: clusterName, namespace: name, object }, context, allDetails) };
  } catch (error) {
    // Somebody was faster: then it is theirs, as it would have been a moment later.
    ignoreExisting(error);
    await objects.refresh();
    return { cluster: shownCluster(activeClusterOf(clusterName, context), context, allDetails) };
  }
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
  await letGo(found, context);
  return { cluster: { ...shownCluster(found, context, allDetails), status: 'INACTIVE' } };
}

/** Its controller holds clusters that kubectl deletes while something is in them. Here that has been asked already. */
async function letGo({ namespace: name, object }: ClusterReference, { objects }: OperationContext): Promise<void> {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(clusterFinalizer)) {
    const rest = finalizers.filter((finalizer) => finalizer !== clusterFinalizer);
    await objects.remove('Cluster', { name });
    await objects.patch('Cluster', { name }, { metadata: { finalizers: rest } }).catch(ignoreMissing);
  } else await objects.remove('Cluster', { name });
}

const clusterFinalizer = 'slipway.dev/ecs';

function ignoreMissing(error: unknown): void {
  if (!isStatus(error, 'NotFound')) throw error;
}

export async function updateCluster({ cluster, ...changes }: UpdateClusterRequest, context: OperationContext) {
  const found = activeClusterOf(cluster, context);
  const { settings, ...rest } = changes;
  checkSettings(settings);
  return await changed(found, rest, context, settings);
}

export async function updateClusterSettings(
  { cluster, settings }: UpdateClusterSettingsRequest,
  context: OperationContext,
) {
  const found = activeClusterOf(cluster, context);
  checkSettings(settings);
  return await changed(found, {}, context, settings);
}

export async function putClusterCapacityProviders(
  { cluster, capacityProviders, defaultCapacityProviderStrategy }: PutClusterCapacityProvidersRequest,
  context: OperationContext,
) {
  const found = activeClusterOf(cluster, context);
  return await changed(found, namedProviders({ capacityProviders, defaultCapacityProviderStrategy }, context), context);
}

type Providers = Pick<CreateClusterRequest, 'capacityProviders' | 'defaultCapacityProviderStrategy'>;

/** Names in place of ARNs, of providers that there are; the strategy has no others. Throws EcsError. */
function namedProviders(
  { capacityProviders, defaultCapacityProviderStrategy }: Providers,
  context: OperationContext,
): Providers {
  const names = checkProviders(capacityProviders ?? [], context);
  const strategy = (defaultCapacityProviderStrategy ?? []).map((item) => ({
    ...item,
    capacityProvider: nameFrom('capacity-provider', item.capacityProvider),
  }));
  checkStrategy(strategy);
  const stranger = strategy.find(({ capacityProvider }) => !names.includes(capacityProvider));
  if (stranger) {
    throw invalidParameter(
      `The specified capacity provider strategy contains a capacity provider that is not associated with the cluster: ${stranger.capacityProvider}.`,
    );
  }
  return {
    ...(capacityProviders ? { capacityProviders: names } : {}),
    ...(defaultCapacityProviderStrategy ? { defaultCapacityProviderStrategy: strategy } : {}),
  };
}

const insightsValues = ['enabled', 'disabled', 'enhanced'];

/** Throws EcsError InvalidParameterException. */
function checkSettings(settings: readonly ClusterSetting[] = []): void {
  for (const { name, value = '' } of settings) {
    if (name === undefined) throw invalidParameter('A setting of the cluster has no name.');
    if (!insightsValues.includes(value)) {
      throw invalidParameter(
        `Invalid value '${value}' for the setting ${name}: use one of [${insightsValues.join(', ')}].`,
      );
    }
  }
}

async function changed(
  found: ClusterReference,
  spec: object,
  context: OperationContext,
  settings?: readonly ClusterSetting[],
) {
  const object = await context.objects.change<ClusterObject>('Cluster', { name: found.namespace }, (now) => ({
    spec: { ...spec, ...(settings ? { settings: mergedSettings(now, settings) } : {}) },
  }));
  if (!object) throw clusterNotFound();
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
  const { boundInstances: _, byLaunch, ...counts } = countsOf(found, context);
  return {
    clusterArn: context.arns.cluster(found.name),
    clusterName: found.name,
    status: found.object.metadata.deletionTimestamp === undefined ? 'ACTIVE' : 'DEPROVISIONING',
    ...counts,
    statistics: details.has('STATISTICS') ? byLaunch : [],
    tags: details.has('TAGS') ? (spec.tags ?? []) : [],
    settings: details.has('SETTINGS') ? (spec.settings ?? [{ name: 'containerInsights', value: 'disabled' }]) : [],
    capacityProviders: spec.capacityProviders ?? [],
    defaultCapacityProviderStrategy: spec.defaultCapacityProviderStrategy ?? [],
    ...(details.has('ATTACHMENTS') ? { attachments: [] } : {}),
    ...(details.has('CONFIGURATIONS') && spec.configuration ? { configuration: spec.configuration } : {}),
    ...(spec.serviceConnectDefaults ? { serviceConnectDefaults: spec.serviceConnectDefaults } : {}),
  };
}

const statistics = [
  'runningEC2TasksCount',
  'runningFargateTasksCount',
  'pendingEC2TasksCount',
  'pendingFargateTasksCount',
  'activeEC2ServiceCount',
  'activeFargateServiceCount',
  'drainingEC2ServiceCount',
  'drainingFargateServiceCount',
];

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
    const state = serviceStatusOf(service);
    if (state === 'INACTIVE') continue;
    if (state === 'ACTIVE') activeServicesCount += 1;
    const launch = service.spec.launchType === 'FARGATE' ? 'Fargate' : 'EC2';
    const key = `${state === 'ACTIVE' ? 'active' : 'draining'}${launch}ServiceCount`;
    launches.set(key, (launches.get(key) ?? 0) + 1);
  }
  for (const { spec } of objects.counted<ContainerInstanceObject>('ContainerInstance')) {
    if (spec.cluster === undefined || spec.cluster === name) registeredContainerInstancesCount += 1;
    if (spec.cluster === name) boundInstances += 1;
  }
  return {
    registeredContainerInstancesCount,
    runningTasksCount,
    pendingTasksCount,
    activeServicesCount,
    boundInstances,
    byLaunch: statistics.map((key) => ({ name: key, value: String(launches.get(key) ?? 0) })),
  };
}
