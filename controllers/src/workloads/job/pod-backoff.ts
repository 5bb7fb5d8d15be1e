/**
 * How long a failure holds back the next pod: 10 s, doubling with each further failure up to 6 minutes, counted from
 * the end of the last one. What counts is read from the pods that are there, so a restart of the controller forgets
 * nothing.
 */
import type { ContainerStatus, Pod } from '@slipway/api/types';
import { backoffMs } from '@slipway/kit/backoff';

const delay = { baseMs: 10_000, maxMs: 360_000 };

export interface FailureStreak {
  /** Failures since the last success. */
  readonly failures: number;
  readonly lastMs: number;
}

/** Undefined when the last pod to end succeeded, or none has ended. */
export function failureStreak(failed: readonly Pod[], succeeded: readonly Pod[]): FailureStreak | undefined {
  if (failed.length === 0) return undefined;
  const lastSuccessMs = succeeded.reduce((last, pod) => Math.max(last, endedMs(pod)), Number.NEGATIVE_INFINITY);
  const after = failed.map(endedMs).filter((ms) => ms > lastSuccessMs);
  return after.length === 0 ? undefined : { failures: after.length, lastMs: Math.max(...after) };
}

/** Milliseconds until the next pod may be made. A clock that went back does not make it longer than the delay. */
export function holdMs({ failures, lastMs }: FailureStreak, nowMs: number): number {
  const wholeMs = backoffMs(failures, delay);
  return Math.min(wholeMs, Math.max(0, lastMs + wholeMs - nowMs));
}

/** When a pod ended, as well as its status tells: its last container, else when it stopped to be ready, else its deletion. */
export function endedMs({ metadata, spec, status }: Pod): number {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const containers = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ];
  const fromContainers = lastEndMs(containers);
  if (fromContainers !== undefined) return fromContainers;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime) return Date.parse(ready.lastTransitionTime);
  if (metadata.deletionTimestamp) {
    return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  }
  return Date.parse(metadata.creationTimestamp ?? '');
}

function lastEndMs(containers: readonly ContainerStatus[]): number | undefined {
  let last: number | undefined;
  for (const { state } of containers) {
    const finishedAt = state?.terminated?.finishedAt;
    if (!finishedAt) return undefined;
    last = Math.max(last ?? 0, Date.parse(finishedAt));
  }
  return last;
}
