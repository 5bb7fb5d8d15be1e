import type { Pod } from '@slipway/api/types';
import { formatTime } from '@slipway/kit/clock';
import type { Sandbox } from './sandboxes.ts';

type PodStatus = NonNullable<Pod['status']>;

export function isTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Spans are measured, times are told: the wall clock may be wrong. */
interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** What a node's agent says of a pod that runs, or has ended, in this sandbox. */
export function statusFrom(
  pod: Pod,
  sandbox: Sandbox,
  ended: { readonly exitCode: number } | undefined,
  now: Moment,
): PodStatus {
  const { readyMs, sickMs = Infinity } = sandbox;
  const isReady = !ended && now.monotonicMs >= readyMs && now.monotonicMs < sickMs;
  const phase = ended ? (ended.exitCode === 0 ? 'Succeeded' : 'Failed') : 'Running';
  const startedAt = formatTime(sandbox.startedMs);
  const condition = (type: string, holds: boolean) => {
    const before = pod.status?.conditions?.find((each) => each.type === type);
    const status = holds ? 'True' : 'False';
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTime(now.wallMs);
    return { type, status, ...(lastTransitionTime ? { lastTransitionTime } : {}) } as const;
  };
  return {
    phase,
    podIP: sandbox.ip,
    podIPs: [{ ip: sandbox.ip }],
    startTime: startedAt,
    conditions: [condition('Initialized', true), condition('ContainersReady', isReady), condition('Ready', isReady)],
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: image,
      ready: isReady,
      started: !ended,
      restartCount: sandbox.restarts,
      state: ended
        ? { terminated: { exitCode: ended.exitCode, reason: ended.exitCode === 0 ? 'Completed' : 'Error' } }
        : { running: { startedAt } },
    })),
  };
}

/** Whether the server shows it already. */
export function showsStatus({ status }: Pod, wanted: PodStatus): boolean {
  const shown = (of: PodStatus | undefined) =>
    JSON.stringify([
      of?.phase,
      of?.podIP,
      wanted.conditions?.map(({ type }) => of?.conditions?.find((each) => each.type === type)?.status),
      of?.containerStatuses?.map(({ name, restartCount, ready }) => [name, restartCount, ready]),
    ]);
  return shown(status) === shown(wanted);
}
