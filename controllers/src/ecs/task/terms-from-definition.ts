/** What ECS says of a container and a pod's spec cannot: see `@slipway/api/container-terms`. Pure. */
import type { RuntimeTerms } from '@slipway/api/container-runtime-terms';
import type { ContainerTerms } from '@slipway/api/container-terms';
import type { ContainerDependency, Device } from '@slipway/api/ecs/generated/types';
import { logOptions, tmpfsTerm } from './docker-options.ts';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';

/** ECS gives a container this long to end. */
export const stopTimeoutDefault = 30;
export const restartAttemptPeriodDefault = 300;
const bytesPerMib = 1024 ** 2;

const conditions = { START: 'started', COMPLETE: 'completed', SUCCESS: 'succeeded', HEALTHY: 'healthy' } as const;

export function termsFrom(definition: EffectiveContainer, task: EffectiveDefinition): ContainerTerms {
  const { dependsOn = [], essential = true, stopTimeout = stopTimeoutDefault, restartPolicy } = definition;
  return {
    ...(dependsOn.length > 0 ? { dependsOn: dependsOn.map((each) => dependencyFrom(each, task.containers)) } : {}),
    essential,
    stopTimeoutSeconds: stopTimeout,
    ...(restartPolicy?.enabled
      ? { restartMinRunSeconds: restartPolicy.restartAttemptPeriod ?? restartAttemptPeriodDefault }
      : {}),
    ...runtimeTermsFrom(definition, task),
  };
}

/** ECS has the time limit at the container that is waited for. */
function dependencyFrom({ containerName, condition }: ContainerDependency, all: readonly EffectiveContainer[]) {
  const target = all.find(({ name }) => name === containerName);
  const timeoutSeconds = condition === 'START' ? undefined : target?.startTimeout;
  return {
    container: target?.podName ?? containerName,
    condition: conditions[condition],
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
  };
}

const numericUser = /^\d+(:\d+)?$/;

/** A user that a pod's own fields can name: numbers alone. */
export function isNumericUser(user: string | undefined): boolean {
  return user !== undefined && numericUser.test(user);
}

function runtimeTermsFrom(container: EffectiveContainer, { ipcMode }: EffectiveDefinition): RuntimeTerms {
  const {
    user,
    ulimits = [],
    linuxParameters = {},
    logConfiguration,
    dockerLabels = {},
    disableNetworking,
  } = container;
  const { devices = [], initProcessEnabled, maxSwap } = linuxParameters;
  const tmpfs = (linuxParameters.tmpfs ?? []).filter(({ mountOptions }) => mountOptions?.length);
  const log = logOptions(logConfiguration).value;
  return {
    ...(user && !isNumericUser(user) ? { user } : {}),
    ...(initProcessEnabled ? { init: true } : {}),
    ...(ulimits.length > 0
      ? { ulimits: ulimits.map(({ name, softLimit, hardLimit }) => ({ name, soft: softLimit, hard: hardLimit })) }
      : {}),
    ...(devices.length > 0 ? { devices: devices.map(deviceFrom) } : {}),
    ...(tmpfs.length > 0 ? { tmpfs: tmpfs.map((each) => tmpfsTerm(each).value) } : {}),
    ...(disableNetworking ? { network: 'none' } : {}),
    ...(ipcMode === 'none' ? { ipc: 'private' } : {}),
    ...(maxSwap === undefined ? {} : { swapLimitBytes: maxSwap * bytesPerMib }),
    ...(log ? { log } : {}),
    ...(Object.keys(dockerLabels).length > 0 ? { labels: dockerLabels } : {}),
  };
}

const permissionLetters = { read: 'r', write: 'w', mknod: 'm' } as const;

function deviceFrom({ hostPath, containerPath, permissions = [] }: Device) {
  return {
    hostPath,
    ...(containerPath ? { containerPath } : {}),
    ...(permissions.length > 0
      ? { permissions: [...new Set(permissions)].map((each) => permissionLetters[each]).join('') }
      : {}),
  };
}
