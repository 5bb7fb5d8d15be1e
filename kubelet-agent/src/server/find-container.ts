import { StatusError } from '@slipway/api/status-error';
import type { Pod } from '@slipway/api/types';
import type { Container, RuntimeService } from '../runtime/cri.ts';
import { containerNameLabel, podUidLabel } from '../pods/pod-labels.ts';

export interface FindDeps {
  readonly pods: () => readonly Pod[];
  readonly runtime: Pick<RuntimeService, 'listContainers' | 'listPodSandboxes'>;
}

export function findPod(namespace: string, name: string, { pods }: Pick<FindDeps, 'pods'>): Pod {
  const pod = pods().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
  if (pod) return pod;
  throw new StatusError('NotFound', `pods "${name}" not found`);
}

/** All attempts that the runtime knows, the newest first. */
export async function attemptsOf(
  pod: Pod,
  container: string,
  deps: FindDeps,
  signal: AbortSignal,
): Promise<Container[]> {
  const known = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(({ name }) => name === container);
  const { name = '', uid = '' } = pod.metadata;
  if (!known) throw new StatusError('BadRequest', `container ${container} is not valid for pod ${name}`);
  const labelSelector = { [podUidLabel]: uid, [containerNameLabel]: container };
  const found = await deps.runtime.listContainers({ labelSelector }, signal);
  return [...found].sort((a, b) => b.metadata.attempt - a.metadata.attempt);
}

export async function runningContainer(
  pod: Pod,
  container: string,
  deps: FindDeps,
  signal: AbortSignal,
): Promise<Container> {
  const [latest] = await attemptsOf(pod, container, deps, signal);
  if (latest?.state === 'CONTAINER_RUNNING') return latest;
  throw new StatusError('NotFound', `container not found ("${container}")`);
}

export async function readySandbox(pod: Pod, { runtime }: FindDeps, signal: AbortSignal): Promise<string> {
  const labelSelector = { [podUidLabel]: pod.metadata.uid ?? '' };
  const [sandbox] = await runtime.listPodSandboxes({ labelSelector, state: 'SANDBOX_READY' }, signal);
  if (sandbox) return sandbox.id;
  throw new StatusError('BadRequest', `pod ${pod.metadata.name} is not running`);
}
