/** Where a simulated pod is in its life, and what comes next. All of it is pure; chance is handed in. */
import { parseDurationMs } from '@slipway/api/duration';
import { isRestarted } from '@slipway/api/restart-policy';
import type { ContainerStatus, Pod } from '@slipway/api/types';
import type { Random } from '@slipway/kit/random';
import { isTerminalPhase } from '../pods/pod-containers.ts';
import { exitCodeAnnotation, holdAnnotation, isMeantFor, type PodState, type Stage } from './stage.ts';

export interface PodLife {
  readonly state: PodState;
  /** When the pod came into this state, by the clock of the simulation. */
  readonly sinceMs: number;
  /** Starts of its containers after the first. */
  readonly restarts: number;
  /** When its containers started last. */
  readonly startedMs?: number;
  readonly exitCode?: number;
}

export interface NextStage {
  readonly stage: Stage;
  /** From when the pod came into its state. */
  readonly delayMs: number;
}

function lifeFrom(pod: Pod, nowMs: number): PodLife {
  const { phase, containerStatuses = [], conditions = [], podIP } = pod.status ?? {};
  const restarts = Math.max(0, ...containerStatuses.map(({ restartCount }) => restartCount ?? 0));
  const running = latestOf(containerStatuses, ({ state }) => state?.running?.startedAt);
  const ended = latestOf(
    containerStatuses,
    ({ state, lastState }) => (state?.terminated ?? lastState?.terminated)?.finishedAt,
  );
  if (running !== undefined && phase === 'Running') {
    const ready = conditions.find(({ type }) => type === 'ContainersReady' || type === 'Ready');
    const isReady = ready?.status === 'True' || containerStatuses.every((status) => status.ready);
    const sinceMs = isReady ? (timeOf(ready?.lastTransitionTime) ?? running) : running;
    return { state: isReady ? 'ready' : 'running', sinceMs, restarts, startedMs: running };
  }
  if (isTerminalPhase(phase) || ended !== undefined) {
    const exitCode =
      containerStatuses.map(exitCodeOf).find((code) => code !== undefined) ?? (phase === 'Failed' ? 1 : 0);
    return {
      state: 'exited',
      sinceMs: ended ?? nowMs,
      restarts,
      exitCode,
      ...(ended === undefined ? {} : { startedMs: ended }),
    };
  }
  return { state: podIP ? 'creating' : 'pending', sinceMs: nowMs, restarts: 0 };
}

/** What the API shows of the pod, read back: this is all that the simulation knows of it after a restart. */
export function currentLife(pod: Pod, nowMs: number): PodLife {
  const life = lifeFrom(pod, nowMs);
  return pod.metadata.deletionTimestamp ? { ...life, state: 'terminating', sinceMs: nowMs } : life;
}

function exitCodeOf({ state, lastState }: ContainerStatus): number | undefined {
  return (state?.terminated ?? lastState?.terminated)?.exitCode;
}

function latestOf(statuses: readonly ContainerStatus[], time: (status: ContainerStatus) => string | undefined) {
  const times = statuses.map((status) => timeOf(time(status))).filter((ms) => ms !== undefined);
  return times.length > 0 ? Math.max(...times) : undefined;
}

function timeOf(text: string | undefined): number | undefined {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/** True when nothing will start in the pod again. */
export function isOver(pod: Pod, { state, exitCode }: PodLife): boolean {
  return (
    state === 'exited' &&
    (isTerminalPhase(pod.status?.phase) ||
      !pod.spec.containers.some((container) => isRestarted(container, pod.spec.restartPolicy, exitCode)))
  );
}

/** The stage that the pod takes next; undefined where it stays as it is. */
export function nextStage(stages: readonly Stage[], pod: Pod, life: PodLife, random: Random): NextStage | undefined {
  if (life.state === 'gone' || isOver(pod, life)) return undefined;
  const planned =
    pod.metadata.annotations?.[holdAnnotation] === life.state ? undefined : chosen(stages, pod, life, random);
  const leftMs = deadlineMs(pod) - life.sinceMs;
  if (life.state === 'terminating' || leftMs >= (planned?.delayMs ?? Number.POSITIVE_INFINITY)) return planned;
  return Number.isFinite(leftMs) ? { stage: deadline, delayMs: Math.max(leftMs, 0) } : planned;
}

/** The pod has been active for as long as it may; `podStatus` finds the words. */
const deadline: Stage = {
  name: 'reach the deadline',
  from: 'running',
  to: 'exited',
  delayMs: 0,
  jitterMs: 0,
  exitCode: 137,
  chance: 1,
  match: {},
};

function deadlineMs({ spec, status }: Pod): number {
  const startMs = timeOf(status?.startTime);
  if (spec.activeDeadlineSeconds === undefined || startMs === undefined) return Number.POSITIVE_INFINITY;
  return startMs + spec.activeDeadlineSeconds * 1000;
}

function chosen(stages: readonly Stage[], pod: Pod, life: PodLife, random: Random): NextStage | undefined {
  const stage = stages.find(
    (candidate) =>
      candidate.from === life.state &&
      isMeantFor(candidate, pod) &&
      (candidate.chance === 1 || random.next() < candidate.chance),
  );
  return stage && { stage, delayMs: delayOf(stage, pod, life, random) };
}

function delayOf(stage: Stage, pod: Pod, { restarts }: PodLife, random: Random): number {
  const told = parseDurationMs(pod.metadata.annotations?.[stage.delayAnnotation ?? ''] ?? '');
  const plainMs = told ?? stage.delayMs;
  const doubled =
    stage.delayMaxMs === undefined ? plainMs : Math.min(plainMs * 2 ** Math.min(restarts, 30), stage.delayMaxMs);
  const delayMs = doubled + (stage.jitterMs === 0 ? 0 : stage.jitterMs * random.next());
  if (stage.from !== 'terminating') return delayMs;
  // What lasts longer than the grace period is killed.
  return Math.min(delayMs, (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
}

/** The pod's life once it has taken the stage. */
export function afterStage({ to, from, exitCode }: Stage, pod: Pod, life: PodLife, nowMs: number): PodLife {
  const { restarts, startedMs } = life;
  const started = startedMs === undefined ? {} : { startedMs };
  switch (to) {
    case 'running':
    case 'ready': {
      const begins = from === 'pending' || from === 'creating' || from === 'exited';
      return {
        state: to,
        sinceMs: nowMs,
        restarts: from === 'exited' ? restarts + 1 : restarts,
        ...(begins ? { startedMs: nowMs } : started),
      };
    }
    case 'exited': {
      const told = Number(pod.metadata.annotations?.[exitCodeAnnotation] ?? Number.NaN);
      const code = Number.isInteger(told) && told >= 0 && told <= 255 ? told : exitCode;
      return { state: to, sinceMs: nowMs, restarts, startedMs: startedMs ?? nowMs, exitCode: code };
    }
    default:
      return { ...life, state: to, sinceMs: nowMs };
  }
}
