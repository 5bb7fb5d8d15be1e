/** Container instances: views of nodes. Draining is a wish in the object; a controller cordons the node. */
import { nameFrom } from '../identity/arns.ts';
import type { ContainerInstanceObject, NamedValue, TaskObject } from '../kinds.ts';
import type {
  Attribute,
  DeleteAttributesRequest,
  DeregisterContainerInstanceRequest,
  DescribeContainerInstancesRequest,
  ListAttributesRequest,
  ListContainerInstancesRequest,
  PutAttributesRequest,
  UpdateContainerInstancesStateRequest,
} from '../model/generated/types.ts';
import { lastStatusOf } from '../shown/task.ts';
import { withSeconds } from '../shown/times.ts';
import { EcsError, invalidParameter, unsupportedFeature } from '../wire/ecs-error.ts';
import { type ClusterReference, clusterOf, nameInCluster } from './cluster-reference.ts';
import type { OperationContext } from './context.ts';
import { type InstanceFacts, instanceFilter } from './instance-filter.ts';
import { pageOf } from './paging.ts';

const describedMax = 100;
const changedMax = 10;
const attributesMax = 10;

export function listContainerInstances(request: ListContainerInstancesRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const { status = 'ACTIVE', filter = '' } = request;
  const isAsked = filter.trim() === '' ? () => true : byFilter(filter, cluster, context);
  const names = [...context.objects.list<ContainerInstanceObject>('ContainerInstance')]
    .filter((instance) => belongsTo(instance, cluster) && statusOf(instance) === status && isAsked(instance))
    .map(({ metadata }) => metadata.name ?? '');
  const { items, nextToken } = pageOf(names, request);
  const containerInstanceArns = items.map((name) => context.arns.containerInstance(cluster.name, name));
  return { containerInstanceArns, ...(nextToken === undefined ? {} : { nextToken }) };
}

function byFilter(filter: string, cluster: ClusterReference, { objects }: OperationContext) {
  const holds = instanceFilter(filter);
  const tasks = new Map<string, TaskObject[]>();
  for (const task of objects.counted<TaskObject>('Task', cluster.namespace)) {
    const node = task.status?.containerInstance;
    if (node === undefined || lastStatusOf(task) === 'STOPPED') continue;
    const there = tasks.get(node);
    if (there) there.push(task);
    else tasks.set(node, [task]);
  }
  return (instance: ContainerInstanceObject) => holds(factsOf(instance, tasks.get(instance.metadata.name ?? '') ?? []));
}

function factsOf(instance: ContainerInstanceObject, tasks: readonly TaskObject[]): InstanceFacts {
  const { metadata, status = {} } = instance;
  return {
    attributes: new Map(attributesOf(instance).map(({ name, value = '' }) => [name, value])),
    agentConnected: status.agentConnected ?? false,
    agentVersion: status.versionInfo?.agentVersion,
    ec2InstanceId: status.ec2InstanceId ?? metadata.name ?? '',
    registeredAt: status.registeredAt,
    runningTasksCount: tasks.filter((task) => lastStatusOf(task) === 'RUNNING').length,
    taskGroups: new Set(tasks.map(({ spec }) => spec.group ?? `family:${spec.taskDefinition.split(':', 1)[0]}`)),
  };
}

export function describeContainerInstances(
  { cluster: reference, containerInstances, include = [] }: DescribeContainerInstancesRequest,
  context: OperationContext,
) {
  const cluster = clusterOf(reference, context);
  checkCount(containerInstances, describedMax);
  const { found, failures } = findAll(containerInstances, cluster, context);
  return {
    containerInstances: found.map((instance) => shownInstance(instance, cluster, context, include)),
    failures,
  };
}

export async function updateContainerInstancesState(
  { cluster: reference, containerInstances, status }: UpdateContainerInstancesStateRequest,
  context: OperationContext,
) {
  const cluster = clusterOf(reference, context);
  checkCount(containerInstances, changedMax);
  if (status !== 'ACTIVE' && status !== 'DRAINING') {
    throw invalidParameter(`Container instance status should be one of [ACTIVE,DRAINING]: ${status}`);
  }
  const { found, failures } = findAll(containerInstances, cluster, context);
  const shown: object[] = [];
  for (const { metadata } of found) {
    const place = { name: metadata.name ?? '' };
    const changed = await context.objects.patch<ContainerInstanceObject>('ContainerInstance', place, {
      spec: { status },
    });
    shown.push(shownInstance(changed, cluster, context, []));
  }
  return { containerInstances: shown, failures };
}

