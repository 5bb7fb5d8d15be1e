/**
 * When the names of a service lead to one of its tasks: from ACTIVATING, as soon as its containers run, until DEACTIVATING. The Services of these names
 * select pods with the label. Pure.
 */
import type { Task, TaskStatus } from '@slipway/api/ecs/kinds';
import type { Pod } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import type { Step } from '../../runtime/step.ts';

export const registeredLabel = 'slipway.dev/ecs-registered';

/** By then every node has heard that the task is not behind its service any more, and what was asked before has its answer. */
const drainMs = 2000;
/** Times in a status are whole seconds, so one may lie so long before what it says. */
const timeStepMs = 1000;

/** A task that nobody asks for anything has nothing to wait for: its pod has the label when it is made. */
export function isRegisteredAtOnce(containers: Pod['spec']['containers']): boolean {
  return containers.every(({ ports = [] }) => ports.length === 0);
}

export function awaitsRegistration({ spec }: Task, pod: Pod): boolean {
  return spec.serviceName !== undefined && !isRegistered(pod) && !isRegisteredAtOnce(pod.spec.containers);
}

export function register(pod: Pod): Step[] {
  return isRegistered(pod) ? [] : [labelled(pod, 'true')];
}

export function deregister(pod: Pod | undefined): Step[] {
  return pod && isRegistered(pod) ? [labelled(pod, null)] : [];
}

/** How long a task that is DEACTIVATING serves on. */
export function drainLeftMs({ spec }: Task, pod: Pod | undefined, { stoppingAt }: TaskStatus, nowMs: number): number {
  if (!pod || spec.serviceName === undefined || pod.metadata.deletionTimestamp) return 0;
  const isReady = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (!isReady || isRegisteredAtOnce(pod.spec.containers)) return 0;
  return Date.parse(stoppingAt ?? '') + timeStepMs + drainMs - nowMs;
}

function isRegistered({ metadata }: Pod): boolean {
  return metadata.labels?.[registeredLabel] !== undefined;
}

function labelled(pod: Pod, value: string | null): Step {
  const patch = { metadata: { labels: { [registeredLabel]: value } } };
  return { op: 'patch', kind: kinds.pods, target: pod, patch, evenIfChanged: true };
}
