/**
 * A task is a pod of the same name. The task says what shall be (`spec.desiredStatus`), the pod what is; the status of the task goes through ECS'
 * states in their order and never back. Whatever ends a task is written to its spec first, with the reason, so that there is one way to an end.
 * The pod keeps a finalizer until the status of the stopped task has its exit codes.
 */
import { isStatus } from '@slipway/api/status-error';
import type { StopCode, Task, TaskContainer, TaskStatus } from '@slipway/api/ecs/kinds';
import type { Pod } from '@slipway/api/types';
import { type ObjectKey, kinds } from '@slipway/client/kinds';
import { formatTime } from '@slipway/kit/clock';
import type { Caches } from '../../runtime/caches.ts';
import { controllerOf } from '../../runtime/owner.ts';
import { isNamespaceTerminating } from '../../runtime/stale.ts';
import type { Plan, Step } from '../../runtime/step.ts';
import { QueryError } from '@slipway/api/ecs/query-expression';
import { type EffectiveDefinition, effectiveDefinition } from './effective-definition.ts';
import { hasLostEssential, lossesOnNode } from './foreign-node.ts';
import { notCarried } from './not-carried.ts';
import type { ObservedTask } from './observe.ts';
import { podFromTask, taskFinalizer } from './pod-from-task.ts';
import { deregister, drainLeftMs, register } from './registration.ts';
import { essentialExit, failureToStart, loss, whyItEnded } from './task-failures.ts';
import { conditionsOf, effectOf, isFinal, isLaterState, type StatusNow, taskStatus } from './task-status.ts';

/** So long a stopped task can still be described, as in ECS. */
export const keptAfterStopMs = 3_600_000;

export function planTask(observed: ObservedTask, nowMs: number): Plan<TaskStatus> {
  const { task, pod } = observed;
  if (task.status?.lastStatus === 'STOPPED') return planStopped(task, pod, nowMs);
  const isWanted = task.spec.desiredStatus !== 'STOPPED' && !task.metadata.deletionTimestamp;
  if (pod && controllerOf(pod)?.uid !== task.metadata.uid) {
    return isWanted
      ? end(task, 'TaskFailedToStart', `a pod ${pod.metadata.name} exists that is not this task`)
      : over(observed, nowMs);
  }
  if (!pod) {
    const plan = isWanted ? planStart(observed, nowMs) : over(observed, nowMs);
    // Caches know different things: the task's may show a pod that the pods' does not show yet.
    const isTakenForGone = !isWanted || task.status?.podName !== undefined;
    return isTakenForGone ? { ...plan, ifGone: { kind: kinds.pods, object: podRefOf(task) } } : plan;
  }
  const status = taskStatus(observed, nowMs);
  const effective = observed.definition && effectiveDefinition(observed.definition, task);
  if (isFinal(pod)) {
    return isWanted ? end(task, ...whyItEnded(pod, effective)) : over(observed, nowMs);
  }
  if (!isWanted) return planStop(observed, status.status, nowMs);
  const failure = failureToStart(pod, effective) ?? loss(pod);
  if (failure) return end(task, ...failure);
  return planOnNode(observed, pod, status, nowMs);
}

/** As long as it is wanted and nothing is wrong. What it loses is known when its node is. */
function planOnNode(
  { task, definition, node }: ObservedTask,
  pod: Pod,
  status: StatusNow,
  nowMs: number,
): Plan<TaskStatus> {
  const effective = definition && effectiveDefinition(definition, task);
  if (effective && hasLostEssential(pod, effective, node)) return end(task, ...essentialExit);
  const onNode = effective ? lossesOnNode(pod, effective, node) : [];
  const losses = effective && onNode.length > 0 ? [...notCarried(effective, task).losses, ...onNode] : undefined;
  const told = losses && effectOf(losses);
  const isNews = told && !task.status?.conditions?.some(({ message }) => message === told.message);
  return {
    steps: status.status.lastStatus === 'ACTIVATING' ? register(pod) : [],
    status: told
      ? { ...status.status, conditions: conditionsOf(status.status.conditions, [told], nowMs) }
      : status.status,
    ...(isNews ? { statusTells: [notCarriedEvent(onNode)] } : {}),
    ...(status.againAfterMs === undefined ? {} : { again: { afterMs: status.againAfterMs } }),
  };
}

function podRefOf({ metadata: { namespace, name = '' } }: Task) {
  return { namespace, name };
}

