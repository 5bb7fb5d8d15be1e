import { StatusError } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import type { RuntimeService } from '../runtime/cri.ts';
import { type LogOptions, readContainerLog } from './container-log.ts';
import { attemptsOf, type FindDeps } from './find-container.ts';

export interface LogsDeps extends FindDeps {
  readonly runtime: Pick<RuntimeService, 'listContainers' | 'listPodSandboxes' | 'containerStatus'>;
  readonly clock: Clock;
}

/** Chooses the attempt and returns what to stream. Throws `StatusError` before the first byte. */
export async function openLogs(
  { pod, container, query }: { readonly pod: Pod; readonly container: string; readonly query: URLSearchParams },
  deps: LogsDeps,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const options = logOptions(query, deps.clock.nowMs());
  const attempts = (await attemptsOf(pod, container, deps, signal)).filter(
    ({ state }) => state !== 'CONTAINER_CREATED',
  );
  const previous = flag(query, 'previous');
  const chosen = previous ? previousOf(attempts, pod, container) : attempts[0];
  if (!chosen) throw notThere(pod, container, previous);
  const { logPath } = await deps.runtime.containerStatus(chosen.id, signal);
  const isRunning = async () => {
    const status = await deps.runtime.containerStatus(chosen.id, signal).catch(() => undefined);
    return status?.state === 'CONTAINER_RUNNING';
  };
  return readContainerLog({ path: logPath, isRunning, clock: deps.clock }, options, signal);
}

/** While a container waits to be restarted, the attempt that ended last is the previous one. */
function previousOf<T extends { readonly state: string }>(
  attempts: readonly T[],
  pod: Pod,
  container: string,
): T | undefined {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const isWaiting = all.find(({ name }) => name === container)?.state?.waiting !== undefined;
  return isWaiting && attempts[0]?.state === 'CONTAINER_EXITED' ? attempts[0] : attempts[1];
}

function notThere(pod: Pod, container: string, previous: boolean): StatusError {
  const { name } = pod.metadata;
  if (previous) {
    return new StatusError('BadRequest', `previous terminated container "${container}" in pod "${name}" not found`);
  }
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  const waiting = all.find((status) => status.name === container)?.state?.waiting;
  const reason = waiting?.reason ?? 'ContainerCreating';
  if (waiting && /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName)$/.test(reason)) {
    return new StatusError(
      'BadRequest',
      `container "${container}" in pod "${name}" is waiting to start: trying and failing to pull image`,
    );
  }
  return new StatusError('BadRequest', `container "${container}" in pod "${name}" is waiting to start: ${reason}`);
}

export function logOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const sinceSeconds = wholeNumber(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const sinceMs = sinceTime
    ? Date.parse(sinceTime)
    : sinceSeconds === undefined
      ? undefined
      : nowMs - sinceSeconds * 1000;
  if (sinceMs !== undefined && Number.isNaN(sinceMs)) {
    throw new StatusError('BadRequest', `invalid sinceTime "${sinceTime}": must be an RFC 3339 time`);
  }
  const tailLines = wholeNumber(query, 'tailLines');
  const limitBytes = wholeNumber(query, 'limitBytes');
  const stream = query.get('stream');
  return {
    follow: flag(query, 'follow'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(stream === 'Stdout' ? { stream: 'stdout' } : stream === 'Stderr' ? { stream: 'stderr' } : {}),
  };
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new StatusError('BadRequest', `invalid ${name} "${text}": must be a whole number`);
}

export function flag(query: URLSearchParams, ...names: readonly string[]): boolean {
  return names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''));
}
