import type { Container, Pod } from '@slipway/api/types';
import { messageOf } from '@slipway/kit/errors';
import { type Image, isRuntimeError } from '../runtime/cri.ts';
import { goDuration } from './container-status.ts';
import { type PodDeps, tell } from './pod-deps.ts';
import { pullCredentials } from './pull-credentials.ts';
import { pullBackoff, StepError } from './step-error.ts';

export type EnsureImageDeps = Pick<PodDeps, 'images' | 'objects' | 'events' | 'clock'>;

/** Makes the image present as the pull policy asks and returns it. Throws `StepError` in upstream's words. */
export async function ensureImage(
  pod: Pod,
  container: Container,
  deps: EnsureImageDeps,
  signal: AbortSignal,
): Promise<Image> {
  const image = container.image ?? '';
  const policy = container.imagePullPolicy ?? 'IfNotPresent';
  const present = await look(pod, container, deps, signal);
  if (policy === 'Never' && !present) {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    tell(deps.events, pod, { type: 'Warning', reason: 'ErrImageNeverPull', message, container: container.name });
    throw new StepError('ErrImageNeverPull', message, { backoff: pullBackoff });
  }
  if (present && policy !== 'Always') {
    const message = `Container image "${image}" already present on machine`;
    tell(deps.events, pod, { type: 'Normal', reason: 'Pulled', message, container: container.name });
    return present;
  }
  return pull(pod, container, deps, signal);
}

async function look(
  pod: Pod,
  container: Container,
  deps: EnsureImageDeps,
  signal: AbortSignal,
): Promise<Image | undefined> {
  const image = container.image ?? '';
  try {
    return await deps.images.imageStatus({ image }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const invalid = isRuntimeError(error, 'invalidArgument');
    const message = invalid
      ? `Failed to apply default image tag "${image}": couldn't parse image name "${image}": ${messageOf(error)}`
      : `Failed to inspect image "${image}": ${messageOf(error)}`;
    tell(deps.events, pod, { type: 'Warning', reason: 'InspectFailed', message, container: container.name });
    throw new StepError(invalid ? 'InvalidImageName' : 'ImageInspectError', message, {
      backoff: pullBackoff,
      cause: error,
    });
  }
}

async function pull(pod: Pod, container: Container, deps: EnsureImageDeps, signal: AbortSignal): Promise<Image> {
  const image = container.image ?? '';
  const say = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    tell(deps.events, pod, { type, reason, message, container: container.name });
  say('Normal', 'Pulling', `Pulling image "${image}"`);
  const startedMs = deps.clock.monotonicMs();
  try {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
    const secrets = await Promise.all(
      names.map((name) => deps.objects.secret(pod.metadata.namespace ?? '', name, signal).catch(() => undefined)),
    );
    const missing = names.filter((_, i) => secrets[i] === undefined);
    if (missing.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
      say('Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    const auth = pullCredentials(
      image,
      secrets.filter((secret) => secret !== undefined),
    );
    const id = await deps.images.pullImage({ image }, auth, signal);
    const pulled = await deps.images.imageStatus({ image: id }, signal);
    if (!pulled) throw new Error(`image ${id} is gone after it was pulled`);
    const took = goDuration(Math.max(deps.clock.monotonicMs() - startedMs, 1000));
    const size = `Image size: ${pulled.size} bytes.`;
    say('Normal', 'Pulled', `Successfully pulled image "${image}" in ${took} (${took} including waiting). ${size}`);
    return pulled;
  } catch (error) {
    if (signal.aborted) throw error;
    say('Warning', 'Failed', `Failed to pull image "${image}": ${messageOf(error)}`);
    say('Warning', 'Failed', 'Error: ErrImagePull');
    throw new StepError('ErrImagePull', messageOf(error), { backoff: pullBackoff, cause: error });
  }
}