/** The finalizer goes once the status stands; the task goes an hour later, and the pod with it. */
function planStopped(task: Task, pod: Pod | undefined, nowMs: number): Plan<TaskStatus> {
  const steps = pod && controllerOf(pod)?.uid === task.metadata.uid ? [...remains(pod), ...release(pod)] : [];
  if (task.metadata.deletionTimestamp) return { steps, status: 'unchanged' };
  const leftMs = Date.parse(task.status?.stoppedAt ?? '') + keptAfterStopMs - nowMs;
  if (leftMs > 0) return { steps, status: 'unchanged', again: { afterMs: leftMs } };
  return { steps: [...steps, { op: 'delete', kind: kinds.ecsTasks, target: task }], status: 'unchanged' };
}

/** What was asked for before the end and came after it. */
function remains(pod: Pod): Step[] {
  return isFinal(pod) || pod.metadata.deletionTimestamp ? [] : [{ op: 'delete', kind: kinds.pods, target: pod }];
}

function release(pod: Pod): Step[] {
  if (!pod.metadata.finalizers?.includes(taskFinalizer)) return [];
  const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [taskFinalizer] } };
  return [{ op: 'patch', kind: kinds.pods, target: pod, patch, patchType: 'strategic', evenIfChanged: true }];
}

/** Takes the finalizer off a pod whose task is not there any more. */
export function planGoneTask(key: ObjectKey, caches: Caches): readonly Step[] {
  const pod = caches.get(kinds.pods, key);
  return pod ? release(pod) : [];
}

function planStart(observed: ObservedTask, nowMs: number): Plan<TaskStatus> {
  const { task, definition, provider } = observed;
  if (task.status?.podName !== undefined) {
    return end(task, 'TerminationNotice', `pod ${task.status.podName} of the task was removed`);
  }
  if (!definition)
    return end(task, 'TaskFailedToStart', `there is no ACTIVE task definition ${task.spec.taskDefinition}`);
  if (definition.spec.status === 'INACTIVE' && task.status?.taskDefinition === undefined && !task.spec.serviceName) {
    return end(task, 'TaskFailedToStart', `task definition ${task.spec.taskDefinition} is INACTIVE`);
  }
  if (provider === 'missing') {
    return end(task, 'TaskFailedToStart', `there is no capacity provider ${task.spec.capacityProviderName}`);
  }
  const effective = effectiveDefinition(definition, task);
  const { refusal, losses } = notCarried(effective, task);
  if (refusal) return end(task, 'TaskFailedToStart', refusal);
  const refused = task.status?.conditions?.find(({ reason }) => reason === podRefused);
  if (refused) return end(task, 'TaskFailedToStart', refused.message);
  const chosen = `${definition.spec.family}:${definition.spec.revision}`;
  const first: TaskStatus = {
    ...task.status,
    lastStatus: 'PROVISIONING',
    taskDefinition: chosen,
    healthStatus: 'UNKNOWN',
    launchType: task.spec.launchType ?? 'EC2',
    ...sizeOf(effective),
    conditions: conditionsOf(task.status?.conditions, [effectOf(losses)], nowMs),
  };
  try {
    const pod = podFromTask(task, effective, { provider, takenPorts: observed.takenPorts() });
    const failed = { type: 'Warning', reason: 'FailedCreate', message: 'Error creating: {error}' } as const;
    return {
      steps: [{ op: 'create', kind: kinds.pods, object: pod, tells: { about: task, failed } }],
      status: taskStatus(
        { ...observed, pod, task: { ...task, status: { ...first, podName: task.metadata.name ?? '' } } },
        nowMs,
      ).status,
      statusAfterFailure: ({ error }) => afterRefusal(first, error, effective, nowMs),
      ...(losses.length > 0 ? { statusTells: [notCarriedEvent(losses)] } : {}),
    };
  } catch (error) {
    if (error instanceof QueryError) return end(task, 'TaskFailedToStart', `placement constraint: ${error.message}`);
    throw error;
  }
}

const podRefused = 'PodRefused';

