import type { ContainerState, Pod } from '@slipway/api/types';
import { aDefinedContainer, aTask, aTaskDefinition } from '../testing/ecs-builders.ts';
import { effectiveDefinition } from './effective-definition.ts';
import { containerReason, failureToStart, whyItEnded } from './task-failures.ts';

const definition = effectiveDefinition(
  aTaskDefinition({}, [
    aDefinedContainer('web', { dependsOn: [{ containerName: 'init', condition: 'SUCCESS' }] }),
    aDefinedContainer('init', { essential: false }),
    aDefinedContainer('log', { essential: false }),
  ]),
  aTask(),
);

function aPod(name: string, state: ContainerState, phase = 'Pending'): Pod {
  const status = { phase, containerStatuses: [{ name, state, ready: false, restartCount: 0, image: '', imageID: '' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [] }, status };
}
const waiting = (reason: string, message: string): ContainerState => ({ waiting: { reason, message } });
const ended = (reason: string, exitCode: number, message?: string): ContainerState => ({
  terminated: { reason, exitCode, ...(message ? { message } : {}) },
});

describe('why a task does not start', () => {
  it.each([
    [
      waiting('ImagePullBackOff', 'Back-off pulling image "a:1": ErrImagePull: no such image'),
      'CannotPullContainerError: container web: no such image',
    ],
    [
      waiting('CreateContainerConfigError', 'secret "db" not found'),
      'ResourceInitializationError: unable to pull secrets or registry auth: container web: secret "db" not found',
    ],
    [
      waiting('CreateContainerConfigError', 'container has runAsNonRoot'),
      'CannotCreateContainerError: container web: container has runAsNonRoot',
    ],
    [
      waiting('ContainerCreating', 'MountVolume: hostPath type check failed: /v is not a directory'),
      'CannotCreateVolumeError: container web: hostPath type check failed: /v is not a directory',
    ],
    [ended('StartError', 127, 'no such file'), 'CannotStartContainerError: container web: no such file'],
  ])('of %j', (state, text) => {
    expect(failureToStart(aPod('web', state), definition)).toEqual(['TaskFailedToStart', text]);
    expect(whyItEnded(aPod('web', state, 'Failed'), definition)).toEqual(['TaskFailedToStart', text]);
  });

  it('is no reason where nobody needs the container', () => {
    const state = waiting('ImagePullBackOff', 'no such image');
    expect(failureToStart(aPod('log', state), definition)).toBeUndefined();
    expect(failureToStart(aPod('init', state), definition)).toBeDefined();
    expect(failureToStart(aPod('web', waiting('ContainerCreating', '')), definition)).toBeUndefined();
  });
});

describe('the reason of a container', () => {
  it.each([
    [ended('OOMKilled', 137), 'OutOfMemoryError: Container killed due to memory usage'],
    [ended('Error', 3), undefined],
    [ended('Error', 3, 'its last words'), 'its last words'],
    [ended('Completed', 0), undefined],
    [waiting('ErrImageNeverPull', 'not there'), 'CannotPullContainerError: not there'],
    [waiting('WaitingForDependency', 'waits for db to start'), 'waits for db to start'],
  ])('of %j', (state, text) => {
    expect(containerReason(state)).toBe(text);
  });
});