/** An instance is there as long as its node: it leaves a cluster by being bound to no cluster of ours. */
export function deregisterContainerInstance(
  { cluster: reference, containerInstance }: DeregisterContainerInstanceRequest,
  context: OperationContext,
): never {
  const cluster = clusterOf(reference, context);
  if (findAll([containerInstance], cluster, context).found.length === 0) {
    throw invalidParameter('The specified container instance was not found.');
  }
  throw unsupportedFeature('DeregisterContainerInstance is not served: an instance goes when its node is deleted.');
}

function checkCount(references: readonly string[], max: number): void {
  if (references.length === 0) throw invalidParameter('Container instance cannot be empty.');
  if (references.length > max) throw invalidParameter(`containerInstances can have at most ${max} items.`);
}

function findAll(references: readonly string[], cluster: ClusterReference, { objects, arns }: OperationContext) {
  const found: ContainerInstanceObject[] = [];
  const failures: object[] = [];
  for (const reference of references) {
    const name = nameInCluster('container-instance', reference, cluster);
    const instance = name ? objects.get<ContainerInstanceObject>('ContainerInstance', { name }) : undefined;
    if (instance && belongsTo(instance, cluster)) found.push(instance);
    else {
      const arn = reference.startsWith('arn:') ? reference : arns.containerInstance(cluster.name, reference);
      failures.push({ arn, reason: 'MISSING' });
    }
  }
  return { found, failures };
}

function belongsTo({ spec }: ContainerInstanceObject, { name }: ClusterReference): boolean {
  return (spec.cluster ?? name) === name;
}

function statusOf({ spec, status }: ContainerInstanceObject): string {
  // What was asked for shows at once, as in ECS.
  const isSettled = status?.status !== undefined && status.status !== 'ACTIVE' && status.status !== 'DRAINING';
  return isSettled ? status.status : (spec.status ?? 'ACTIVE');
}

function attributesOf({ spec, status }: ContainerInstanceObject): readonly NamedValue[] {
  return [...(status?.attributes ?? []), ...(spec.attributes ?? [])];
}

function shownInstance(
  instance: ContainerInstanceObject,
  cluster: ClusterReference,
  context: OperationContext,
  include: NonNullable<DescribeContainerInstancesRequest['include']>,
): object {
  const { metadata, spec, status = {} } = instance;
  const { arns } = context;
  const { conditions: _, healthStatus, ...shown } = status as typeof status & { readonly conditions?: unknown };
  return {
    versionInfo: {},
    registeredResources: [],
    agentConnected: false,
    attachments: [],
    ...withSeconds(shown, ['registeredAt']),
    ...usageOf(instance, cluster, context),
    containerInstanceArn: arns.containerInstance(cluster.name, metadata.name ?? ''),
    version: metadata.generation ?? 1,
    status: statusOf(instance),
    attributes: attributesOf(instance),
    tags: include.includes('TAGS') ? (spec.tags ?? []) : [],
    ...(include.includes('CONTAINER_INSTANCE_HEALTH') && healthStatus ? { healthStatus } : {}),
  };
}

/** What the tasks of the cluster take of it. */
function usageOf(
  { metadata, status }: ContainerInstanceObject,
  cluster: ClusterReference,
  { objects }: OperationContext,
) {
  let [runningTasksCount, pendingTasksCount] = [0, 0];
  const taken = new Map([
    ['CPU', 0],
    ['MEMORY', 0],
  ]);
  const take = (resource: string, amount: string | undefined) =>
    taken.set(resource, (taken.get(resource) ?? 0) + Number(amount ?? 0));
  for (const task of objects.counted<TaskObject>('Task', cluster.namespace)) {
    const state = lastStatusOf(task);
    if (task.status?.containerInstance !== metadata.name || state === 'STOPPED') continue;
    if (state === 'RUNNING') runningTasksCount += 1;
    else pendingTasksCount += 1;
    const { cpu, memory, containers = [] } = task.status ?? {};
    for (const container of cpu === undefined ? containers : [{ cpu }]) take('CPU', container.cpu);
    for (const container of memory === undefined ? containers : [{ memory }]) {
      take('MEMORY', ('memoryReservation' in container ? container.memoryReservation : undefined) ?? container.memory);
    }
  }
  const remainingResources = (status?.registeredResources ?? []).map((resource) => {
    const amount = taken.get(resource.name ?? '');
    if (amount === undefined || resource.integerValue === undefined) return resource;
    return { ...resource, integerValue: Math.max(resource.integerValue - amount, 0) };
  });
  return { runningTasksCount, pendingTasksCount, remainingResources };
}

