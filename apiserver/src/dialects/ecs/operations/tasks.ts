/** Run, start, stop, describe, list and protect tasks. */
import { createHash } from 'node:crypto';
import { clusterArnAnnotation } from '@slipway/api/ecs/task-metadata';
import { isStatus } from '@slipway/api/status-error';
import { formatTime } from '@slipway/kit/clock';
import { nameFrom } from '../identity/arns.ts';
import { objectName } from '../identity/object-names.ts';
import type { ContainerInstanceObject, ServiceObject, TaskDefinitionObject, TaskObject } from '../kinds.ts';
import type {
  DescribeTasksRequest,
  GetTaskProtectionRequest,
  ListTasksRequest,
  RunTaskRequest,
  StartTaskRequest,
  StopTaskRequest,
  UpdateTaskProtectionRequest,
} from '../model/generated/types.ts';
import { serviceNameOf } from '../shown/service.ts';
import { desiredStatusOf, lastStatusOf, shownTask, type TaskSurroundings, taskBytes } from '../shown/task.ts';
import { EcsError, invalidParameter, serviceNotFound, unsupportedFeature } from '../wire/ecs-error.ts';
import { providersFor } from './capacity-strategy.ts';
import { activeClusterOf, type ClusterReference, clusterOf, nameInCluster } from './cluster-reference.ts';
import { checkToken, fingerprintOf, requestAnnotation } from './client-token.ts';
import { JsonBytes, type OperationContext } from './context.ts';
import { checkLaunch, checkOverrides } from './launch-rules.ts';
import { pageOf } from './paging.ts';
import { checkTags } from './tag-rules.ts';
import { findDefinition, shortReference, usableDefinition } from './task-definitions.ts';

const countMax = 10;
const describedMax = 100;
const startedByCharactersMax = 128;

export async function runTask(request: RunTaskRequest, context: OperationContext) {
  const cluster = activeClusterOf(request.cluster, context);
  const { count = 1, clientToken } = request;
  if (count < 1 || count > countMax) throw invalidParameter(`count must be between 1 and ${countMax}.`);
  checkToken(clientToken, 64);
  const definition = usableDefinition(request.taskDefinition, context);
  const withDefaults = withClusterStrategy(request, cluster);
  checkCommon(request);
  checkLaunch(withDefaults, definition, context);
  checkOverrides(request.overrides, definition);
  const { cluster: _, count: _count, tags: _tags, ...rest } = withDefaults;
  const { capacityProviderStrategy = [] } = withDefaults;
  const spec = {
    ...rest,
    ...commonSpec(request, definition),
    ...(capacityProviderStrategy.length === 0 ? { launchType: request.launchType ?? 'EC2' } : {}),
  };
  const providers = capacityProviderStrategy.length > 0 ? providersFor(capacityProviderStrategy, count) : [];
  const fingerprint = fingerprintOf(request);
  const made = await Promise.all(
    Array.from({ length: count }, (_each, index) => {
      const id = clientToken === undefined ? newId(context) : idFromToken(cluster, clientToken, index);
      const provider = providers[index];
      const own =
        provider === undefined ? spec : { ...spec, capacityProviderName: nameFrom('capacity-provider', provider) };
      return createTask(
        id,
        own,
        { cluster, fingerprint: clientToken === undefined ? undefined : fingerprint },
        context,
      );
    }),
  );
  return { tasks: made.map((task) => shownTask(task, surroundings(cluster, context), true)), failures: [] };
}

export async function startTask(request: StartTaskRequest, context: OperationContext) {
  const cluster = activeClusterOf(request.cluster, context);
  const { containerInstances } = request;
  if (containerInstances.length === 0) throw invalidParameter('Container instances cannot be empty.');
  if (containerInstances.length > countMax) {
    throw invalidParameter(`containerInstances can have at most ${countMax} items.`);
  }
  const definition = usableDefinition(request.taskDefinition, context);
  checkCommon(request);
  checkLaunch(request, definition, context);
  checkOverrides(request.overrides, definition);
  const { cluster: _, containerInstances: _instances, tags: _tags, ...rest } = request;
  const spec = { ...rest, ...commonSpec(request, definition), launchType: 'EC2' };
  const tasks: object[] = [];
  const failures: object[] = [];
  for (const reference of containerInstances) {
    const name = nameInCluster('container-instance', reference, cluster);
    const instance = name === undefined ? undefined : instanceOf(name, cluster, context);
    if (!name || !instance) {
      failures.push({ arn: context.arns.containerInstance(cluster.name, name ?? reference), reason: 'MISSING' });
      continue;
    }
    const own = { ...spec, containerInstance: name };
    const task = await createTask(newId(context), own, { cluster, fingerprint: undefined }, context);
    tasks.push(shownTask(task, surroundings(cluster, context), true));
  }
  return { tasks, failures };
}

