import type { Pod } from '@slipway/api/types';
import { latestContainer, type ObservedPod } from './observed-pod.ts';
import { type ContainerEnd, type PodContainer, restartsAfter } from './pod-containers.ts';

export interface SeenEnd extends ContainerEnd {
  readonly finishedAtMs: number;
}

/** How the newest attempt of a container ended, or was told to have ended before the runtime forgot it. */
export function endOf(pod: Pod, observed: ObservedPod, { spec }: PodContainer): SeenEnd | undefined {
  const latest = latestContainer(observed, spec.name);
  if (latest) {
    if (latest.state !== 'exited') return undefined;
    const finishedAtMs = latest.finishedAtMs || latest.createdAtMs;
    const ranMs = latest.startedAtMs ? finishedAtMs - latest.startedAtMs : undefined;
    return { exitCode: latest.exitCode, ranMs, finishedAtMs };
  }
  const told = pod.status?.containerStatuses?.find(({ name }) => name === spec.name)?.state?.terminated;
  if (!told) return undefined;
  const finishedAtMs = Date.parse(told.finishedAt ?? '') || 0;
  const startedAtMs = Date.parse(told.startedAt ?? '') || 0;
  return { exitCode: told.exitCode, ranMs: startedAtMs ? finishedAtMs - startedAtMs : undefined, finishedAtMs };
}

/** As `endOf`, of a container that is not started again. */
export function finalEndOf(pod: Pod, observed: ObservedPod, container: PodContainer): SeenEnd | undefined {
  const end = endOf(pod, observed, container);
  return end && !restartsAfter(pod, container, end) ? end : undefined;
}
