import type { Pod } from '@slipway/api/types';
import { type RelationEnd, relationEnd } from './container-relations.ts';
import type { ObservedPod } from './observed-pod.ts';
import { graceMsOf, planContainers } from './plan-containers.ts';
import { isTerminalPhase } from './pod-containers.ts';
import { isSetUpStep, type PodStep, stepKey } from './pod-steps.ts';
import type { PodStageName, StageInput } from './stages/pod-stage.ts';
import { podStages } from './stages/pod-stages.ts';

export interface PodPlan {
  /** The next steps, all of which may run at the same time. Empty: nothing to do until something changes. */
  readonly steps: readonly PodStep[];
  /** Set-up steps that run now and must end first, because the pod is to go. */
  readonly abortSetUp: boolean;
  readonly againAtMs?: number;
}

/** Why the pod runs no further; undefined while it shall run. */
export type PodEnd = 'deleted' | 'rejected' | 'deadline' | RelationEnd['end'] | 'finished';

/**
 * Decides the next steps of one pod. Pure. Called again after each step and each change, so a plan never looks ahead:
 * what it returns can be done now. Steps that run already are not returned again.
 */
export function planPod(pod: Pod, observed: ObservedPod, nowMs: number): PodPlan {
  const end = podEnd(pod, observed, nowMs);
  if (end === 'rejected' && observed.sandboxes.length === 0 && !observed.volumesOnDisk) return nothing;
  return end ? planTearDown(pod, observed, nowMs, end) : planSetUp(pod, observed, nowMs);
}

const nothing: PodPlan = { steps: [], abortSetUp: false };

export function podEnd(pod: Pod, observed: ObservedPod, nowMs: number): PodEnd | undefined {
  if (observed.gone || pod.metadata.deletionTimestamp !== undefined) return 'deleted';
  if (observed.rejection) return 'rejected';
  const deadlineAtMs = deadlineMs(pod);
  if (deadlineAtMs !== undefined && nowMs >= deadlineAtMs) return 'deadline';
  const related = relationEnd(pod, observed, nowMs);
  if (related) return related.end;
  if (isTerminalPhase(pod.status?.phase)) return 'finished';
  return planContainers(pod, observed, nowMs).finished ? 'finished' : undefined;
}

function deadlineMs(pod: Pod): number | undefined {
  const seconds = pod.spec.activeDeadlineSeconds;
  const startTime = pod.status?.startTime;
  return seconds === undefined || startTime === undefined ? undefined : Date.parse(startTime) + seconds * 1000;
}

function planSetUp(pod: Pod, observed: ObservedPod, nowMs: number): PodPlan {
  const input: StageInput = { pod, observed, nowMs, graceMs: graceMsOf(pod) };
  const containers = planContainers(pod, observed, nowMs);
  const steps: PodStep[] = containers.stops.map(({ observed: { id, name }, graceMs, message }) => ({
    step: 'stopContainer',
    containerId: id,
    container: name,
    graceMs,
    message,
  }));
  const done = new Set<PodStageName>();
  for (const stage of podStages) {
    if (!stage.after.every((name) => done.has(name))) continue;
    const progress = stage.setUp(input);
    steps.push(...progress.steps);
    if (progress.done) done.add(stage.name);
  }
  steps.push(...forgetOldAttempts(observed));
  return planOf(steps, observed, nowMs, Math.min(deadlineMs(pod) ?? never, containers.againAtMs ?? never));
}

function planTearDown(pod: Pod, observed: ObservedPod, nowMs: number, end: PodEnd): PodPlan {
  if ([...observed.inFlight].some(isSetUpStep)) return { steps: [], abortSetUp: true };
  const input: StageInput = { pod, observed, nowMs, graceMs: tearDownGraceMs(pod, end) };
  for (const stage of podStages.toReversed()) {
    const { done, steps } = stage.tearDown(input);
    if (!done) return planOf(steps, observed, nowMs);
  }
  return planOf(end === 'deleted' ? planRemoval(observed) : forgetOldAttempts(observed), observed, nowMs);
}

const never = Number.POSITIVE_INFINITY;

/** Leaves out what runs already, and what failed and has to wait. */
function planOf(wanted: readonly PodStep[], observed: ObservedPod, nowMs: number, againAtMs = never): PodPlan {
  const steps: PodStep[] = [];
  let atMs = againAtMs;
  for (const step of wanted) {
    const key = stepKey(step);
    const retryAtMs = observed.failures.get(key)?.retryAtMs ?? 0;
    if (observed.inFlight.has(key)) continue;
    if (retryAtMs <= nowMs) steps.push(step);
    else atMs = Math.min(atMs, retryAtMs);
  }
  return { steps, abortSetUp: false, ...(Number.isFinite(atMs) ? { againAtMs: atMs } : {}) };
}

/** A pod that was deleted without grace still gets a second, as upstream gives it. */
function tearDownGraceMs(pod: Pod, end: PodEnd): number {
  const seconds = pod.metadata.deletionGracePeriodSeconds;
  if (end === 'deleted' && seconds !== undefined) return Math.max(seconds, 1) * 1000;
  return graceMsOf(pod);
}

/** Everything has ended: the API first, so that nobody waits for our sweeping, then the remains. */
function planRemoval(observed: ObservedPod): PodStep[] {
  if (!observed.gone) return [{ step: 'deletePod' }];
  if (observed.sandboxes.length > 0) {
    return observed.sandboxes.map(({ id }) => ({ step: 'removeSandbox', sandboxId: id }));
  }
  return observed.filesOnDisk ? [{ step: 'sweepPod' }] : [];
}

/** One dead attempt per container name stays, for its log, its exit code and the back-off; so does one dead sandbox. */
function forgetOldAttempts(observed: ObservedPod): PodStep[] {
  const kept = new Map<string, number>();
  const steps: PodStep[] = [];
  for (const container of observed.containers) {
    if (container.state !== 'exited') continue;
    const deadSoFar = kept.get(container.name) ?? 0;
    kept.set(container.name, deadSoFar + 1);
    if (deadSoFar > 0) steps.push({ step: 'removeContainer', containerId: container.id });
  }
  const needed = new Set(observed.containers.map(({ sandboxId }) => sandboxId));
  for (const sandbox of observed.sandboxes.slice(1)) {
    if (sandbox.state === 'notReady' && !needed.has(sandbox.id))
      steps.push({ step: 'removeSandbox', sandboxId: sandbox.id });
  }
  return steps;
}