function instanceOf(name: string, cluster: ClusterReference, { objects }: OperationContext) {
  const instance = objects.resolve<ContainerInstanceObject>('ContainerInstance', { name });
  return instance && (instance.spec.cluster ?? cluster.name) === cluster.name ? instance : undefined;
}

type CommonFields = Pick<RunTaskRequest, 'tags' | 'startedBy' | 'group' | 'propagateTags' | 'volumeConfigurations'>;

function checkCommon({
  tags = [],
  startedBy = '',
  group = '',
  propagateTags,
  volumeConfigurations = [],
}: CommonFields) {
  checkTags(tags);
  if (propagateTags === 'SERVICE') {
    throw invalidParameter('propagateTags: tags of a service are propagated to the tasks that the service starts.');
  }
  if (volumeConfigurations.length > 0) {
    throw unsupportedFeature('volumeConfigurations: volumes of EBS are not served.');
  }
  if (startedBy.length > startedByCharactersMax) {
    throw invalidParameter(`startedBy can have at most ${startedByCharactersMax} characters.`);
  }
  if (!/^[\w/-]*$/.test(startedBy)) {
    throw invalidParameter('startedBy can have letters, numbers, hyphens, forward slashes, and underscores only.');
  }
  if (startedBy.startsWith('ecs-svc/')) throw invalidParameter("startedBy can not begin with 'ecs-svc/'.");
  if (group.startsWith('service:')) throw invalidParameter("group can not begin with 'service:'.");
}

/** Without a launch type and a strategy the cluster's own strategy applies. */
function withClusterStrategy(request: RunTaskRequest, { object }: ClusterReference): RunTaskRequest {
  if (request.launchType !== undefined || request.capacityProviderStrategy !== undefined) return request;
  const { defaultCapacityProviderStrategy = [] } = object.spec;
  if (defaultCapacityProviderStrategy.length === 0) return request;
  return { ...request, capacityProviderStrategy: defaultCapacityProviderStrategy };
}

type TaskRequest = Pick<RunTaskRequest, 'group' | 'tags' | 'propagateTags'>;

function commonSpec(request: TaskRequest, definition: TaskDefinitionObject): object {
  const inherited = request.propagateTags === 'TASK_DEFINITION' ? (definition.spec.tags ?? []) : [];
  const tags = new Map([...inherited, ...(request.tags ?? [])].map((tag) => [tag.key, tag]));
  return {
    taskDefinition: shortReference(definition),
    group: request.group ?? `family:${definition.spec.family}`,
    ...(tags.size > 0 ? { tags: [...tags.values()] } : {}),
  };
}

async function createTask(
  name: string,
  spec: object,
  { cluster, fingerprint }: { readonly cluster: ClusterReference; readonly fingerprint: string | undefined },
  { objects, arns }: OperationContext,
): Promise<TaskObject> {
  const { namespace } = cluster;
  const annotations = {
    [clusterArnAnnotation]: arns.cluster(cluster.name),
    ...(fingerprint === undefined ? {} : { [requestAnnotation]: fingerprint }),
  };
  try {
    return await objects.create<TaskObject>('Task', { metadata: { name, namespace, annotations }, spec });
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists') || fingerprint === undefined) throw error;
    await objects.refresh();
    const known = objects.resolve<TaskObject>('Task', { namespace, name });
    if (known?.metadata.annotations?.[requestAnnotation] === fingerprint) return known;
    throw new EcsError('ConflictException', 'The client token was used by a request with other parameters.', {
      fields: { resourceIds: [arns.task(cluster.name, name)] },
    });
  }
}

