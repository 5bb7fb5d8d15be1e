import type { Container, Pod } from '@slipway/api/types';
import type { ContainerConfig, Image, LinuxContainerResources, Mount, MountPropagation } from '../runtime/cri.ts';
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
import type { UlimitBounds } from '../node/own-ulimits.ts';
import { beyondCri, logAnnotations, termsOf } from './runtime-terms.ts';
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
  /** What this node cannot raise limits above. */
  readonly ulimitBounds: UlimitBounds;
}

export const terminationMessagePathDefault = '/dev/termination-log';

/** Pure. Throws `ContainerConfigError`. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, attempt, image, variables } = input;
  const expand = (text: string) => expandVariables(text, (name) => variables.get(name));
  const stopSignal = container.lifecycle?.stopSignal;
  const terms = termsOf(pod, container.name);
  const beyond = beyondCri(terms, input.ulimitBounds);
  return {
    metadata: { name: container.name, attempt },
    image: { image: image.id, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir ?? '',
    envs: [...variables].map(([key, value]) => ({ key, value })),
    mounts: input.mounts,
    devices: (terms.devices ?? []).map(({ hostPath, containerPath = hostPath, permissions = 'rwm' }) => ({
      hostPath,
      containerPath,
      permissions,
    })),
    labels: { ...terms.labels, ...containerLabels(pod, container.name) },
    annotations: {
      ...logAnnotations(terms),
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
      resources: withSwap(containerResources(container, pod, input.memoryCapacityBytes), terms.swapLimitBytes),
      securityContext: containerSecurityContext(pod, container, image, input.seccompRoot),
      ...(beyond ? { beyondCri: beyond } : {}),
    },
  };
}

/** The kernel's limit is that of memory and swap together. */
function withSwap(resources: LinuxContainerResources, swapBytes: number | undefined): LinuxContainerResources {
  const { memoryLimitInBytes } = resources;
  if (swapBytes === undefined || memoryLimitInBytes === undefined) return resources;
  return { ...resources, memorySwapLimitInBytes: memoryLimitInBytes + swapBytes };
}

export function mountPropagation(mode: string | undefined): MountPropagation {
  if (mode === 'HostToContainer') return 'PROPAGATION_HOST_TO_CONTAINER';
  if (mode === 'Bidirectional') return 'PROPAGATION_BIDIRECTIONAL';
  return 'PROPAGATION_PRIVATE';
}