export function listAttributes(request: ListAttributesRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const { attributeName, attributeValue } = request;
  if (attributeValue !== undefined && attributeName === undefined) {
    throw invalidParameter('attributeValue requires attributeName.');
  }
  const byKey = new Map<string, object>();
  for (const instance of context.objects.list<ContainerInstanceObject>('ContainerInstance')) {
    if (!belongsTo(instance, cluster)) continue;
    const target = instance.metadata.name ?? '';
    for (const attribute of attributesOf(instance)) {
      if (attributeName !== undefined && attribute.name !== attributeName) continue;
      if (attributeValue !== undefined && attribute.value !== attributeValue) continue;
      const targetId = context.arns.containerInstance(cluster.name, target);
      byKey.set(`${target} ${attribute.name}`, { ...attribute, targetType: 'container-instance', targetId });
    }
  }
  const { items, nextToken } = pageOf([...byKey.keys()].sort(), request);
  return { attributes: items.map((key) => byKey.get(key)), ...(nextToken === undefined ? {} : { nextToken }) };
}

export async function putAttributes(
  { cluster: reference, attributes }: PutAttributesRequest,
  context: OperationContext,
) {
  await changeAttributes(reference, attributes, context, (own, changes) => {
    const merged = new Map(own.map((attribute) => [attribute.name, attribute]));
    for (const { name, value } of changes) merged.set(name, value === undefined ? { name } : { name, value });
    return [...merged.values()];
  });
  return { attributes };
}

export async function deleteAttributes(
  { cluster: reference, attributes }: DeleteAttributesRequest,
  context: OperationContext,
) {
  await changeAttributes(reference, attributes, context, (own, changes) => {
    const names = new Set(changes.map(({ name }) => name));
    return own.filter(({ name }) => !names.has(name));
  });
  return { attributes };
}

/** Throws EcsError InvalidParameterException. */
function checkAttribute({ name, value }: Attribute): void {
  if (!/^[\w./\\-]{1,128}$/.test(name)) {
    throw invalidParameter(
      `Invalid attribute name '${name.slice(0, 128)}'. Up to 128 letters, numbers, hyphens, underscores, slashes, and periods are allowed.`,
    );
  }
  if (value !== undefined && !/^(?! )[\w.@:/\\ -]{1,128}(?<! )$/.test(value)) {
    throw invalidParameter(
      `Invalid value of the attribute '${name}'. Up to 128 letters, numbers, hyphens, underscores, periods, at signs, slashes, colons, and spaces between them are allowed.`,
    );
  }
}

async function changeAttributes(
  reference: string | undefined,
  attributes: readonly Attribute[],
  context: OperationContext,
  change: (own: readonly NamedValue[], changes: readonly Attribute[]) => readonly NamedValue[],
): Promise<void> {
  const cluster = clusterOf(reference, context);
  if (attributes.length === 0 || attributes.length > attributesMax) {
    throw invalidParameter(`attributes must have between 1 and ${attributesMax} items.`);
  }
  const byTarget = new Map<string, Attribute[]>();
  for (const attribute of attributes) {
    checkAttribute(attribute);
    if (attribute.targetId === undefined) throw invalidParameter(`The attribute '${attribute.name}' has no targetId.`);
    const target = nameFrom('container-instance', attribute.targetId);
    byTarget.set(target, [...(byTarget.get(target) ?? []), attribute]);
  }
  const { objects } = context;
  for (const [name, changes] of byTarget) {
    const instance = objects.resolve<ContainerInstanceObject>('ContainerInstance', { name });
    if (!instance || !belongsTo(instance, cluster)) {
      throw new EcsError('TargetNotFoundException', `The target '${name}' was not found.`);
    }
    await objects.change<ContainerInstanceObject>('ContainerInstance', { name }, ({ spec }) => {
      const own = change(spec.attributes ?? [], changes);
      if (own.length > attributesMax) throw tooManyAttributes();
      return { spec: { attributes: own } };
    });
  }
}

const tooManyAttributes = () =>
  new EcsError(
    'AttributeLimitExceededException',
    `A container instance can have at most ${attributesMax} custom attributes.`,
  );