/** What the API server does not take now it will not take later: the next look ends the task. All else is tried again. */
function afterRefusal(
  first: TaskStatus,
  error: unknown,
  { taskRoleArn }: EffectiveDefinition,
  nowMs: number,
): TaskStatus {
  if (!isStatus(error, 'Invalid', 'Forbidden', 'BadRequest') || isNamespaceTerminating(error)) return first;
  const message =
    taskRoleArn && error.message.includes('error looking up service account')
      ? `ECS was unable to assume the role '${taskRoleArn}' that was provided for this task: ${error.message}`
      : `ResourceInitializationError: the pod of the task was refused: ${error.message}`;
  const verdict = { type: 'Placed', status: 'False', reason: podRefused, message } as const;
  return { ...first, conditions: conditionsOf(first.conditions, [verdict], nowMs) };
}

function sizeOf({ cpu, memory, containers }: EffectiveDefinition): Pick<TaskStatus, 'cpu' | 'memory'> {
  const total = (values: readonly (number | undefined)[]) =>
    String(values.reduce<number>((sum, each) => sum + (each ?? 0), 0));
  return {
    cpu: cpu ?? total(containers.map((each) => each.cpu)),
    memory: memory ?? total(containers.map((each) => each.memory ?? each.memoryReservation)),
  };
}

function notCarriedEvent(losses: readonly string[]) {
  return { type: 'Warning', reason: 'NotCarried', message: `without effect: ${losses.join('; ')}` } as const;
}

/**
 * What ran goes by DEACTIVATING to STOPPING, the rest at once. While it is DEACTIVATING a task of a service serves on, and no name leads to it any
 * more: only then are its containers told to end.
 */
function planStop({ task, pod }: ObservedTask, status: TaskStatus, nowMs: number): Plan<TaskStatus> {
  const stopping = { ...status, ...reasonOf(task), stoppingAt: status.stoppingAt ?? formatTime(nowMs) };
  if (status.lastStatus === 'RUNNING' || status.lastStatus === 'ACTIVATING') {
    return { steps: deregister(pod), status: { ...stopping, lastStatus: 'DEACTIVATING' } };
  }
  const leftMs = status.lastStatus === 'DEACTIVATING' ? drainLeftMs(task, pod, stopping, nowMs) : 0;
  if (leftMs > 0) return { steps: deregister(pod), status: stopping, again: { afterMs: leftMs } };
  const steps: Step[] = pod && !pod.metadata.deletionTimestamp ? [{ op: 'delete', kind: kinds.pods, target: pod }] : [];
  return {
    steps,
    status: isLaterState('STOPPING', status.lastStatus) ? { ...stopping, lastStatus: 'STOPPING' } : stopping,
  };
}

/** Nothing of it runs any more. */
function over(observed: ObservedTask, nowMs: number): Plan<TaskStatus> {
  const { task, pod } = observed;
  const now = formatTime(nowMs);
  const isOurs = pod !== undefined && controllerOf(pod)?.uid === task.metadata.uid;
  const { status } = isOurs ? taskStatus(observed, nowMs) : { status: task.status ?? {} };
  return {
    steps: [],
    status: {
      ...status,
      ...reasonOf(task),
      lastStatus: 'STOPPED',
      ...(status.containers ? { containers: status.containers.map(stopped) } : {}),
      stoppingAt: status.stoppingAt ?? now,
      executionStoppedAt: status.executionStoppedAt ?? now,
      stoppedAt: now,
    },
  };
}

/** One that never ran has no exit code. */
function stopped(container: TaskContainer): TaskContainer {
  return { ...container, lastStatus: 'STOPPED' };
}

function reasonOf({ spec, metadata }: Task): Pick<TaskStatus, 'stopCode' | 'stoppedReason'> {
  if (spec.desiredStatus === 'STOPPED') {
    return { stopCode: spec.stopCode ?? 'UserInitiated', stoppedReason: spec.stoppedReason ?? 'Task stopped by user' };
  }
  return metadata.deletionTimestamp ? { stopCode: 'UserInitiated', stoppedReason: 'Task deleted' } : {};
}

const reasonMax = 1024;

/** Writes that, and why, the task is to stop. The next look does it. */
function end(task: Task, stopCode: StopCode, reason: string): Plan<TaskStatus> {
  const stoppedReason = reason.slice(0, reasonMax);
  const patch = { spec: { desiredStatus: 'STOPPED', stopCode, stoppedReason } };
  const isTrouble = stopCode !== 'EssentialContainerExited';
  return {
    steps: [
      { op: 'patch', kind: kinds.ecsTasks, target: task, patch },
      { op: 'event', about: task, type: isTrouble ? 'Warning' : 'Normal', reason: stopCode, message: stoppedReason },
    ],
    status: 'unchanged',
  };
}