function newId({ random }: OperationContext): string {
  return random.bytes(16).toString('hex');
}

/** The same token gives the same tasks for as long as they are there. */
function idFromToken({ namespace }: ClusterReference, token: string, index: number): string {
  return createHash('sha256').update(`${namespace}\n${token}\n${index}`).digest('hex').slice(0, 32);
}

export async function stopTask({ cluster: reference, task, reason }: StopTaskRequest, context: OperationContext) {
  const cluster = clusterOf(reference, context);
  const { namespace } = cluster;
  const name = nameInCluster('task', task, cluster);
  const found = name ? context.objects.resolve<TaskObject>('Task', { namespace, name }) : undefined;
  if (!name || !found) throw invalidParameter('The referenced task was not found.');
  if (found.spec.desiredStatus === 'STOPPED' || lastStatusOf(found) === 'STOPPED') {
    context.objects.get('Task', { namespace, name });
    return { task: shownTask(found, surroundings(cluster, context), true) };
  }
  const spec = {
    desiredStatus: 'STOPPED',
    stopCode: 'UserInitiated',
    stoppedReason: reason === undefined || reason === '' ? 'Task stopped by user' : reason.slice(0, 1024),
  };
  const stopped = await context.objects.patch<TaskObject>('Task', { namespace, name }, { spec });
  return { task: shownTask(stopped, surroundings(cluster, context), true) };
}

const tasksOpen = Buffer.from('{"tasks":');
const withoutFailures = Buffer.from(',"failures":[]}');

export function describeTasks(
  { cluster: reference, tasks, include = [] }: DescribeTasksRequest,
  context: OperationContext,
): JsonBytes {
  const cluster = clusterOf(reference, context);
  if (tasks.length === 0) throw invalidParameter('Tasks cannot be empty.');
  if (tasks.length > describedMax) throw invalidParameter(`tasks can have at most ${describedMax} items.`);
  const { namespace } = cluster;
  const around = surroundings(cluster, context);
  const withTags = include.includes('TAGS');
  const shown: Buffer[] = [];
  const failures: object[] = [];
  for (const asked of tasks) {
    const name = nameInCluster('task', asked, cluster);
    const task = name ? context.objects.get<TaskObject>('Task', { namespace, name }) : undefined;
    if (task) shown.push(taskBytes(task, around, withTags));
    else
      failures.push({
        arn: asked.startsWith('arn:') ? asked : context.arns.task(cluster.name, asked),
        reason: 'MISSING',
      });
  }
  const end = failures.length === 0 ? withoutFailures : Buffer.from(`,"failures":${JSON.stringify(failures)}}`);
  return new JsonBytes([tasksOpen, context.joined.list(shown), end]);
}

export function listTasks(request: ListTasksRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const { startedBy, family, desiredStatus = 'RUNNING', launchType, daemonName } = request;
  if (daemonName !== undefined)
    throw invalidParameter('daemonName: daemons are services with the strategy DAEMON here.');
  if (startedBy !== undefined && (family ?? request.serviceName) !== undefined) {
    throw invalidParameter('startedBy can not be used together with family or serviceName.');
  }
  const instance =
    request.containerInstance === undefined ? undefined : nameFrom('container-instance', request.containerInstance);
  const serviceName = request.serviceName === undefined ? undefined : serviceOf(request.serviceName, cluster, context);
  const isAsked = (task: TaskObject) =>
    desiredStatusOf(task) === desiredStatus &&
    (startedBy === undefined || task.spec.startedBy === startedBy) &&
    (family === undefined || familyOf(task) === family) &&
    (serviceName === undefined || task.spec.serviceName === serviceName) &&
    (instance === undefined || (task.status?.containerInstance ?? task.spec.containerInstance) === instance) &&
    (launchType === undefined || (task.spec.launchType ?? 'EC2') === launchType);
  const names: string[] = [];
  for (const task of context.objects.list<TaskObject>('Task', cluster.namespace)) {
    if (isAsked(task)) names.push(task.metadata.name ?? '');
  }
  const { items, nextToken } = pageOf(names.sort(), request);
  const taskArns = items.map((name) => context.arns.task(cluster.name, name));
  return { taskArns, ...(nextToken === undefined ? {} : { nextToken }) };
}

