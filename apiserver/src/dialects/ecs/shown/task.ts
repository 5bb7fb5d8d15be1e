/**
 * Tasks as ECS answers them. A task that has not changed is shown as the same bytes, which are kept as long as its object: describing a hundred
 * tasks is then a matter of joining them.
 */
import type { Arns } from '../identity/arns.ts';
import type { TaskDefinitionObject, TaskObject, TaskStatus } from '../kinds.ts';
import { seconds, withSeconds } from './times.ts';

export interface TaskSurroundings {
  readonly arns: Arns;
  /** ECS' name. */
  readonly cluster: string;
  /** What the containers are before a status says so. */
  definition(reference: string): TaskDefinitionObject | undefined;
}

interface ShownBytes {
  readonly key: string;
  readonly bytes: Buffer;
}

const shownBytes = new WeakMap<TaskObject, ShownBytes>();

export function taskBytes(task: TaskObject, surroundings: TaskSurroundings, withTags: boolean): Buffer {
  const { arns, cluster } = surroundings;
  const key = `${withTags ? 't' : ''} ${arns.region} ${arns.account} ${cluster}`;
  const known = shownBytes.get(task);
  if (known?.key === key) return known.bytes;
  const bytes = Buffer.from(JSON.stringify(shownTask(task, surroundings, withTags)));
  shownBytes.set(task, { key, bytes });
  return bytes;
}

const ended: ReadonlySet<string> = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED']);

/** What ECS wants of the task: STOPPED too when it has begun to end by itself. */
export function desiredStatusOf({ spec, status, metadata }: TaskObject): 'RUNNING' | 'STOPPED' {
  if (spec.desiredStatus === 'STOPPED' || metadata.deletionTimestamp !== undefined) return 'STOPPED';
  return ended.has(status?.lastStatus ?? '') ? 'STOPPED' : 'RUNNING';
}

export function lastStatusOf({ status }: TaskObject): string {
  return status?.lastStatus ?? 'PROVISIONING';
}

const times = [
  'connectivityAt',
  'executionStoppedAt',
  'pullStartedAt',
  'pullStoppedAt',
  'startedAt',
  'stoppedAt',
  'stoppingAt',
] as const;

export function shownTask(task: TaskObject, surroundings: TaskSurroundings, withTags: boolean): object {
  const { arns, cluster } = surroundings;
  const { metadata, spec, status = {} as TaskStatus } = task;
  const id = metadata.name ?? '';
  const { taskDefinition, containerInstance, containers: _, podName: _pod, ...shown } = withoutMachinery(status);
  const reference = taskDefinition ?? spec.taskDefinition;
  const definition = surroundings.definition(reference);
  const instance = containerInstance ?? spec.containerInstance;
  const stopCode = shown.stopCode ?? spec.stopCode;
  const stoppedReason = shown.stoppedReason ?? (spec.desiredStatus === 'STOPPED' ? spec.stoppedReason : undefined);
  return {
    attachments: [],
    attributes: [],
    healthStatus: 'UNKNOWN',
    ...withSeconds(shown, times),
    taskArn: arns.task(cluster, id),
    clusterArn: arns.cluster(cluster),
    taskDefinitionArn: arnOfDefinition(reference, definition, arns),
    ...(instance === undefined ? {} : { containerInstanceArn: arns.containerInstance(cluster, instance) }),
    ...launchOf(task),
    containers: shownContainers(task, definition, surroundings),
    ...(status.cpu === undefined && definition?.spec.cpu !== undefined ? { cpu: definition.spec.cpu } : {}),
    ...(status.memory === undefined && definition?.spec.memory !== undefined ? { memory: definition.spec.memory } : {}),
    createdAt: seconds(metadata.creationTimestamp),
    desiredStatus: desiredStatusOf(task),
    lastStatus: lastStatusOf(task),
    enableExecuteCommand: spec.enableExecuteCommand ?? false,
    group: spec.group ?? `family:${reference.split(':')[0]}`,
    ...(spec.startedBy === undefined ? {} : { startedBy: spec.startedBy }),
    ...(stopCode === undefined ? {} : { stopCode }),
    ...(stoppedReason === undefined ? {} : { stoppedReason }),
    overrides: { containerOverrides: [], inferenceAcceleratorOverrides: [], ...spec.overrides },
    tags: withTags ? (spec.tags ?? []) : [],
    version: metadata.generation ?? 1,
  };
}

function withoutMachinery(status: TaskStatus): TaskStatus {
  const {
    conditions: _,
    observedGeneration: _seen,
    ...shown
  } = status as TaskStatus & {
    readonly conditions?: unknown;
    readonly observedGeneration?: unknown;
  };
  return shown;
}

function launchOf({ spec, status }: TaskObject): object {
  const provider = status?.capacityProviderName ?? spec.capacityProviderName;
  if (provider !== undefined) return { capacityProviderName: provider };
  return { launchType: spec.launchType ?? 'EC2' };
}

function arnOfDefinition(reference: string, definition: TaskDefinitionObject | undefined, arns: Arns): string {
  const [family = '', revision] = reference.split(':');
  return arns.taskDefinition(family, revision ?? definition?.spec.revision ?? 0);
}

function shownContainers(
  task: TaskObject,
  definition: TaskDefinitionObject | undefined,
  { arns, cluster }: TaskSurroundings,
): readonly object[] {
  const id = task.metadata.name ?? '';
  const named = (name: string, containerId?: string) => ({
    containerArn: arns.container(cluster, id, containerId ?? name),
    taskArn: arns.task(cluster, id),
  });
  const told = task.status?.containers;
  if (told) {
    return told.map(({ containerId, ...container }) => ({
      ...named(container.name ?? '', containerId),
      networkBindings: [],
      networkInterfaces: [],
      healthStatus: 'UNKNOWN',
      ...container,
      ...managedAgents(task, container.lastStatus),
    }));
  }
  return (definition?.spec.containerDefinitions ?? []).map(({ name = '', image, cpu, memory, memoryReservation }) => ({
    ...named(name),
    name,
    image,
    lastStatus: 'PENDING',
    networkInterfaces: [],
    ...managedAgents(task, undefined),
    ...(cpu === undefined ? {} : { cpu: String(cpu) }),
    ...(memory === undefined ? {} : { memory: String(memory) }),
    ...(memoryReservation === undefined ? {} : { memoryReservation: String(memoryReservation) }),
  }));
}

/** What answers ExecuteCommand. There is nothing of it in the container: it runs as long as the container does. */
function managedAgents({ spec, status }: TaskObject, containerStatus: string | undefined): object {
  if (!spec.enableExecuteCommand) return {};
  const lastStatus = containerStatus ?? 'PENDING';
  const startedAt = lastStatus === 'PENDING' ? undefined : seconds(status?.startedAt);
  const times = startedAt === undefined ? {} : { lastStartedAt: startedAt };
  return { managedAgents: [{ name: 'ExecuteCommandAgent', lastStatus, ...times }] };
}
