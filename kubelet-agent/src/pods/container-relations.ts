/**
 * What the containers of a pod are to each other (`@slipway/api/container-terms`): who waits for whom, whose end is the end of all, who goes
 * first at the end. Pure; all of it follows from what is seen now, so an agent that starts again comes to the same answers.
 */
import { type ContainerDependency, podTerms } from '@slipway/api/container-terms';
import type { Pod } from '@slipway/api/types';
import { endOf, finalEndOf } from './container-ends.ts';
import { latestContainer, type ObservedPod } from './observed-pod.ts';
import { appContainersOf, type PodContainer } from './pod-containers.ts';

/** Why a container may not start: not yet, or never. */
export interface Obstacle {
  readonly isFinal: boolean;
  /** `waits for db to become healthy` */
  readonly message: string;
  /** When waiting turns into giving up. */
  readonly untilMs?: number;
  /** Of a final one: since when it is. Absent where the end of an essential container is what makes it so. */
  readonly sinceMs?: number;
}

/** What does not hold of what a container depends on: what ended its hope first, else the first; undefined when it may start. */
export function obstacleOf(
  pod: Pod,
  { spec }: PodContainer,
  observed: ObservedPod,
  nowMs: number,
): Obstacle | undefined {
  const obstacles = (podTerms(pod)[spec.name]?.dependsOn ?? []).flatMap((dependency) => {
    const obstacle = obstacleIn(dependency, { pod, observed, nowMs });
    return obstacle ? [obstacle] : [];
  });
  const since = ({ sinceMs = Number.MAX_VALUE }: Obstacle) => sinceMs;
  const finals = obstacles.filter(({ isFinal }) => isFinal).toSorted((a, b) => since(a) - since(b));
  return finals[0] ?? obstacles[0];
}

interface Scene {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly nowMs: number;
}

const becoming = { started: 'start', healthy: 'become healthy', completed: 'complete', succeeded: 'succeed' } as const;

function obstacleIn(dependency: ContainerDependency, scene: Scene): Obstacle | undefined {
  const { pod, observed, nowMs } = scene;
  const { container: name, condition, timeoutSeconds } = dependency;
  const container = appContainersOf(pod).find(({ spec }) => spec.name === name);
  if (!container || holds(dependency, container, scene)) return undefined;
  const word = becoming[condition];
  const final = finalEndOf(pod, observed, container);
  const startedAtMs = latestContainer(observed, name)?.startedAtMs;
  const untilMs = startedAtMs && timeoutSeconds ? startedAtMs + timeoutSeconds * 1000 : undefined;
  if (untilMs !== undefined && untilMs <= (final?.finishedAtMs ?? nowMs)) {
    return never(`${name} did not ${word} within ${timeoutSeconds} s`, untilMs);
  }
  if (final)
    return never(
      `${name} exited with ${final.exitCode}, and was to ${word}`,
      podTerms(pod)[name]?.essential ? undefined : final.finishedAtMs,
    );
  const before = startedAtMs ? undefined : obstacleOf(pod, container, observed, nowMs);
  if (before?.isFinal) return never(`${name} never starts: ${before.message}`, before.sinceMs);
  return { isFinal: false, message: `waits for ${name} to ${word}`, ...(untilMs === undefined ? {} : { untilMs }) };
}

function never(message: string, sinceMs: number | undefined): Obstacle {
  return { isFinal: true, message, ...(sinceMs === undefined ? {} : { sinceMs }) };
}

function holds({ condition }: ContainerDependency, container: PodContainer, { pod, observed }: Scene): boolean {
  const latest = latestContainer(observed, container.spec.name);
  const end = endOf(pod, observed, container);
  switch (condition) {
    case 'started':
      return end !== undefined || latest?.state === 'running';
    case 'healthy':
      return latest?.state === 'running' && (observed.probes.get(latest.id)?.ready ?? false);
    case 'completed':
      return end !== undefined || (latest?.attempt ?? 0) > 0;
    case 'succeeded':
      return end?.exitCode === 0;
  }
}

/** Why the pod is at its end although its containers are not. */
export type RelationEnd =
  | { readonly end: 'essential'; readonly container: string; readonly exitCode: number | undefined }
  | { readonly end: 'dependency'; readonly message: string };

export function relationEnd(pod: Pod, observed: ObservedPod, nowMs: number): RelationEnd | undefined {
  const terms = podTerms(pod);
  if (Object.keys(terms).length === 0) return undefined;
  const containers = appContainersOf(pod);
  const essentials = containers.filter(({ spec }) => terms[spec.name]?.essential);
  const [first] = essentials
    .flatMap((container) => {
      const end = finalEndOf(pod, observed, container);
      return end ? [{ container: container.spec.name, ...end }] : [];
    })
    .toSorted((a, b) => a.finishedAtMs - b.finishedAtMs);
  const essential = first && ({ end: 'essential', container: first.container, exitCode: first.exitCode } as const);
  for (const container of essentials.length > 0 ? essentials : containers) {
    if (latestContainer(observed, container.spec.name)) continue;
    const obstacle = obstacleOf(pod, container, observed, nowMs);
    // What ended because of it, ended later: the essential ones that were stopped are not the cause.
    const isFirst = !first || (obstacle?.sinceMs ?? Number.POSITIVE_INFINITY) <= first.finishedAtMs;
    if (obstacle?.isFinal && isFirst)
      return { end: 'dependency', message: `${container.spec.name} cannot start: ${obstacle.message}` };
  }
  return essential;
}

/** Of the containers that run, those that nothing that runs depends on: they end first. */
export function firstToEnd(pod: Pod, running: readonly string[]): readonly string[] {
  const terms = podTerms(pod);
  const needed = new Set(running.flatMap((name) => (terms[name]?.dependsOn ?? []).map(({ container }) => container)));
  return running.filter((name) => !needed.has(name));
}

/** The grace of one container; `graceMs` is what the pod has. */
export function ownGraceMs(pod: Pod, name: string, graceMs: number): number {
  const seconds = podTerms(pod)[name]?.stopTimeoutSeconds;
  return seconds === undefined ? graceMs : Math.min(seconds * 1000, graceMs);
}
