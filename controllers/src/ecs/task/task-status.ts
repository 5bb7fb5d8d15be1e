/** What a task is, from its pod. Pure; times that were told once stay. */
import {
  type Task,
  type TaskCondition,
  type TaskContainer,
  type TaskState,
  type TaskStatus,
  taskStates,
} from '@slipway/api/ecs/kinds';
import type { HealthCheck } from '@slipway/api/ecs/generated/types';
import type { ContainerStatus, Node, Pod } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import { unhealthyAfterMs } from './container-from-definition.ts';
import { type EffectiveContainer, type EffectiveDefinition, effectiveDefinition } from './effective-definition.ts';
import type { ObservedTask } from './observe.ts';
import { awaitsRegistration } from './registration.ts';
import { containerFailure, containerReason } from './task-failures.ts';
import { restartAttemptPeriodDefault } from './terms-from-definition.ts';

export interface StatusNow {
  readonly status: TaskStatus;
  /** When something becomes true by time alone. */
  readonly againAfterMs: number | undefined;
}

const zoneLabel = 'topology.kubernetes.io/zone';
type Health = NonNullable<TaskStatus['healthStatus']>;

export function taskStatus(observed: ObservedTask, nowMs: number): StatusNow {
  const { task, pod, definition, node } = observed;
  const before = task.status ?? {};
  if (!pod || !definition) return { status: before, againAfterMs: undefined };
  const effective = effectiveDefinition(definition, task);
  const containers = effective.containers.map((each) => containerNow(each, pod, effective, before, nowMs));
  const now = formatTime(nowMs);
  const state = laterOf(stateFrom(task, pod, containers), before.lastStatus);
  const scheduledAt = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.lastTransitionTime ?? now;
  const hasStarted = state === 'RUNNING' || before.startedAt !== undefined;
  const isEnd = isFinal(pod);
  const zone = node?.metadata.labels?.[zoneLabel];
  const status: TaskStatus = {
    ...before,
    lastStatus: state,
    healthStatus: taskHealth(containers),
    containers: containers.map(({ told }) => told),
    ...(pod.spec.nodeName
      ? {
          containerInstance: pod.spec.nodeName,
          ...connectivityOf(node, before, scheduledAt, now),
          pullStartedAt: before.pullStartedAt ?? scheduledAt,
        }
      : {}),
    ...(zone ? { availabilityZone: zone } : {}),
    ...attachmentsOf(pod, effective, task),
    ...(hasStarted
      ? { pullStoppedAt: before.pullStoppedAt ?? firstStart(pod) ?? now, startedAt: before.startedAt ?? now }
      : {}),
    ...(isEnd ? { executionStoppedAt: before.executionStoppedAt ?? lastEnd(pod) ?? now } : {}),
    conditions: conditionsOf(before.conditions, [placedCondition(pod)], nowMs),
  };
  const waits = containers.flatMap(({ againAfterMs }) => againAfterMs ?? []);
  return { status, againAfterMs: waits.length > 0 ? Math.min(...waits) : undefined };
}

/** Nothing of the pod will run again, and what is known of its containers is all that will be known. */
export function isFinal({ metadata, spec, status }: Pod): boolean {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  if (!metadata.deletionTimestamp) return false;
  if (!spec.nodeName || metadata.deletionGracePeriodSeconds === 0) return true;
  const told = status?.containerStatuses ?? [];
  return told.length > 0 && told.every(({ state }) => state?.terminated !== undefined);
}

export function isLaterState(state: TaskState, than: TaskState | undefined): boolean {
  return than === undefined || taskStates.indexOf(state) > taskStates.indexOf(than);
}

function laterOf(state: TaskState, before: TaskState | undefined): TaskState {
  return isLaterState(state, before) || before === undefined ? state : before;
}

function stateFrom(task: Task, pod: Pod, containers: readonly ContainerNow[]): TaskState {
  if (!pod.spec.nodeName) return 'PROVISIONING';
  if (containers.some(({ told }) => told.lastStatus === 'PENDING')) return 'PENDING';
  return awaitsRegistration(task, pod) ? 'ACTIVATING' : 'RUNNING';
}

interface ContainerNow {
  readonly told: TaskContainer;
  readonly isEssential: boolean;
  readonly againAfterMs: number | undefined;
}

