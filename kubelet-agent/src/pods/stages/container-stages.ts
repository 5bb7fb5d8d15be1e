import { firstToEnd, ownGraceMs } from '../container-relations.ts';
import type { ObservedContainer } from '../observed-pod.ts';
import { planContainers } from '../plan-containers.ts';
import { initContainersOf } from '../pod-containers.ts';
import type { PodStep } from '../pod-steps.ts';
import { type PodStage, type StageInput, type StageProgress, stageOf } from './pod-stage.ts';

/** Init containers in their order, sidecars among them; sidecars end after the other containers, in reverse order. */
export const initContainersStage: PodStage = {
  name: 'initContainers',
  after: ['volumes', 'sandbox', 'images'],
  setUp: (input) => ({ ...containerProgress(input, (role) => role !== 'app'), done: isInitialized(input) }),
  tearDown: (input) => {
    const sidecars = initContainersOf(input.pod)
      .filter(({ role }) => role === 'sidecar')
      .map(({ spec }) => spec.name);
    const running = input.observed.containers.filter(
      (container) => isAlive(container) && sidecars.includes(container.name),
    );
    const last = running.sort((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name))[0];
    return stageOf(last ? [stopStep(last, input.graceMs)] : []);
  },
};

/** The containers that the pod is for. At the end those go first that others do not depend on. */
export const containersStage: PodStage = {
  name: 'containers',
  after: ['volumes', 'sandbox', 'images', 'initContainers'],
  setUp: (input) => containerProgress(input, (role) => role === 'app'),
  tearDown: (input) => {
    const sidecars = new Set(
      initContainersOf(input.pod)
        .filter(({ role }) => role === 'sidecar')
        .map(({ spec }) => spec.name),
    );
    const running = input.observed.containers.filter(
      (container) => isAlive(container) && !sidecars.has(container.name),
    );
    const first = firstToEnd(
      input.pod,
      running.map(({ name }) => name),
    );
    return stageOf(
      running
        .filter(({ name }) => first.includes(name))
        .map((container) => stopStep(container, ownGraceMs(input.pod, container.name, input.graceMs))),
    );
  },
};

function isInitialized({ pod, observed, nowMs }: StageInput): boolean {
  return planContainers(pod, observed, nowMs).initialized;
}

function containerProgress(
  { pod, observed, nowMs }: StageInput,
  isMine: (role: 'init' | 'sidecar' | 'app') => boolean,
): StageProgress {
  const plan = planContainers(pod, observed, nowMs);
  const steps: PodStep[] = [];
  for (const { container, attempt, backoffMs } of plan.starts) {
    if (!isMine(container.role) || observed.images.get(container.spec.name)?.attempt !== attempt) continue;
    steps.push({ step: 'startContainer', container: container.spec.name, attempt, backoffMs });
  }
  return stageOf(steps);
}

function isAlive({ state }: ObservedContainer): boolean {
  return state === 'running' || state === 'unknown';
}

function stopStep(container: ObservedContainer, graceMs: number): PodStep {
  return {
    step: 'stopContainer',
    containerId: container.id,
    container: container.name,
    graceMs,
    message: `Stopping container ${container.name}`,
  };
}
