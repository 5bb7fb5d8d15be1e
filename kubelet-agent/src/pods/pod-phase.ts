import type { ContainerStatus, Pod } from '@slipway/api/types';
import { initContainersOf } from './pod-containers.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** The pod is being ended: exited containers stay so whatever the restart policy says. */
  readonly ending: boolean;
}

/** Pure. The phase is a summary of the containers and is never read to decide anything but "it was terminal once". */
export function podPhase({ pod, initStatuses, statuses, ending }: PhaseInput): PodPhase {
  const policy = pod.spec.restartPolicy ?? 'Always';
  const init = initSummary(pod, initStatuses);
  const appsBegan = statuses.some(
    ({ state, lastState }) => state?.running || state?.terminated || lastState?.terminated,
  );
  if (init.failed && policy === 'Never') return init.running ? 'Pending' : 'Failed';
  if (init.pending && !appsBegan) return ending && !init.running && init.failed ? 'Failed' : 'Pending';

  const waiting = statuses.filter(
    ({ state, lastState }) => !state?.running && !state?.terminated && !lastState?.terminated,
  );
  const running = statuses.filter(({ state }) => state?.running);
  const ended = statuses.map(
    ({ state, lastState }) => state?.terminated ?? (state?.running ? undefined : lastState?.terminated),
  );
  if (running.length > 0) return waiting.length > 0 && !ending ? 'Pending' : 'Running';
  if (waiting.length > 0) return ending && waiting.length < statuses.length ? 'Failed' : 'Pending';
  if (init.sidecarRunning) return 'Running';
  const succeeded = ended.every((end) => end?.exitCode === 0);
  if (ending) return succeeded ? 'Succeeded' : 'Failed';
  if (policy === 'Always') return 'Running';
  if (succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

function initSummary(pod: Pod, statuses: readonly ContainerStatus[]) {
  const summary = { pending: false, failed: false, running: false, sidecarRunning: false };
  for (const { role, spec } of initContainersOf(pod)) {
    const status = statuses.find(({ name }) => name === spec.name);
    const ended = status?.state?.terminated ?? (status?.state?.waiting ? status.lastState?.terminated : undefined);
    if (status?.state?.running) summary.running = true;
    if (role === 'sidecar') {
      if (status?.state?.running) summary.sidecarRunning = true;
      if (!status?.started) summary.pending = true;
      continue;
    }
    if (ended?.exitCode !== 0) summary.pending = true;
    if (ended && ended.exitCode !== 0) summary.failed = true;
  }
  return summary;
}