function containerNow(
  definition: EffectiveContainer,
  pod: Pod,
  { networkMode = 'bridge' }: EffectiveDefinition,
  before: TaskStatus,
  nowMs: number,
): ContainerNow {
  const { name, podName, image, essential = true, healthCheck, cpu, memory, memoryReservation } = definition;
  const seen = pod.status?.containerStatuses?.find((each) => each.name === podName);
  const known = before.containers?.find((each) => each.name === name);
  const ended = startsAgain(definition, seen, pod) ? undefined : seen?.state?.terminated;
  const health = healthOf(healthCheck, seen, known?.healthStatus, nowMs);
  const digest = /sha256:[0-9a-f]{64}/.exec(seen?.imageID ?? '')?.[0];
  const runtimeId = seen?.containerID?.split('//').at(-1);
  const reason = containerReason(seen?.state);
  // Without it the task goes on; where it is needed, the task is ended.
  const isLost = seen?.state?.waiting !== undefined && containerFailure(seen.state) !== undefined;
  const told: TaskContainer = {
    name,
    ...(image ? { image } : {}),
    ...(digest ? { imageDigest: digest } : {}),
    ...(runtimeId ? { runtimeId } : {}),
    lastStatus: ended || isLost ? 'STOPPED' : hasBegun(seen) ? 'RUNNING' : 'PENDING',
    ...(ended ? { exitCode: ended.exitCode } : {}),
    ...(reason ? { reason } : {}),
    networkBindings: networkMode === 'awsvpc' ? [] : bindingsOf(podName, pod),
    networkInterfaces: networkMode === 'awsvpc' ? interfacesOf(pod) : [],
    healthStatus: health.status,
    cpu: String(cpu ?? 0),
    ...(memory === undefined ? {} : { memory: String(memory) }),
    ...(memoryReservation === undefined ? {} : { memoryReservation: String(memoryReservation) }),
  };
  return { told, isEssential: essential, againAfterMs: health.againAfterMs };
}

/** One that is started again goes on being a running one. */
function hasBegun(seen: ContainerStatus | undefined): boolean {
  return (seen?.state?.running ?? seen?.state?.terminated ?? seen?.lastState?.terminated) !== undefined;
}

/** It has ended, and the agent is about to start it again. */
function startsAgain({ restartPolicy }: EffectiveContainer, seen: ContainerStatus | undefined, pod: Pod): boolean {
  const end = seen?.state?.terminated;
  if (!end || !restartPolicy?.enabled || isFinal(pod) || pod.metadata.deletionTimestamp) return false;
  const ranMs = Date.parse(end.finishedAt ?? '') - Date.parse(end.startedAt ?? '');
  const { ignoredExitCodes = [], restartAttemptPeriod = restartAttemptPeriodDefault } = restartPolicy;
  return !ignoredExitCodes.includes(end.exitCode) && ranMs >= restartAttemptPeriod * 1000;
}

/** The probe counts failures; what it has never seen succeed becomes unhealthy by time. */
function healthOf(
  check: HealthCheck | undefined,
  seen: ContainerStatus | undefined,
  before: Health | undefined,
  nowMs: number,
): { readonly status: Health; readonly againAfterMs?: number | undefined } {
  if (!check || check.command[0] === 'NONE') return { status: 'UNKNOWN' };
  const startedAt = seen?.state?.running?.startedAt;
  if (!startedAt) return { status: seen?.state?.terminated ? (before ?? 'UNKNOWN') : 'UNKNOWN' };
  if (seen?.ready) return { status: 'HEALTHY' };
  if (before === 'HEALTHY' || before === 'UNHEALTHY') return { status: 'UNHEALTHY' };
  const leftMs = Date.parse(startedAt) + unhealthyAfterMs(check) - nowMs;
  return leftMs <= 0 ? { status: 'UNHEALTHY' } : { status: 'UNKNOWN', againAfterMs: leftMs };
}

function taskHealth(containers: readonly ContainerNow[]): Health {
  const essential = containers.filter(({ isEssential }) => isEssential).map(({ told }) => told.healthStatus);
  if (essential.includes('UNHEALTHY')) return 'UNHEALTHY';
  return essential.includes('UNKNOWN') ? 'UNKNOWN' : 'HEALTHY';
}

