import { formatTime } from '@slipway/kit/clock';
import type { ContainerState, ContainerStatus, Pod } from '@slipway/api/types';
import type { ProbeResults } from '../probes/probe-results.ts';
import { latestContainer, type ObservedContainer, type ObservedPod, type StepFailure } from './observed-pod.ts';
import { endOf } from './container-ends.ts';
import { obstacleOf } from './container-relations.ts';
import { type PodContainer, podDisplayName, restartsAfter } from './pod-containers.ts';
import { nextAttempt } from './restart-backoff.ts';

export interface ContainerStatusInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly nowMs: number;
  /** The status that was told last, for what the runtime has forgotten. */
  readonly previous: ContainerStatus | undefined;
  /** Init containers before this one are not done. */
  readonly podInitializing: boolean;
  /** The pod is ending or has ended: nothing starts again. */
  readonly ending: boolean;
  /** What container ids begin with: `slipway`. */
  readonly runtimeName: string;
}

/** How long a failure is shown as itself before it is shown as waiting for the next try. */
export const errorShownMs = 1500;

const notProbed: ProbeResults = { started: false, ready: false };

/** Pure; the wording of reasons and messages is upstream's. */
export function containerStatus({ spec, role }: PodContainer, input: ContainerStatusInput): ContainerStatus {
  const latest = latestContainer(input.observed, spec.name);
  const { state, lastState } = statesOf({ spec, role }, latest, input);
  const probes = (latest && input.observed.probes.get(latest.id)) ?? notProbed;
  const running = state.running !== undefined;
  const succeeded = role === 'init' && state.terminated?.exitCode === 0;
  const containerID = latest ? idOf(latest, input) : input.previous?.containerID;
  return {
    name: spec.name,
    state,
    lastState,
    ready: succeeded || (running && probes.ready && role !== 'init'),
    restartCount: latest?.attempt ?? input.previous?.restartCount ?? 0,
    image: latest?.image ?? spec.image ?? '',
    imageID: latest?.imageRef ?? input.previous?.imageID ?? '',
    ...(containerID ? { containerID } : {}),
    started: running && (role === 'init' || probes.started),
    ...(spec.resources && (spec.resources.limits || spec.resources.requests) ? { resources: spec.resources } : {}),
    ...(spec.volumeMounts && spec.volumeMounts.length > 0 ? { volumeMounts: mountStatuses(spec.volumeMounts) } : {}),
  };
}

interface States {
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

function statesOf(container: PodContainer, latest: ObservedContainer | undefined, input: ContainerStatusInput): States {
  const { pod, observed, previous } = input;
  const name = container.spec.name;
  const failure = observed.failures.get(`startContainer:${name}`) ?? observed.failures.get(`ensureImage:${name}`);
  if (!latest) return { state: stateOfUnknown(container, input, failure), lastState: previous?.lastState ?? {} };
  const before = observed.containers.find((other) => other.name === name && other.attempt < latest.attempt);
  const lastState = before?.state === 'exited' ? terminated(before, input) : (previous?.lastState ?? {});
  switch (latest.state) {
    case 'running':
      return { state: { running: { startedAt: formatTime(latest.startedAtMs ?? latest.createdAtMs) } }, lastState };
    case 'exited':
      break;
    default:
      return { state: waiting(container, input, failure), lastState };
  }
  const ended = terminated(latest, input);
  const end = endOf(pod, observed, container);
  const again = !input.ending && end !== undefined && restartsAfter(pod, container, end);
  if (!again) return { state: ended, lastState };
  const waitMs = nextAttempt(latest).startAtMs - (latest.finishedAtMs ?? latest.createdAtMs);
  const due = nextAttempt(latest).startAtMs <= input.nowMs;
  if (failure && (due || input.nowMs - failure.atMs < errorShownMs)) {
    return { state: waiting(container, input, failure), lastState: ended };
  }
  return due ? { state: ended, lastState } : { state: crashLoop(name, waitMs, pod), lastState: ended };
}

function crashLoop(name: string, waitMs: number, pod: Pod): ContainerState {
  const message = `back-off ${goDuration(waitMs)} restarting failed container=${name} pod=${podDisplayName(pod)}`;
  return { waiting: { reason: 'CrashLoopBackOff', message } };
}

/** No attempt is known to the runtime: not made yet, or made long ago and swept. */
function stateOfUnknown(
  container: PodContainer,
  input: ContainerStatusInput,
  failure: StepFailure | undefined,
): ContainerState {
  const told = input.previous?.state;
  if (told?.terminated) return told;
  if (told?.running && (input.ending || input.observed.gone)) {
    return {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
        startedAt: told.running.startedAt,
        ...(input.previous?.containerID ? { containerID: input.previous.containerID } : {}),
      },
    };
  }
  return waiting(container, input, failure);
}

function waiting(
  container: PodContainer,
  input: ContainerStatusInput,
  failure: StepFailure | undefined,
): ContainerState {
  if (failure?.reason === 'ErrImagePull' && input.nowMs - failure.atMs >= errorShownMs) {
    return {
      waiting: {
        reason: 'ImagePullBackOff',
        message: `Back-off pulling image "${container.spec.image}": ErrImagePull: ${failure.message}`,
      },
    };
  }
  if (failure) return { waiting: { reason: failure.reason, message: failure.message } };
  const obstacle = input.podInitializing ? undefined : obstacleOf(input.pod, container, input.observed, input.nowMs);
  if (obstacle) return { waiting: { reason: 'WaitingForDependency', message: obstacle.message } };
  // Upstream leaves it to an event why volumes are not there; here it stands at the container too.
  const volumes = input.observed.failures.get('setUpVolumes')?.message;
  const reason = input.podInitializing && !volumes ? 'PodInitializing' : 'ContainerCreating';
  return { waiting: { reason, ...(volumes ? { message: volumes } : {}) } };
}

function terminated(container: ObservedContainer, input: ContainerStatusInput): ContainerState {
  const { startedAtMs, finishedAtMs, createdAtMs, exitCode, message } = container;
  return {
    terminated: {
      exitCode: exitCode ?? 137,
      reason: container.reason || (exitCode === 0 ? 'Completed' : 'Error'),
      ...(message ? { message } : {}),
      startedAt: formatTime(startedAtMs || createdAtMs),
      finishedAt: formatTime(finishedAtMs || createdAtMs),
      containerID: idOf(container, input),
    },
  };
}

function idOf(container: ObservedContainer, { runtimeName }: ContainerStatusInput): string {
  return `${runtimeName}://${container.id}`;
}

function mountStatuses(mounts: NonNullable<PodContainer['spec']['volumeMounts']>) {
  return mounts.map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly ? { readOnly: true, recursiveReadOnly: 'Disabled' } : {}),
  }));
}

/** As Go prints durations of whole seconds: `10s`, `1m20s`, `5m0s`. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
