import { podTerms } from '@slipway/api/container-terms';
import { isRestarted } from '@slipway/api/restart-policy';
import type { Container, Pod } from '@slipway/api/types';

/** A sidecar is an init container that restarts always: it stays while the others run, and ends after them. */
export type ContainerRole = 'init' | 'sidecar' | 'app';

export interface PodContainer {
  readonly role: ContainerRole;
  readonly spec: Container;
}

export function initContainersOf(pod: Pod): PodContainer[] {
  return (pod.spec.initContainers ?? []).map((spec) => ({
    role: spec.restartPolicy === 'Always' ? 'sidecar' : 'init',
    spec,
  }));
}

export function appContainersOf(pod: Pod): PodContainer[] {
  return pod.spec.containers.map((spec) => ({ role: 'app', spec }));
}

export function containersOf(pod: Pod): PodContainer[] {
  return [...initContainersOf(pod), ...appContainersOf(pod)];
}

export function findContainer(pod: Pod, name: string): PodContainer | undefined {
  return containersOf(pod).find(({ spec }) => spec.name === name);
}

/** As upstream logs a pod: `name_namespace(uid)`. */
export function podDisplayName(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** How a container ended. */
export interface ContainerEnd {
  readonly exitCode: number | undefined;
  /** How long it ran; undefined when that is not known. */
  readonly ranMs: number | undefined;
}

/** True when a container is started again that ended so. */
export function restartsAfter(pod: Pod, { role, spec }: PodContainer, { exitCode, ranMs }: ContainerEnd): boolean {
  if (role === 'sidecar') return true;
  const isWanted = isRestarted(spec, pod.spec.restartPolicy, exitCode);
  if (role === 'init') return exitCode !== 0 && isWanted;
  const minSeconds = podTerms(pod)[spec.name]?.restartMinRunSeconds;
  // The runtime's two times may be a little apart: a container that ends at once can seem to have ended before it began.
  return isWanted && (minSeconds === undefined || ranMs === undefined || ranMs >= minSeconds * 1000);
}