function bindingsOf(podName: string, { spec }: Pod): NonNullable<TaskContainer['networkBindings']> {
  const ports = spec.containers.find(({ name }) => name === podName)?.ports ?? [];
  return ports.flatMap(({ containerPort, hostPort, protocol }) =>
    hostPort === undefined
      ? []
      : [{ bindIP: '0.0.0.0', containerPort, hostPort, protocol: protocol === 'UDP' ? 'udp' : 'tcp' }],
  );
}

function interfacesOf({ metadata, status }: Pod): NonNullable<TaskContainer['networkInterfaces']> {
  return status?.podIP ? [{ attachmentId: metadata.uid ?? '', privateIpv4Address: status.podIP }] : [];
}

/** A task with an address of its own has it as an attachment. */
function attachmentsOf(pod: Pod, { networkMode }: EffectiveDefinition, task: Task): Pick<TaskStatus, 'attachments'> {
  if (networkMode !== 'awsvpc') return {};
  const { podIP } = pod.status ?? {};
  const [subnet = 'default'] = task.spec.networkConfiguration?.awsvpcConfiguration?.subnets ?? [];
  const details = [
    { name: 'subnetId', value: subnet },
    ...(podIP ? [{ name: 'privateIPv4Address', value: podIP }] : []),
  ];
  const status = isFinal(pod) ? 'DELETED' : podIP ? 'ATTACHED' : 'PRECREATED';
  return { attachments: [{ id: pod.metadata.uid ?? '', type: 'ElasticNetworkInterface', status, details }] };
}

/** The agent of its node is heard of. */
function connectivityOf(
  node: Node | undefined,
  before: TaskStatus,
  scheduledAt: string,
  now: string,
): Pick<TaskStatus, 'connectivity' | 'connectivityAt'> {
  const connectivity = isUnheard(node) ? 'DISCONNECTED' : 'CONNECTED';
  if (before.connectivity === undefined && connectivity === 'CONNECTED')
    return { connectivity, connectivityAt: scheduledAt };
  return { connectivity, connectivityAt: before.connectivity === connectivity ? before.connectivityAt : now };
}

export function isUnheard(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'Unknown') ?? false;
}

/** By then its image was there. */
function firstStart({ status }: Pod): string | undefined {
  const starts = (status?.containerStatuses ?? []).flatMap(
    ({ state }) => state?.running?.startedAt ?? state?.terminated?.startedAt ?? [],
  );
  return starts.toSorted()[0];
}

function lastEnd({ status }: Pod): string | undefined {
  const ends = (status?.containerStatuses ?? []).flatMap(({ state }) => state?.terminated?.finishedAt ?? []);
  return ends.toSorted().at(-1);
}

type Verdict = Omit<TaskCondition, 'lastTransitionTime'>;

/** Why the task has no node yet, in the scheduler's words. */
function placedCondition({ spec, status }: Pod): Verdict {
  if (spec.nodeName) return { type: 'Placed', status: 'True', reason: 'Placed', message: '' };
  const { reason = 'Waiting', message = '' } = status?.conditions?.find(({ type }) => type === 'PodScheduled') ?? {};
  return { type: 'Placed', status: 'False', reason, message };
}

export function effectOf(losses: readonly string[]): Verdict {
  const type = 'FieldsWithoutEffect';
  return losses.length === 0
    ? { type, status: 'False', reason: 'AllFieldsCarried', message: '' }
    : { type, status: 'True', reason: 'NotCarried', message: losses.join('; ') };
}

/** The given ones in place of those of their type. A time changes with the condition's status alone. */
export function conditionsOf(
  before: readonly TaskCondition[] = [],
  now: readonly Verdict[],
  nowMs: number,
): readonly TaskCondition[] {
  const others = before.filter(({ type }) => !now.some((each) => each.type === type));
  return [
    ...others,
    ...now.map((verdict) => {
      const former = before.find(({ type }) => type === verdict.type);
      const since = former?.status === verdict.status ? former.lastTransitionTime : formatTime(nowMs);
      return { ...verdict, lastTransitionTime: since };
    }),
  ];
}
