import type { Container, Pod } from '@slipway/api/types';
import { messageOf } from '@slipway/kit/errors';
import { runHook } from './lifecycle-hooks.ts';
import { type PodDeps, tell } from './pod-deps.ts';

export interface StopContainerInput {
  readonly pod: Pod;
  readonly containerId: string;
  /** As in the pod's spec; unknown for a pod that the API has forgotten. */
  readonly container: Container | undefined;
  readonly name: string;
  readonly podIp: string;
  readonly graceMs: number;
  readonly message: string;
}

/** What a container always gets after its preStop hook used up the grace. */
const graceMsMin = 2_000;

/** preStop counts against the grace; what is left of it the container has to end by itself. */
export async function stopContainer(input: StopContainerInput, deps: PodDeps, signal: AbortSignal): Promise<void> {
  const { pod, containerId, container, name, graceMs, message } = input;
  tell(deps.events, pod, { type: 'Normal', reason: 'Killing', message, container: name });
  const startedMs = deps.clock.monotonicMs();
  const hook = container?.lifecycle?.preStop;
  if (hook && container && graceMs > 0) await runPreStop(input, container, hook, deps, signal);
  const leftMs = graceMs - (deps.clock.monotonicMs() - startedMs);
  await deps.runtime.stopContainer(containerId, hook ? Math.max(leftMs, graceMsMin) : Math.max(leftMs, 0), signal);
}

async function runPreStop(
  { pod, containerId, podIp, graceMs }: StopContainerInput,
  container: Container,
  hook: NonNullable<NonNullable<Container['lifecycle']>['preStop']>,
  deps: PodDeps,
  signal: AbortSignal,
): Promise<void> {
  const limit = new AbortController();
  const onAbort = () => limit.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = deps.clock.after(graceMs, () => limit.abort());
  try {
    await runHook(hook, { containerId, container, podIp }, deps, limit.signal);
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.signal.aborted ? 'not finished within the grace period' : messageOf(error);
    const message = `PreStopHook failed: ${why}`;
    tell(deps.events, pod, { type: 'Warning', reason: 'FailedPreStopHook', message, container: container.name });
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
