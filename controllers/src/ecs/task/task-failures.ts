/** Why a task does not start, or has ended, in ECS' words; from its pod. Pure. */
import type { StopCode } from '@slipway/api/ecs/kinds';
import type { ContainerState, Pod } from '@slipway/api/types';
import type { EffectiveDefinition } from './effective-definition.ts';

/** Stop code and reason of a task. */
export type Failure = readonly [StopCode, string];

export const essentialExit: Failure = ['EssentialContainerExited', 'Essential container in task exited'];

/** Of a pod that has ended. */
export function whyItEnded(pod: Pod, definition: EffectiveDefinition | undefined): Failure {
  if (pod.status?.reason === 'DependencyFailed')
    return ['TaskFailedToStart', pod.status.message ?? 'a dependency failed'];
  return loss(pod) ?? refusal(pod) ?? failureToStart(pod, definition) ?? essentialExit;
}

/** The node did not take the pod in: nothing of it ever was. */
function refusal({ status }: Pod): Failure | undefined {
  if (status?.phase !== 'Failed' || !status.reason || status.containerStatuses?.length) return undefined;
  return ['TaskFailedToStart', `${status.reason}: ${status.message ?? 'the node refused the pod'}`];
}

/** A container that will never run, without which the task cannot: it is essential, or another one waits for it. */
export function failureToStart({ status }: Pod, definition: EffectiveDefinition | undefined): Failure | undefined {
  for (const { name: podName, state } of status?.containerStatuses ?? []) {
    const failure = state && containerFailure(state);
    if (!failure) continue;
    const container = definition?.containers.find((each) => each.podName === podName);
    if (container && !isNeeded(container.name, definition)) continue;
    const { error, message } = failure;
    return ['TaskFailedToStart', `${error}: ${failure.intro}container ${container?.name ?? podName}: ${message}`];
  }
  return undefined;
}

function isNeeded(name: string, definition: EffectiveDefinition | undefined): boolean {
  return (definition?.containers ?? []).some(
    (each) =>
      (each.name === name && (each.essential ?? true)) ||
      (each.dependsOn ?? []).some(({ containerName }) => containerName === name),
  );
}

/** Waiting reasons of a container that no patience mends. */
const hopeless: Readonly<Record<string, string>> = {
  ImagePullBackOff: 'CannotPullContainerError',
  InvalidImageName: 'CannotPullContainerError',
  ErrImageNeverPull: 'CannotPullContainerError',
  CreateContainerConfigError: 'CannotCreateContainerError',
  CreateContainerError: 'CannotCreateContainerError',
  RunContainerError: 'CannotStartContainerError',
};
const missingSecret = /^(secret|configmap) "[^"]*" not found$|^couldn't find key /;
const backOff = /^Back-off pulling image "[^"]*": (ErrImagePull: )?/;
const missingPath = /hostPath type check failed: .*$/;

export interface ContainerFailure {
  /** ECS' name of the error. */
  readonly error: string;
  readonly intro: string;
  readonly message: string;
}

/** Why a container will never run; undefined when it may, or did. */
export function containerFailure({ waiting, terminated }: ContainerState): ContainerFailure | undefined {
  if (terminated?.reason === 'StartError') {
    return { error: 'CannotStartContainerError', intro: '', message: terminated.message ?? 'it could not be started' };
  }
  const { reason = '', message = '' } = waiting ?? {};
  const path = missingPath.exec(message)?.[0];
  if (reason === 'ContainerCreating' && path) return { error: 'CannotCreateVolumeError', intro: '', message: path };
  const error = hopeless[reason];
  if (!error) return undefined;
  if (missingSecret.test(message)) {
    return { error: 'ResourceInitializationError', intro: 'unable to pull secrets or registry auth: ', message };
  }
  return { error, intro: '', message: message.replace(backOff, '') || reason };
}

const oomText = 'OutOfMemoryError: Container killed due to memory usage';

/** What ECS says of a container besides its exit code. */
export function containerReason(state: ContainerState | undefined): string | undefined {
  if (!state) return undefined;
  const failure = containerFailure(state);
  if (failure) return `${failure.error}: ${failure.intro}${failure.message}`;
  const { waiting, terminated } = state;
  if (terminated?.reason === 'OOMKilled') return oomText;
  // It is on its way to being started again.
  if (waiting?.reason === 'CrashLoopBackOff') return undefined;
  return waiting?.message ?? (terminated && terminated.exitCode !== 0 ? terminated.message || undefined : undefined);
}

/** Somebody else took the pod away: an eviction, a node that went, a user. */
export function loss({ metadata, status }: Pod): Failure | undefined {
  const disruption = status?.conditions?.find(
    ({ type, status: holds }) => type === 'DisruptionTarget' && holds === 'True',
  );
  if (disruption) return ['TerminationNotice', disruption.message ?? disruption.reason ?? 'the pod was disrupted'];
  if (status?.reason && ['Evicted', 'NodeLost', 'NodeShutdown', 'Preempting'].includes(status.reason)) {
    return ['TerminationNotice', status.message ?? status.reason];
  }
  return metadata.deletionTimestamp ? ['UserInitiated', `pod ${metadata.name} of the task was deleted`] : undefined;
}
