import type { Container, Pod } from '@slipway/api/types';
import type { ContainerConfig, Image, Mount, MountPropagation } from '../runtime/cri.ts';
import { containerResources } from './container-resources.ts';
import { expandVariables } from './expand-variables.ts';
import {
  backoffAnnotation,
  containerLabels,
  imageAnnotation,
  restartCountAnnotation,
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from './pod-labels.ts';
import { containerSecurityContext } from './security-context.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly backoffMs: number;
  readonly image: Image;
  readonly variables: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly memoryCapacityBytes: number;
  readonly seccompRoot: string;
}

export const terminationMessagePathDefault = '/dev/termination-log';

/** Pure. Throws `ContainerConfigError`. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, attempt, image, variables } = input;
  const expand = (text: string) => expandVariables(text, (name) => variables.get(name));
  const stopSignal = container.lifecycle?.stopSignal;
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.id, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    envs: [...variables].map(([key, value]) => ({ key, value })),
    mounts: input.mounts,
    devices: [],
    labels: containerLabels(pod, container.name),
    annotations: {
      [backoffAnnotation]: String(input.backoffMs),
      [imageAnnotation]: container.image ?? '',
      [restartCountAnnotation]: String(attempt),
      [terminationMessagePathAnnotation]: container.terminationMessagePath ?? terminationMessagePathDefault,
      [terminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? 'File',
    },
    logPath: `${container.name}/${attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    ...(stopSignal ? { stopSignal } : {}),
    linux: {
      resources: containerResources(container, pod, input.memoryCapacityBytes),
      securityContext: containerSecurityContext(pod, container, image, input.seccompRoot),
    },
  };
}

export function mountPropagation(mode: string | undefined): MountPropagation {
  if (mode === 'HostToContainer') return 'PROPAGATION_HOST_TO_CONTAINER';
  if (mode === 'Bidirectional') return 'PROPAGATION_BIDIRECTIONAL';
  return 'PROPAGATION_PRIVATE';
}
