import type { ConfigMap, Container, Secret } from '@slipway/api/types';
import { messageOf } from '@slipway/kit/errors';
import { type Image, isRuntimeError } from '../runtime/cri.ts';
import type { PodFacts } from '../volumes/field-reference.ts';
import { VolumeError } from '../volumes/volume-plugin.ts';
import { containerConfig } from './container-config.ts';
import {
  ContainerConfigError,
  containerEnvironment,
  environmentReferences,
  type EnvironmentSources,
} from './container-environment.ts';
import { containerMounts } from './container-mounts.ts';
import { type PodDeps, tell } from './pod-deps.ts';
import { podUidLabel } from './pod-labels.ts';
import { runHook } from './lifecycle-hooks.ts';
import { loweredUlimits, termsOf } from './runtime-terms.ts';
import { serviceEnvironment } from './service-environment.ts';
import { startBackoff, StepError } from './step-error.ts';

export interface StartContainerInput {
  readonly facts: PodFacts;
  readonly container: Container;
  readonly attempt: number;
  readonly backoffMs: number;
  readonly imageRef: string;
  readonly sandboxId: string;
}

/** Creates and starts a container and runs its postStart hook. Throws `StepError` in upstream's words. */
export async function startContainer(input: StartContainerInput, deps: PodDeps, signal: AbortSignal): Promise<void> {
  const { facts, container } = input;
  const { pod } = facts;
  const say = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    tell(deps.events, pod, { type, reason, message, container: container.name });
  const fail = (reason: string, error: unknown) => {
    signal.throwIfAborted();
    say('Warning', 'Failed', `Error: ${messageOf(error)}`);
    return new StepError(reason, messageOf(error), { backoff: startBackoff, cause: error });
  };
  let id: string;
  try {
    id = await create(input, deps, signal);
  } catch (error) {
    const isConfig = error instanceof ContainerConfigError || error instanceof VolumeError;
    throw fail(isConfig ? 'CreateContainerConfigError' : 'CreateContainerError', error);
  }
  say('Normal', 'Created', `Created container: ${container.name}`);
  try {
    await deps.runtime.startContainer(id, signal);
  } catch (error) {
    throw fail('RunContainerError', error);
  }
  say('Normal', 'Started', `Started container ${container.name}`);
  const hook = container.lifecycle?.postStart;
  if (!hook) return;
  try {
    await runHook(hook, { containerId: id, container, podIp: facts.podIps[0] ?? '' }, deps, signal);
  } catch (error) {
    signal.throwIfAborted();
    say('Warning', 'FailedPostStartHook', `PostStartHook failed: ${messageOf(error)}`);
    say('Normal', 'Killing', 'FailedPostStartHook');
    await deps.runtime.stopContainer(id, (pod.spec.terminationGracePeriodSeconds ?? 30) * 1000, signal);
    throw new StepError('PostStartHookError', messageOf(error), { backoff: startBackoff, cause: error });
  }
}

async function create(input: StartContainerInput, deps: PodDeps, signal: AbortSignal): Promise<string> {
  const { facts, container, attempt, backoffMs, sandboxId } = input;
  const { pod } = facts;
  await deps.services.ready;
  const sources = await environmentSources(container, pod.metadata.namespace ?? '', deps, signal);
  const serviceVariables = serviceEnvironment(deps.services.cache.list(), {
    namespace: pod.metadata.namespace ?? '',
    enableServiceLinks: pod.spec.enableServiceLinks ?? true,
  });
  const environment = containerEnvironment({ container, facts, sources, serviceVariables });
  for (const { source, names } of environment.skipped) {
    const message = `Keys [${names.join(', ')}] from the EnvFrom ${source} were skipped since they are considered invalid environment variable names.`;
    tell(deps.events, pod, { type: 'Warning', reason: 'InvalidEnvironmentVariableNames', message });
  }
  const { variables } = environment;
  const [image, mounts] = await Promise.all([
    imageOf(input, deps, signal),
    containerMounts({
      facts,
      container,
      attempt,
      variables,
      volumes: deps.volumes,
      layout: deps.layout,
      clusterDomain: deps.dns().clusterDomain,
    }),
  ]);
  const { memoryCapacityBytes } = deps.node();
  const { seccompRoot, ulimitBounds } = deps;
  const lowered = loweredUlimits(termsOf(pod, container.name), ulimitBounds);
  if (lowered.length > 0) {
    const message = `This node cannot raise ulimits so far, for want of CAP_SYS_RESOURCE: ${lowered.join(', ')}`;
    tell(deps.events, pod, { type: 'Warning', reason: 'UlimitLowered', message, container: container.name });
  }
  const config = containerConfig({
    pod,
    container,
    attempt,
    backoffMs,
    image,
    variables,
    mounts,
    memoryCapacityBytes,
    seccompRoot,
    ulimitBounds,
  });
  try {
    return await deps.runtime.createContainer(sandboxId, config, signal);
  } catch (error) {
    if (!isRuntimeError(error, 'alreadyExists')) throw error;
    // An earlier run of the agent ended between creating and starting it: it never ran, so it may go.
    await removeUnstarted(input, deps, signal);
    return deps.runtime.createContainer(sandboxId, config, signal);
  }
}

async function imageOf({ imageRef }: StartContainerInput, deps: PodDeps, signal: AbortSignal): Promise<Image> {
  const image = await deps.images.imageStatus({ image: imageRef }, signal);
  if (!image) throw new Error(`image ${imageRef} is no longer in the store`);
  return image;
}

async function removeUnstarted(input: StartContainerInput, { runtime }: PodDeps, signal: AbortSignal): Promise<void> {
  const labelSelector = { [podUidLabel]: input.facts.pod.metadata.uid ?? '' };
  const all = await runtime.listContainers({ labelSelector, state: 'CONTAINER_CREATED' }, signal);
  for (const { id, metadata } of all) {
    if (metadata.name === input.container.name && metadata.attempt === input.attempt) {
      await runtime.removeContainer(id, signal);
    }
  }
}

async function environmentSources(
  container: Container,
  namespace: string,
  { objects }: PodDeps,
  signal: AbortSignal,
): Promise<EnvironmentSources> {
  const { configMaps, secrets } = environmentReferences(container);
  const maps = new Map<string, ConfigMap | undefined>();
  const found = new Map<string, Secret | undefined>();
  await Promise.all([
    ...[...configMaps].map(async (name) => maps.set(name, await objects.configMap(namespace, name, signal))),
    ...[...secrets].map(async (name) => found.set(name, await objects.secret(namespace, name, signal))),
  ]);
  return { configMap: (name) => maps.get(name), secret: (name) => found.get(name) };
}
