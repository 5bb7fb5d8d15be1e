/** What the tasks of a service are to its scheduler. Pure. */
import type { Service, StoredDeployment, Task, TaskDefinition } from '@slipway/api/ecs/kinds';
import type { Tally } from './rollout.ts';

/** A task without a health check counts as healthy when it has been up for so long, where it is in the place of others; a first one does at once. */
export const settledAfterMs = 40_000;
/** Of a task that the scheduler stops because its checks fail. */
export const unhealthyReason = 'Task failed container health checks';

export type TaskClass = 'pending' | 'healthy' | 'unhealthy' | 'stopping' | 'ended';

export interface ClassifiedTask {
  readonly task: Task;
  readonly is: TaskClass;
  /** When it becomes healthy by time alone. */
  readonly againAtMs: number | undefined;
}

export interface HealthRules {
  /** By `FAMILY:REVISION`: an essential container has a health check. */
  readonly isChecked: (definition: string) => boolean;
  readonly graceMs: number;
  /** It is in the place of others. */
  readonly mustSettle: (task: Task) => boolean;
  readonly nowMs: number;
}

export function classify(task: Task, rules: HealthRules): ClassifiedTask {
  const { spec, status = {} } = task;
  const as = (is: TaskClass, againAtMs?: number): ClassifiedTask => ({ task, is, againAtMs });
  if (status.lastStatus === 'STOPPED') return as('ended');
  if (spec.desiredStatus === 'STOPPED' || task.metadata.deletionTimestamp) return as('stopping');
  if (status.lastStatus !== 'RUNNING') return as('pending');
  const startedAtMs = Date.parse(status.startedAt ?? '') || rules.nowMs;
  if (!rules.isChecked(status.taskDefinition ?? spec.taskDefinition)) {
    const settledAtMs = startedAtMs + settledAfterMs;
    return settledAtMs <= rules.nowMs || !rules.mustSettle(task) ? as('healthy') : as('pending', settledAtMs);
  }
  if (status.healthStatus === 'HEALTHY') return as('healthy');
  if (status.healthStatus !== 'UNHEALTHY') return as('pending');
  const graceEndsMs = startedAtMs + rules.graceMs;
  return graceEndsMs > rules.nowMs ? as('pending', graceEndsMs) : as('unhealthy');
}

export function hasHealthCheck({ spec }: TaskDefinition): boolean {
  return (spec.containerDefinitions ?? []).some(
    ({ essential = true, healthCheck }) => essential && healthCheck && healthCheck.command[0] !== 'NONE',
  );
}

export function tally(tasks: readonly ClassifiedTask[]): Tally {
  const count = (is: TaskClass) => tasks.filter((each) => each.is === is).length;
  return { pending: count('pending'), healthy: count('healthy'), unhealthy: count('unhealthy') };
}

/** The service scheduler leaves it alone until then. */
export function isProtected(task: Task, nowMs: number): boolean {
  return protectedUntilMs(task) > nowMs;
}

export function protectedUntilMs({ spec }: Task): number {
  return Date.parse(spec.protection?.expirationDate ?? '') || 0;
}

/** Ends that speak against a deployment: it did not start, or did not stay up. */
export function isFailure({ status }: Task): boolean {
  const { stopCode, stoppedReason } = status ?? {};
  return (
    stopCode === 'TaskFailedToStart' || stopCode === 'EssentialContainerExited' || stoppedReason === unhealthyReason
  );
}

/** Tasks of one revision are alike, whichever deployment began them: going back to a revision takes those that still run. */
export function isOf({ spec }: Task, { serviceRevision }: Pick<StoredDeployment, 'serviceRevision'>): boolean {
  return spec.serviceRevision === serviceRevision;
}

/** Failures of a deployment since one of its tasks was healthy last (`resets`), or all of them, the newest first. */
export function failuresSinceHealth(
  deployment: Pick<StoredDeployment, 'serviceRevision' | 'createdAt'>,
  tasks: readonly ClassifiedTask[],
  resets = true,
): readonly Task[] {
  const own = tasks.filter(({ task }) => isOf(task, deployment));
  const healthySinceMs = Math.max(
    Date.parse(deployment.createdAt ?? '') - 1 || 0,
    ...own
      .filter(({ is }) => resets && is === 'healthy')
      .map(({ task }) => Date.parse(task.status?.startedAt ?? '') || 0),
  );
  return own
    .filter(({ is, task }) => is === 'ended' && isFailure(task) && stoppedAtMs(task) > healthySinceMs)
    .map(({ task }) => task)
    .toSorted((a, b) => stoppedAtMs(b) - stoppedAtMs(a));
}

export function stoppedAtMs({ status }: Task): number {
  return Date.parse(status?.stoppedAt ?? '') || 0;
}

/** As ECS has it: a service called `web` has the group `service:web`. */
export function groupOfService(service: Service): string {
  return `service:${nameOfService(service)}`;
}

export function nameOfService({ metadata, spec }: Service): string {
  return spec.serviceName ?? metadata.name ?? '';
}
