import type { ContainerStateTerminated, ContainerStatus, Pod } from '@slipway/api/types';
import type { RelationEnd } from './container-relations.ts';
import {
  appContainersOf,
  type ContainerEnd,
  initContainersOf,
  type PodContainer,
  restartsAfter,
} from './pod-containers.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** The pod is being ended: exited containers stay so whatever the restart policy says. */
  readonly ending: boolean;
  /** What its containers are to each other has ended it. */
  readonly related?: RelationEnd | undefined;
}

/** Pure. The phase is a summary of the containers and is never read to decide anything but "it was terminal once". */
export function podPhase({ pod, initStatuses, statuses, ending, related }: PhaseInput): PodPhase {
  const init = initSummary(pod, initStatuses);
  const appsBegan = statuses.some(
    ({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated,
  );
  if (init.failedForGood) return init.running ? 'Pending' : 'Failed';
  if (init.pending && !appsBegan) return ending && !init.running && init.failed ? 'Failed' : 'Pending';

  const waiting = statuses.filter(
    ({ state, lastState }) => !state?.running && !state?.terminated && !lastState?.terminated,
  );
  const running = statuses.filter(({ state }) => state?.running);
  const ended = statuses.map(
    ({ state, lastState }) => state?.terminated ?? (state?.running ? undefined : lastState?.terminated),
  );
  if (running.length > 0) return waiting.length > 0 && !ending ? 'Pending' : 'Running';
  if (related) return related.end === 'essential' && related.exitCode === 0 ? 'Succeeded' : 'Failed';
  if (waiting.length > 0) return ending && waiting.length < statuses.length ? 'Failed' : 'Pending';
  if (init.sidecarRunning) return 'Running';
  const succeeded = ended.every((end) => end?.exitCode === 0);
  if (!ending && appContainersOf(pod).some((container) => isStartedAgain(pod, container, statuses))) return 'Running';
  return succeeded ? 'Succeeded' : 'Failed';
}

function isStartedAgain(pod: Pod, container: PodContainer, statuses: readonly ContainerStatus[]): boolean {
  const status = statuses.find(({ name }) => name === container.spec.name);
  const end = status?.state?.terminated ?? status?.lastState?.terminated;
  return status?.state?.terminated === undefined || restartsAfter(pod, container, endFrom(end));
}

function endFrom(end: ContainerStateTerminated | undefined): ContainerEnd {
  const ranMs = Date.parse(end?.finishedAt ?? '') - Date.parse(end?.startedAt ?? '');
  return { exitCode: end?.exitCode, ranMs: Number.isNaN(ranMs) ? undefined : ranMs };
}

function initSummary(pod: Pod, statuses: readonly ContainerStatus[]) {
  const summary = { pending: false, failed: false, failedForGood: false, running: false, sidecarRunning: false };
  for (const container of initContainersOf(pod)) {
    const { role, spec } = container;
    const status = statuses.find(({ name }) => name === spec.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (status?.state?.running) summary.running = true;
    if (role === 'sidecar') {
      if (status?.state?.running) summary.sidecarRunning = true;
      if (!status?.started) summary.pending = true;
      continue;
    }
    if (ended?.exitCode !== 0) summary.pending = true;
    if (ended && ended.exitCode !== 0) {
      summary.failed = true;
      if (!restartsAfter(pod, container, endFrom(ended))) summary.failedForGood = true;
    }
  }
  return summary;
}