function familyOf({ spec, status }: TaskObject): string {
  return (status?.taskDefinition ?? spec.taskDefinition).split(':', 1)[0] ?? '';
}

/** The name of the Service object. Throws EcsError ServiceNotFoundException. */
function serviceOf(reference: string, cluster: ClusterReference, { objects }: OperationContext): string {
  const ecsName = nameFrom('service', reference);
  const name = objectName('service', ecsName);
  const service = objects.resolve<ServiceObject>('Service', { namespace: cluster.namespace, name });
  if (!service || serviceNameOf(service) !== ecsName) throw serviceNotFound();
  return name;
}

const protectionMinutesDefault = 120;
const protectionMinutesMax = 2_880;

export async function updateTaskProtection(request: UpdateTaskProtectionRequest, context: OperationContext) {
  const cluster = clusterOf(request.cluster, context);
  const { tasks, protectionEnabled, expiresInMinutes = protectionMinutesDefault } = request;
  if (tasks.length === 0 || tasks.length > countMax) {
    throw invalidParameter(`tasks must have between 1 and ${countMax} items.`);
  }
  if (expiresInMinutes < 1 || expiresInMinutes > protectionMinutesMax) {
    throw invalidParameter(`expiresInMinutes must be between 1 and ${protectionMinutesMax}.`);
  }
  const expirationDate = formatTime(context.nowMs + expiresInMinutes * 60_000);
  const protectedTasks: object[] = [];
  const failures: object[] = [];
  for (const asked of tasks) {
    const outcome = serviceTask(asked, cluster, context);
    if ('reason' in outcome) {
      failures.push(outcome);
      continue;
    }
    const place = { namespace: cluster.namespace, name: outcome.metadata.name ?? '' };
    const protection = protectionEnabled ? { expirationDate } : null;
    const changed = await context.objects.patch<TaskObject>('Task', place, { spec: { protection } });
    protectedTasks.push(shownProtection(changed, cluster, context));
  }
  return { protectedTasks, failures };
}

export function getTaskProtection({ cluster: reference, tasks }: GetTaskProtectionRequest, context: OperationContext) {
  const cluster = clusterOf(reference, context);
  const all = () =>
    [...context.objects.list<TaskObject>('Task', cluster.namespace)]
      .filter(({ spec }) => spec.serviceName !== undefined)
      .map(({ metadata }) => metadata.name ?? '')
      .slice(0, describedMax);
  const asked = tasks && tasks.length > 0 ? tasks : all();
  if (asked.length > describedMax) throw invalidParameter(`tasks can have at most ${describedMax} items.`);
  const outcomes = asked.map((each) => serviceTask(each, cluster, context));
  return {
    protectedTasks: outcomes.flatMap((each) => ('reason' in each ? [] : [shownProtection(each, cluster, context)])),
    failures: outcomes.filter((each) => 'reason' in each),
  };
}

function serviceTask(
  asked: string,
  cluster: ClusterReference,
  { objects, arns }: OperationContext,
): TaskObject | { readonly arn: string; readonly reason: string; readonly detail?: string } {
  const name = nameInCluster('task', asked, cluster);
  const task = name ? objects.get<TaskObject>('Task', { namespace: cluster.namespace, name }) : undefined;
  const arn = asked.startsWith('arn:') ? asked : arns.task(cluster.name, asked);
  if (!task) return { arn, reason: 'MISSING' };
  if (task.spec.serviceName === undefined) {
    return { arn, reason: 'TASK_NOT_VALID', detail: 'Task protection is for tasks of services.' };
  }
  return task;
}

function shownProtection(task: TaskObject, cluster: ClusterReference, { arns, nowMs }: OperationContext): object {
  const untilMs = Date.parse(task.spec.protection?.expirationDate ?? '');
  const protectionEnabled = untilMs > nowMs;
  return {
    taskArn: arns.task(cluster.name, task.metadata.name ?? ''),
    protectionEnabled,
    ...(protectionEnabled ? { expirationDate: untilMs / 1000 } : {}),
  };
}

export function surroundings({ name }: ClusterReference, context: OperationContext): TaskSurroundings {
  return { arns: context.arns, cluster: name, definition: (reference) => findDefinition(reference, context) };
}
